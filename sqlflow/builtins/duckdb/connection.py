"""One DuckDB connection: statements run to their end, errors in SQLFlow's words, transactions that cannot lie.

After any failed statement DuckDB aborts the transaction, and a later COMMIT succeeds while rolling back. So a
transaction in which something failed is never committed, whoever caught the error.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from sqlflow.sdk import Column, SQLFlowError, StepError, TableSchema

from .faults import translated
from .warehouse import Warehouse

BATCH = 16_384
"""Rows in one Arrow batch. A column of a batch holds two gigabytes at most, which is 131 KB a value."""


class Connection:
    """A cursor on the warehouse with at most one transaction."""

    def __init__(self, raw: Any, warehouse: Warehouse) -> None:
        self.raw = raw
        self.warehouse = warehouse
        self._broken = False

    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Run a statement to its end; an error in a late row is met here and not after the commit."""
        with self._guarded():
            found: list[tuple[Any, ...]] = self.raw.execute(sql, dict(parameters or {})).fetchall()
            return found

    def make(self, table: str, query: str, parameters: Mapping[str, Any] | None = None, kind: str = "TABLE") -> int:
        """Make a table of a query, in the place of one of that name; returns how many rows it has."""
        made = self.execute(f"CREATE OR REPLACE {kind} {table} AS {query}", parameters)
        if not made:  # PIVOT is several statements to DuckDB, and the last one does not say
            made = self.execute(f"SELECT count(*) FROM {table}")
        return int(made[0][0])

    def arrow(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """Return a result as an Arrow table."""
        with self._guarded():
            return self.raw.sql(sql, params=dict(parameters or {})).to_arrow_table()

    def stream(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """Return a result as a reader of Arrow batches; it owns the connection until it is closed."""
        with self._guarded():
            return self.raw.sql(sql, params=dict(parameters or {})).to_arrow_reader(BATCH)

    def schema_of(self, relation: str, parameters: Mapping[str, Any] | None = None) -> TableSchema:
        """Return the columns of whatever may follow FROM."""
        rows = self.execute(f"DESCRIBE FROM {relation}", parameters)
        return TableSchema(tuple(Column(r[0], r[1], False if r[2] == "NO" else None) for r in rows))

    def types_of(self, relation: str) -> TableSchema:
        """Return the columns of a table or view without asking which may be NULL; four times cheaper."""
        with self._guarded():
            found = self.raw.sql(f"FROM {relation}")
            return TableSchema(tuple(Column(n, str(t)) for n, t in zip(found.columns, found.types, strict=True)))

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end, roll back on any error. After an error nothing commits."""
        import duckdb

        self.execute("BEGIN TRANSACTION")
        self._broken = False
        try:
            yield
            self._refuse_broken()
            self.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(duckdb.Error):  # COMMIT may have ended it already
                self.raw.execute("ROLLBACK")
            raise

    def _refuse_broken(self) -> None:
        if self._broken:
            raise StepError("a statement of this transaction failed, so it cannot be committed", code="SF717")

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Translate errors, and remember that the transaction is dead after one."""
        try:
            with translated():
                yield
        except SQLFlowError:
            self._broken = True
            raise
