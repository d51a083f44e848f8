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
    Memory,
    Published,
    Rows,
    ScriptWrite,
    Select,
    Staged,
    StateEntry,
    StepError,
    TableInfo,
    TableSchema,
    TableWrite,
    Token,
    Udf,
    ViewWrite,
    quote,
    refuse_failed,
)

from . import checking, inventory, ledger, publishing, staging, state
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
        self._cancel: Callable[[], None] | None = None
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

    def columns(self, source: Select | ArrowStream) -> TableSchema:
        """Return the columns of a source without taking its rows."""
        self._set_up(source)
        try:
            return staging.columns(self.db, source)
        except StepError as error:
            raise explained(source if isinstance(source, Select) else None, error) from error

    def _set_up(self, source: Select | ArrowStream) -> None:
        if isinstance(source, Select):
            for statement in source.setup:
                self.db.execute(statement)
            self._teardown += source.teardown
            if source.cleanup is not None:
                self._cleanup.append(source.cleanup)
        self._cancel = source.cancel if isinstance(source, ArrowStream) else None

    def stage(self, source: Select | ArrowStream, batch: Batch) -> Staged:
        """Take a batch in, as a query when it is used once, else as a table."""
        self._set_up(source)
        try:
            staged = staging.stage(self.db, source, batch)
        except StepError as error:
            raise explained(source, error) from error
        if staged.table is not None:
            self._staged.append(staged.table)
        return staged

    def check(self, relation: str, checks: Sequence[Check]) -> tuple[CheckResult, ...]:
        """Run checks in as few scans as possible."""
        return checking.run(self.db, relation, checks)

    def publish(self, commit: Commit) -> Published:
        """Write, check and record in one transaction."""
        write = commit.write
        plan = publishing.prepare(self.db, write) if write is not None else None
        made = commit.target if isinstance(write, (TableWrite, ViewWrite)) else None
        schema: TableSchema | None = None
        targets = write.targets if isinstance(write, ScriptWrite) else (commit.target,)
        makes = bool(plan and plan.makes)
        with self.db.transaction():
            done = self._written(plan, write) if plan else publishing.Done(publishing.read_only(commit.rows))
            for script in commit.aside:
                publishing.prepare(self.db, script).run(self.db)
            checks: tuple[CheckResult, ...] = ()
            if commit.checks and commit.target:
                checks = checking.run(self.db, quoted(commit.target), commit.checks)
                refuse_failed(checks, kept=f"{commit.target} keeps its old rows")
            memories = commit.state
            if made and commit.learned is not None:
                schema = self.db.types_of(quoted(made))
                memories += commit.learned(schema)
            changed = write is not None and (makes or done.changed)
            line = ledger.append(self.db, commit.token, targets, done.total, made=makes, changed=changed)
            if makes and made and self.warehouse.remembered(made):
                state.forget_target(self.db, commit.token, made, line, own=bool(plan and plan.anew))
            state.remember(self.db, commit.token, commit.target, memories, self.warehouse.next_line())
        ledger.verify(self.db, commit.token, line)
        self.commits += (commit.target,)
        for target in targets if changed else ():
            if target is not None:
                self.warehouse.moved(target, line)
        if memories and commit.target:
            self.warehouse.remembered(commit.target, now=True)
        if isinstance(write, ScriptWrite):
            self.warehouse.forget()
        elif write is not None and plan is not None:
            kind: Literal["table", "view"] = "view" if isinstance(write, ViewWrite) else "table"
            self.warehouse.note(write.target, Entry(kind, plan.indexes), made=makes)
        if made and schema is None:
            schema = self.db.types_of(quoted(made))
        return Published(done.rows, schema, checks, done.warnings)

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

    def state(
        self, pipeline: str | None = None, step: str | None = None, *, history: bool = False
    ) -> tuple[StateEntry, ...]:
        """Return what steps remember."""
        if not self.warehouse.has_state():
            return ()
        return state.entries(self.db, pipeline, step, history=history)

    def remember(self, token: Token, target: str, memories: Sequence[Memory]) -> None:
        """Write state outside of a run."""
        line = self.warehouse.next_line()
        with self.db.transaction():
            state.remember(self.db, token, target, memories, line)
        self.warehouse.remembered(target, now=True)

    def version(self, table: str) -> str | None:
        """Name the last commit that changed a table, or what a view reads."""
        return inventory.version(self.db, table)

    def fingerprint(self, pipeline: str, step: str) -> str | None:
        """Return what the last commit of a step said that it was."""
        return ledger.fingerprint(self.db, pipeline, step)

    def interrupt(self) -> None:
        """Stop the running statement, and the stream that it may be waiting for."""
        self.db.raw.interrupt()
        if (cancel := self._cancel) is not None:
            cancel()

    def close(self) -> None:
        """Roll back and let go; the first session takes the functions and the database with it."""
        import duckdb

        unused = [f"DROP TABLE IF EXISTS {quoted(name)}" for name in self._staged]
        for statement in (*unused, *reversed(self._teardown)):
            with contextlib.suppress(duckdb.Error):  # the connection goes anyway
                self.db.raw.execute(statement)
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
