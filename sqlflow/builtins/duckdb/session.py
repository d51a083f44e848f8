"""One connection to the warehouse: queries, staging, checks and the one short transaction that publishes."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlflow.sdk import (
    ArrowStream,
    Batch,
    Check,
    CheckResult,
    Commit,
    Memory,
    Published,
    Rows,
    RunInterrupted,
    Select,
    SetAside,
    Staged,
    StateEntry,
    StepError,
    TableInfo,
    TableSchema,
    Token,
    Udf,
    quote,
    quote_target,
)

from . import blank, checking, inventory, ledger, quarantine, staging, state
from .committing import Committing, explained
from .connection import Connection
from .faults import translated
from .outflow import DuckDbRows
from .warehouse import ALIAS, Warehouse

_WRITING = frozenset({"ALTER", "COPY", "CREATE", "CREATE_FUNC", "DELETE", "DROP", "INSERT", "MERGE_INTO", "UPDATE"})

PATIENCE = 0.05
"""Seconds between two looks whether a session that waits has been interrupted."""


class DuckDbSession:
    """A session of the DuckDB engine. Used by one thread at a time; `interrupt` may come from any."""

    dialect = "duckdb"

    def __init__(self, connection: Any, warehouse: Warehouse, *, forked: bool = False, sealed: bool = False) -> None:
        self.db = Connection(connection, warehouse)
        self.warehouse = warehouse
        self._forked = forked
        self.sealed = sealed
        """Whether it reaches nothing outside and holds no rows: what `declare` makes is all there is."""
        self._teardown: list[str] = []
        self._staged: list[str] = []
        self._cleanup: list[Callable[[], None]] = []
        self._cancel: Callable[[], None] | None = None
        self._setting = False
        self._interrupted = False
        self.commits: tuple[str | None, ...] = ()

    def fork(self) -> DuckDbSession:
        """Open another connection to the same warehouse."""
        with translated():
            cursor = self.warehouse.root.cursor()
            cursor.execute(f"USE {quote(ALIAS)}")
        return DuckDbSession(cursor, self.warehouse, forked=True, sealed=self.sealed)

    def prepare(self, schemas: Sequence[str]) -> None:
        """Create schemas and state tables, serially, before any step."""
        self.warehouse.prepare(schemas)

    def register(self, function: Udf) -> None:
        """Make a Python function callable from SQL."""
        with translated(), _named(function):
            self.warehouse.root.create_function(
                function.name,
                _plain(function),
                list(function.parameters),
                function.returns,
                type="arrow" if function.arrow else "native",
                null_handling="special" if function.null_input else "default",
                side_effects=not function.deterministic,
            )
        self.warehouse.functions.append(function.name)

    def exists(self, table: str) -> bool:
        """Tell whether there is a table or view of that name."""
        return self.warehouse.entry(table) is not None

    def describe(self, table: str) -> TableInfo | None:
        """Return what is known of a table or view."""
        entry = self.warehouse.entry(table)
        if entry is None:
            return None
        schema = self.db.schema_of(quote_target(table))
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

    def declare(self, table: str, schema: TableSchema | None) -> None:
        """Make an empty table of these columns, or take a table away."""
        blank.declare(self.db, table, schema)

    def bind(self, sql: str, parameters: Mapping[str, Any] | None = None, *, constants: bool = False) -> TableSchema:
        """Hold a statement against the tables that are there."""
        return blank.bind(self.db, sql, dict(parameters or {}), constants=constants)

    def _set_up(self, source: Select | ArrowStream) -> None:
        if isinstance(source, Select):
            if source.setup and not self._setting:
                self._await_setting()
            for statement in source.setup:
                self.db.execute(statement)
            self._teardown += source.teardown
            if source.cleanup is not None:
                self._cleanup.append(source.cleanup)
        self._cancel = source.cancel if isinstance(source, ArrowStream) else None

    def _await_setting(self) -> None:
        """Wait until no other session has something attached, unless this one is interrupted."""
        while not self.warehouse.setting.acquire(timeout=PATIENCE):
            if self._interrupted:
                raise RunInterrupted("interrupted while waiting for another step's source")
        self._setting = True

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
        try:
            return checking.run(self.db, relation, checks)
        except StepError:
            for check in checks if len(checks) > 1 else ():  # alone, the broken one is named
                checking.run(self.db, relation, [check])
            raise

    def sift(
        self, staged: Staged, checks: Sequence[Check], table: str
    ) -> tuple[Staged, SetAside | None, tuple[CheckResult, ...]]:
        """Take the rows that fail a check out of a batch."""
        return quarantine.sift(self.db, staged, checks, table)

    def rejected(self, source: Select, table: str) -> SetAside | None:
        """Return what the scan of a source could not read."""
        return quarantine.rejected(self.db, source.rejects, table) if source.rejects else None

    def publish(self, commit: Commit) -> Published:
        """Write, check and record in one transaction."""
        published = Committing(self.db, commit).run()
        self.commits += (commit.target,)
        return published

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Rows:
        """Return the rows of a query on their way out."""
        return DuckDbRows(self.db, sql, dict(parameters or {}), self.db.schema_of(f"({sql})", parameters))

    def fetch(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Return all rows of a small result."""
        self._refuse_writing(sql)
        return self.db.execute(sql, parameters)

    def _refuse_writing(self, sql: str) -> None:
        """Refuse what would change tables beside the one transaction that publishes; empty tables are free to."""
        if self.sealed:
            return
        with translated():
            kinds = {statement.type.name for statement in self.db.raw.extract_statements(sql)}
        if found := sorted(kinds & _WRITING):
            told = f"a query only may be fetched, found {found[0].replace('_', ' ')}"
            raise StepError(told, hint="publish a ScriptWrite, so that it commits with the step", code="SF791")

    def arrow(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """Return a result as an Arrow table."""
        return self.db.arrow(sql, parameters)

    def committed(self, run: str) -> dict[str, str | None]:
        """Return the steps of a run that the ledger holds."""
        return ledger.steps_of(self.db, run)

    def state(
        self, pipeline: str | None = None, step: str | None = None, *, history: bool = False
    ) -> tuple[StateEntry, ...]:
        """Return what steps remember."""
        if not self.warehouse.has_state():
            return ()
        return state.entries(self.db, pipeline, step, history=history)

    def remember(self, *notes: tuple[Token, str, Sequence[Memory]]) -> None:
        """Write state outside of a run, all of it or nothing."""
        with self.db.transaction():
            for token, target, memories in notes:
                state.remember(self.db, token, target, memories, self.warehouse.next_line())
        for target in {target for _, target, _ in notes if target}:
            self.warehouse.remember(target)

    def version(self, table: str) -> str | None:
        """Name the last commit that changed a table, or what a view reads."""
        return inventory.version(self.db, table)

    def fingerprint(self, pipeline: str, step: str) -> str | None:
        """Return what the last commit of a step said that it was."""
        return ledger.fingerprint(self.db, pipeline, step)

    def on_interrupt(self, way: Callable[[], None] | None) -> None:
        """Say what `interrupt` calls as well."""
        self._cancel = way

    def interrupt(self) -> None:
        """Stop the running statement, and what it or the step may be waiting for."""
        self._interrupted = True
        self.db.raw.interrupt()
        if (cancel := self._cancel) is not None:
            cancel()

    def close(self) -> None:
        """Roll back and let go; the first session takes the functions and the database with it."""
        import duckdb

        unused = [f"DROP TABLE IF EXISTS {quote_target(name)}" for name in self._staged]
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


@contextlib.contextmanager
def _named(function: Udf) -> Iterator[None]:
    """Say of a function that DuckDB has already which one it is; the SQL of any document may call it."""
    import duckdb

    try:
        yield
    except duckdb.CatalogException as error:
        if "already exists" not in str(error):
            raise
        told = f"function {function.name!r} cannot be declared: DuckDB has one of that name"
        hint = "rename it; `sqlflow plugin list` shows which plugin brings it, if it is none of the project's own"
        raise StepError(told, hint=hint, code="SF604") from error


def _plain(function: Udf) -> Callable[..., Any]:
    """Return the function in a form that DuckDB takes: it evaluates annotations, which may hold for checkers only."""
    try:
        inspect.signature(function.function, eval_str=True)
    except Exception:  # noqa: BLE001 - evaluating an annotation may raise anything; the types are known anyway

        def plain(*values: Any) -> Any:
            return function.function(*values)

        only = inspect.Parameter.POSITIONAL_ONLY
        plain.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(f"value{n}", only) for n in range(len(function.parameters))]
        )
        return plain
    return function.function
