"""Limits: connections that are shared, locks that are waited for."""

import threading
import time
from pathlib import Path

import psycopg
import pytest
from sqlflow_postgres.connector import Postgres
from sqlflow_postgres.options import PostgresConfig, PostgresRead, PostgresWrite

from sqlflow.sdk import ReadRequest, TransientError, WriteRequest

from .cli import EXPORT
from .writes import Outgoing


def test_connections_are_limited(db):
    """Steps of one process share `max_connections`, whatever each would like; the others wait and then work."""
    db.run("create table t as select n as k, pg_sleep(0)::text as v from generate_series(1, 300) n")
    config = PostgresConfig(**db.config, max_connections=2, application_name="limited")
    seen, failed, stop = [], [], threading.Event()

    def counts():
        with psycopg.connect(**{("dbname" if k == "database" else k): v for k, v in db.config.items()},
                             autocommit=True) as connection:  # fmt: skip
            while not stop.is_set():
                seen.append(connection.execute("select count(*) from pg_stat_activity "
                                               "where application_name = 'limited'").fetchone()[0])  # fmt: skip
                time.sleep(0.01)

    def reads():
        options = PostgresRead(query="select k, pg_sleep(0.001)::text from t", partition_on="k", partitions=4)
        try:
            reader = Postgres().read(ReadRequest(config, options, Path())).open()
            assert reader.read_all().num_rows == 300
            reader.close()
        except Exception as error:  # noqa: BLE001 - it is looked at below
            failed.append(error)

    threads = [threading.Thread(target=reads) for _ in range(3)]
    watching = threading.Thread(target=counts)
    watching.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    watching.join()
    assert failed == []
    assert 1 <= max(seen) <= 3  # a connection that was closed is seen for a moment


def test_a_write_that_waits_for_a_lock_ends_with_its_step(db):
    """The timeout of a step reaches a write that another session keeps waiting, and the old rows stay."""
    db.run("create table t (id int); insert into t values (7)")
    with psycopg.connect(**{("dbname" if k == "database" else k): v for k, v in db.config.items()}) as other:
        other.execute("lock table t in access exclusive mode")
        started = time.monotonic()
        with db.spec(EXPORT.rstrip() + "\n      timeout: 1s\n").run() as result:
            assert result.steps[0].error["code"] == "SF704"
        assert time.monotonic() - started < 20
    assert db.run("select * from t") == [(7,)]
    assert db.backends() == 0


def test_a_lock_that_takes_too_long_is_transient(db):
    """With `lock_timeout` a write gives up by itself, and may be tried again."""
    db.run("create table t (id int)")
    config = PostgresConfig(**db.config, lock_timeout="300ms")
    with psycopg.connect(**{("dbname" if k == "database" else k): v for k, v in db.config.items()}) as other:
        other.execute("lock table t in access exclusive mode")
        with pytest.raises(TransientError, match="lock timeout"):
            Postgres().write(WriteRequest(config, PostgresWrite(table="t"), Path()), Outgoing("select 1 as id"))
