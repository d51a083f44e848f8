"""What tests of writing share: rows on their way out, and writing them by the connector or by a document."""

from pathlib import Path

import duckdb
from sqlflow_postgres.connector import Postgres
from sqlflow_postgres.options import PostgresConfig, PostgresWrite

from sqlflow.sdk import Column, TableSchema, WriteRequest


class Outgoing:
    """The rows of a DuckDB query on their way out, as an engine hands them over."""

    dialect = "duckdb"

    def __init__(self, sql):
        self.connection = duckdb.connect()
        self.connection.execute("set timezone = 'UTC'")
        self.sql = sql
        described = self.connection.execute(f"describe {sql}").fetchall()
        self.schema = TableSchema(tuple(Column(row[0], row[1]) for row in described))

    def copy(self, statement):
        """Refuse: rows go out as batches."""
        raise AssertionError("rows go out as batches")

    def batches(self):
        """Stream the rows."""
        return self.connection.sql(self.sql).to_arrow_reader(1000)


def write(db, sql, mode="replace", key=(), token="", **options):
    """Write the rows of a query into the table t."""
    given = PostgresWrite(**{"table": "t", **options})
    request = WriteRequest(PostgresConfig(**db.config), given, Path(), mode, key, token)
    return Postgres().write(request, Outgoing(sql))


def export(sql, mode, more=""):
    """Return an export step whose rows are those of a query."""
    return f"""
        - id: out
          type: export
          sql: {sql}
          target: {{connection: pg, table: t}}
          mode: {mode}
          {more}
        """


def done(db, steps):
    """Run a document and see its one step succeed."""
    with db.spec(steps).run() as result:
        assert result.status == "succeeded", result.steps[0].error
        return result.steps[0]
