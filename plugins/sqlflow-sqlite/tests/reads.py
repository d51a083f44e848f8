"""What tests of reading share: databases made of scripts, and their rows by the connector or by a document."""

import sqlite3
from contextlib import closing
from textwrap import dedent

from sqlflow_sqlite.connector import SqliteConnector, SqliteFile, SqliteRead

from sqlflow.pipeline import Pipeline
from sqlflow.sdk import Delta, ReadRequest


def database(folder, script, name="shop.db"):
    """Make a database out of a script."""
    with closing(sqlite3.connect(folder / name)) as db:
        db.executescript(script)
    return folder / name


def request(folder, since=None, types=None, **options):
    """Return what a step would ask of the connector."""
    delta = Delta(since=since, types=types or {})
    return ReadRequest(SqliteFile(path="shop.db"), SqliteRead(**options), folder, delta=delta)


def rows(folder, since=None, types=None, **options):
    """Read through the connector alone."""
    with SqliteConnector().read(request(folder, since, types, **options)).open() as reader:
        return reader.read_all()


def run(folder, source="table: t", more="", steps=None):
    """Run a load of table t and return status, error and rows."""
    text = f"""
        - id: load
          type: load
          source: {{connector: sqlite, path: shop.db, {source}}}
          target: out
          {more}
    """
    file = folder / "spec.yaml"
    file.write_text(f"version: 1\nname: s\nsteps:\n{dedent(steps or text)}\n")
    with Pipeline.from_file(file).run() as result:
        step = result.steps[0]
        return result.status, step.error, (result.table("out") if result.status == "succeeded" else None)
