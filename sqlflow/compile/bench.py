"""The bench that plans are held on: sessions in memory, kept for the next plan, and which empty tables they have.

A table is made when a statement first reads it, and stays for the next plan that has the same. Knows sessions.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from sqlflow.plan import EnginePlan, table_key
from sqlflow.project import open_workspace
from sqlflow.sdk import Batch, CannotBind, Opening, Select, Session, StorageLocation, TableSchema, Token, Udf

MOST = 256
"""Tables that a session keeps; beyond that it is opened anew, which costs less than what they hold."""
KEPT = 4096
"""Statements whose outcome is kept: who edits a document has all of it held again, and little of it is new."""


class Blank(Struct):
    """A session in which every table is empty."""

    session: Session
    present: dict[str, TableSchema] = field(default_factory=dict)
    functions: tuple[Udf, ...] = ()
    used: bool = False
    """Whether statements of a document have run in it, so that it holds more than the tables put there."""
    outcomes: dict[Any, TableSchema | CannotBind] = field(default_factory=dict)
    """What came of statements, by all that it depends on."""

    def put(self, table: str, schema: TableSchema | None) -> None:
        """Have a table with these columns, or none of that name."""
        key = table_key(table)
        if self.present.get(key) == schema:
            return
        self.session.declare(table, schema)
        if schema is None:
            self.present.pop(key, None)
        else:
            self.present[key] = schema

    def bind(
        self,
        sql: str,
        parameters: Mapping[str, Any],
        reads: Iterable[str] = (),
        constants: Callable[[], bool] | None = None,
    ) -> TableSchema | CannotBind:
        """Hold a statement against the tables that it reads, once for each of their shapes.

        `constants` tells from nothing but these whether the casts of constants are tried out, too.
        """
        tables = tuple((key, self.present.get(key)) for key in sorted(map(table_key, reads)))
        known = (sql, repr(parameters), tables, constants is None)
        if known in self.outcomes and not self.used:
            return self.outcomes[known]
        try:
            outcome: TableSchema | CannotBind = self.session.bind(
                sql, parameters, constants=constants is not None and constants()
            )
        except CannotBind as error:
            outcome = error.with_traceback(None)
        if not self.used:
            if len(self.outcomes) >= KEPT:
                self.outcomes.clear()
            self.outcomes[known] = outcome
        return outcome


class Bench(Struct):
    """Sessions for all plans of a process, one for each engine and its settings. Closed by whoever made it."""

    _blank: dict[Any, Blank] = field(default_factory=dict)
    _eyes: dict[Any, Session] = field(default_factory=dict)
    _outcomes: dict[Any, dict[Any, TableSchema | CannotBind]] = field(default_factory=dict)
    looked: dict[str, TableSchema] = field(default_factory=dict)
    """The columns of files, by their state and by how they are read."""
    _texts: dict[Path, tuple[int, str]] = field(default_factory=dict)
    _described: dict[tuple[int, str], TableSchema | None] = field(default_factory=dict)

    def blank(self, engine: EnginePlan, functions: tuple[Udf, ...] = ()) -> Blank:
        """Return a session for one plan; nothing that another plan left there can be seen by it."""
        name = _name(engine)
        found = self._blank.get(name)
        if found is not None and (found.used or found.functions != functions or len(found.present) > MOST):
            found.session.close()
            found = None
        if found is None:
            declared = tuple((f.name, f.parameters, f.returns, f.null_input) for f in functions)
            outcomes = self._outcomes.setdefault((name, declared), {})
            found = Blank(_opened(engine, sealed=True), functions=functions, outcomes=outcomes)
            self._blank[name] = found
            for function in functions:
                found.session.register(function)
        return found

    def columns(self, engine: EnginePlan, source: Select) -> TableSchema:
        """Look at what a local source holds."""
        name = _name(engine)
        if name not in self._eyes:
            self._eyes[name] = _opened(engine, sealed=False)
        with contextlib.closing(self._eyes[name].fork()) as session:
            return session.columns(source)

    def hold_rows(self, engine: EnginePlan, source: Select) -> None:
        """Read all rows of a local source and let them go.

        Raises:
            StepError: a value does not have the type that its column is to have.

        """
        name = _name(engine)
        if name not in self._eyes:
            self._eyes[name] = _opened(engine, sealed=False)
        with contextlib.closing(self._eyes[name].fork()) as session:
            session.stage(source, Batch("rows", Token("bench", "rows", 1, "bench"), "replace", {}))

    def note(self, known: str, columns: TableSchema) -> None:
        """Keep the columns of files in the state that they are in."""
        if len(self.looked) >= KEPT:
            self.looked.clear()
        self.looked[known] = columns

    def described(self, warehouse: Session, table: str) -> TableSchema | None:
        """Return the columns of a table of a warehouse, which is asked once; nobody changes it meanwhile."""
        key = (id(warehouse), table_key(table))
        if key not in self._described:
            info = warehouse.describe(table)
            self._described[key] = info.schema if info is not None else None
        return self._described[key]

    def neighbours(self, folder: Path) -> list[Path]:
        """Return the documents of the project that a plan belongs to."""
        return open_workspace(folder).specs()

    def text(self, path: Path) -> str:
        """Return the text of a document, read again when it has changed."""
        changed = path.stat().st_mtime_ns
        if path not in self._texts or self._texts[path][0] != changed:
            self._texts[path] = (changed, path.read_text(encoding="utf-8", errors="ignore"))
        return self._texts[path][1]

    def close(self) -> None:
        """Let go of everything."""
        for session in (*(blank.session for blank in self._blank.values()), *self._eyes.values()):
            session.close()
        self._blank.clear()
        self._eyes.clear()


@contextlib.contextmanager
def borrowed(bench: Bench | None) -> Iterator[Bench]:
    """Use a bench, or one that ends with this use."""
    if bench is not None:
        yield bench
        return
    with contextlib.closing(Bench()) as own:
        yield own


def _opened(engine: EnginePlan, *, sealed: bool) -> Session:
    nowhere = StorageLocation(None, exists=False)
    return engine.engine.open(engine.engine_config, Opening(nowhere, Path(), sealed=sealed))


def _name(engine: EnginePlan) -> Any:
    return engine.engine.name, engine.engine_config.model_dump_json()
