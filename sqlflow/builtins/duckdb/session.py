"""One connection to the warehouse: queries, staging, checks and the one short transaction that publishes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from sqlflow.sdk import (
    ArrowStream,
    Batch,
    Check,
    CheckResult,
    Commit,
    Published,
    Rows,
    ScriptWrite,
    Select,
    Staged,
    StepError,
    TableInfo,
    TableWrite,
    Udf,
    ViewWrite,
    quote,
    refuse_failed,
)

from . import checking, ledger, publishing, staging
from .connection import Connection
from .faults import translated
from .outflow import DuckDbRows
from .warehouse import ALIAS, Entry, Warehouse, quoted


class DuckDbSession:
    """A session of the DuckDB engine. Used by one thread at a time; `interrupt` may come from any."""

    dialect = "duckdb"

    def __init__(self, connection: Any, warehouse: Warehouse, *, forked: bool = False) -> None:
        self.db = Connection(connection, warehouse)
        self.warehouse = warehouse
        self._forked = forked
        self._teardown: list[str] = []
        self._staged: list[str] = []
        self._cleanup: list[Callable[[], None]] = []
        self._setting = False
        self.commits: tuple[str | None, ...] = ()

    def fork(self) -> DuckDbSession:
        """Open another connection to the same warehouse."""
        with translated():
            cursor = self.warehouse.root.cursor()
            cursor.execute(f"USE {quote(ALIAS)}")
        return DuckDbSession(cursor, self.warehouse, forked=True)

    def prepare(self, schemas: Sequence[str]) -> None:
        """Create schemas and state tables, serially, before any step."""
        self.warehouse.prepare(schemas)

    def register(self, function: Udf) -> None:
        """Make a Python function callable from SQL."""
        with translated():
            self.warehouse.root.create_function(
                function.name,
                function.function,
                list(function.parameters),
                function.returns,
                type="arrow" if function.arrow else "native",
                null_handling="special" if function.null_input else "default",
                side_effects=not function.deterministic,
            )
        self.warehouse.functions.append(function.name)

    def describe(self, table: str) -> TableInfo | None:
        """Return what is known of a table or view."""
        entry = self.warehouse.entry(table)
        if entry is None:
            return None
        schema = self.db.schema_of(quoted(table))
        return TableInfo(table, entry.kind, schema, tuple(n for n, _ in entry.indexes), self.warehouse.owned(table))

    def tables(self) -> tuple[str, ...]:
        """Return all tables and views but the state."""
        return tuple(sorted(self.warehouse.entries()))

    def stage(self, source: Select | ArrowStream, batch: Batch) -> Staged:
        """Take a batch in, as a query when it is used once, else as a table."""
        if isinstance(source, Select):
            if source.setup and not self._setting:
                self._setting = self.warehouse.setting.acquire()
            for statement in source.setup:
                self.db.execute(statement)
            self._teardown += source.teardown
            if source.cleanup is not None:
                self._cleanup.append(source.cleanup)
        try:
            staged = staging.stage(self.db, source, batch)
        except StepError as error:
            raise explained(source, error) from error
        if staged.table is not None:
            self._staged.append(staged.table)
        return staged

    def check(self, relation: str, checks: Sequence[Check]) -> tuple[CheckResult, ...]:
        """Run checks in as few scans as possible."""
        try:
            return checking.run(self.db, relation, checks)
        except StepError:
            for check in checks if len(checks) > 1 else ():  # alone, the broken one is named
                checking.run(self.db, relation, [check])
            raise

    def publish(self, commit: Commit) -> Published:
        """Write, check and record in one transaction."""
        write = commit.write
        plan = publishing.prepare(self.db, write) if write is not None else None
        checks: tuple[CheckResult, ...] = ()
        try:
            with self.db.transaction():
                done = self._written(plan, write) if plan else publishing.Done(publishing.read_only(commit.rows))
                if commit.checks and commit.target:
                    checks = checking.run(self.db, quoted(commit.target), commit.checks)
                    refuse_failed(checks, kept=f"{commit.target} keeps its old rows")
                ledger.append(self.db, commit.token, commit.target, done.total, made=bool(plan and plan.makes))
        except StepError as error:
            if error.code == "SF702" and len(commit.checks) > 1:
                self._blame(plan, commit, error)
            raise
        ledger.verify(self.db, commit.token)
        self.commits += (commit.target,)
        if isinstance(write, ScriptWrite):
            self.warehouse.forget()
        elif write is not None and plan is not None:
            kind: Literal["table", "view"] = "view" if isinstance(write, ViewWrite) else "table"
            self.warehouse.note(write.target, Entry(kind, plan.indexes), made=plan.makes)
        made = commit.target if isinstance(write, (TableWrite, ViewWrite)) else None
        schema = self.db.types_of(quoted(made)) if made else None
        return Published(done.rows, schema, checks, done.warnings)

    def _blame(self, plan: publishing.Publication | None, commit: Commit, error: StepError) -> None:
        """Name the check whose SQL is broken. The transaction that met it is dead, so another is run and undone."""
        with self.db.transaction():
            if plan is not None:
                self._written(plan, commit.write)
            for check in commit.checks:
                checking.run(self.db, quoted(commit.target or ""), [check])
            raise error  # alone, each of them holds

    def _written(self, plan: publishing.Publication, write: Any) -> publishing.Done:
        try:
            return plan.run(self.db)
        except StepError as error:  # a batch that stayed a query is read only here
            raise explained(write.staged.source, error) if isinstance(write, TableWrite) else error from error

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Rows:
        """Return the rows of a query on their way out."""
        return DuckDbRows(self.db, sql, dict(parameters or {}), self.db.schema_of(f"({sql})", parameters))

    def fetch(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Return all rows of a small result."""
        return self.db.execute(sql, parameters)

    def arrow(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """Return a result as an Arrow table."""
        return self.db.arrow(sql, parameters)

    def committed(self, run: str) -> frozenset[str]:
        """Return the steps of a run that the ledger holds."""
        return ledger.steps_of(self.db, run)

    def interrupt(self) -> None:
        """Stop the running statement."""
        self.db.raw.interrupt()

    def close(self) -> None:
        """Roll back and let go; the first session takes the functions and the database with it."""
        import duckdb

        unused = [f"DROP TABLE IF EXISTS {quoted(name)}" for name in self._staged]
        for statement in (*unused, *reversed(self._teardown)):
            with contextlib.suppress(duckdb.Error):  # the connection goes anyway
                self.db.raw.execute(statement)
        if self._setting:
            self.warehouse.setting.release()
        for cleanup in self._cleanup:
            cleanup()
        if not self._forked:
            for name in self.warehouse.functions:
                with contextlib.suppress(duckdb.Error):
                    self.warehouse.root.remove_function(name)
            self.warehouse.functions.clear()
        self.db.raw.close()


def explained(source: Select | ArrowStream | None, error: StepError) -> StepError:
    """Let the connector say what an engine's error over its scan means."""
    explain = source.explain if isinstance(source, Select) else None
    return (explain(error.message) if explain else None) or error
