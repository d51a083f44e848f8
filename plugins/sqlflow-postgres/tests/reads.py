"""What tests of reading share: rows of a database by the connector alone."""

import time
from pathlib import Path

from sqlflow_postgres.connector import Postgres
from sqlflow_postgres.options import PostgresConfig, PostgresRead

from sqlflow.sdk import Delta, ReadRequest


def request(db, delta=None, columns=None, **options):
    """Ask for rows of a database."""
    config = PostgresConfig(**db.config)
    return ReadRequest(config, PostgresRead(**options), Path(), columns or {}, delta=delta or Delta())


def rows(db, **options):
    """Read everything at once."""
    reader = Postgres().read(request(db, **options)).open()
    try:
        return reader.read_all().to_pylist()
    finally:
        reader.close()


def numbers(db, **options):
    """Read everything and return the numbers in the column n; Python has no infinite dates."""
    reader = Postgres().read(request(db, **options)).open()
    try:
        return reader.read_all().column("n").to_pylist()
    finally:
        reader.close()


def wait_until(condition, seconds=10):
    """Wait for something to become true, and fail when it does not."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.02)
