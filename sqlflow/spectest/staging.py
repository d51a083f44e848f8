"""From a plan and a test to the plan that runs: what is given stands in, and only what is expected is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from sqlflow.compile import Compiled
from sqlflow.errors import DocumentError, SQLFlowError
from sqlflow.plan import Plan, PlannedStep, table_key
from sqlflow.problem import Problem, did_you_mean
from sqlflow.registry import Catalog
from sqlflow.sdk import (
    VALUELESS,
    BoundEndpoint,
    Column,
    ColumnSpec,
    Role,
    StepInput,
    StepPlan,
    StepType,
    TableSchema,
    TableStep,
    roles,
)
from sqlflow.spec import ExpectedRows, Rows

from .declared import DeclaredTest
from .fixtures import Fixtures, Given, Look, names_of
from .standins import FillConfig, FillTable, GivenOptions, GivenRows

GIVEN = "given by the test"
NOT_NEEDED = "not expected by the test"


class Staging:
    """Prepares one test. `folder` takes the files that it needs; it lives as long as the test.

    `compiled` knows the columns of tables and sources, as far as that can be without asking anybody.
    """

    def __init__(
        self, plan: Plan, declared: DeclaredTest, catalog: Catalog, folder: Path, compiled: Compiled, look: Look
    ) -> None:
        self.plan = plan
        self.declared = declared
        self.test = declared.test
        self.catalog = catalog
        self.folder = folder
        self.compiled = compiled
        dialect = plan.engine.engine.dialect
        self.fixtures = Fixtures(catalog, folder, declared.folder, dialect, look)
        self.by_id = {step.id: step for step in plan.steps}
        self.problems: list[Problem] = []
        self.misnamed = False
        """Whether a name of given rows stands for nothing, so that others may seem to have none."""
        self.outputs: dict[str, Path] = {}
        """Where the rows of an expected export are, by its id."""
        self.names: list[str] = []
        """The tables and exports that count."""
        self.given: dict[tuple[str, str], Given] = {}
        """Rows that stand in the document for columns that are known, by their part of the test and their name."""
        self.expected: dict[str, Given] = {}
        """Rows that are expected and stand in files, by the name of their table or export."""

    def staged(self) -> Plan:
        """Return the plan of the test.

        Raises:
            DocumentError: a name stands for nothing, or a step would have to read its real source.

        """
        given_steps, given_tables = self._sorted()
        self.misnamed = bool(self.problems)
        loads = {
            name: self._rows(("given", name), self.compiled.batches.get(name), self.by_id[name].plan.writes)
            for name in given_steps
        }
        filled = {table_key(name) for name in self.test.given if name not in given_steps}
        reached = self._reached(given_steps, given_tables, filled)
        self.names = list(self.test.expect) or ([] if self.test.error else self._leaves(reached.values()))
        needed = self._needed(filled, reached)
        steps: list[PlannedStep] = []
        fills = [self._fill(key, part, name) for key, (part, name) in given_tables.items()]
        first = frozenset(step.id for step in fills)
        for step in self.plan.steps:
            if {table_key(t) for t in step.plan.writes} & filled:
                steps.append(replace(step, skip=GIVEN))
            elif step.id not in needed:
                steps.append(replace(step, skip=NOT_NEEDED))
            else:
                steps.append(self._isolated(step, loads))
        for name, rows in self.test.expect.items():
            if rows is not None and rows.rows is None and (wanted := self.read(("expect", name), rows)) is not None:
                self.expected[name] = wanted
            self._hold_columns(name, rows)
        if self.problems:
            raise DocumentError(sorted(self.problems, key=lambda p: p.mark or self.declared.mark))
        waits = {name: others | first for name, others in self.plan.waits_for.items()}
        waits |= {name: frozenset() for name in first}
        storage = self.catalog.storage("memory")
        engine = replace(self.plan.engine, storage=storage(), storage_config=storage.Config())
        return replace(self.plan, steps=(*fills, *steps), waits_for=waits, engine=engine, target=self.folder / "target")

    def _hold_columns(self, name: str, rows: ExpectedRows | None) -> None:
        """Tell the columns that are expected of a table and that it does not have, as far as they are known."""
        table = self.compiled.tables.get(table_key(name))
        if rows is None or table is None or table.schema is None or table.gone or table.partial:
            return
        held = self.expected.get(name)
        for column in names_of(rows.rows or ()) if held is None else held.held.names:
            if table.schema.get(column) is None:
                hint = did_you_mean(column, table.schema.names, noun="column")
                row = next((n for n, row in enumerate(rows.rows or ()) if column in row), 0)
                self._refuse(f"{name} has no column {column!r}", hint, "expect", name, "rows", row, column)

    def _sorted(self) -> tuple[list[str], dict[str, tuple[str, str]]]:
        """Tell which names are steps and which are tables: those by their keys, with the part that gives their rows."""
        tables = {table_key(t) for step in self.plan.steps for t in step.reads | step.plan.writes}
        steps = [name for name in self.test.given if name in self.by_id and _sources(self.by_id[name])]
        found: dict[str, tuple[str, str]] = {}
        for part, names in (("given", self.test.given), ("state", self.test.state)):
            for name in names:
                if part == "given" and name in steps:
                    continue
                if table_key(name) in tables:
                    found[table_key(name)] = (part, name)
                    continue
                known = {*tables, *(s.id for s in self.plan.steps if _sources(s) and part == "given")}
                noun = "table or load" if part == "given" else "table"
                what = "no table of the pipeline" + (", and no step that reads a source" if part == "given" else "")
                self._refuse(f"{name!r} is {what}", did_you_mean(name, known, noun=noun), part, name)
        return steps, found

    def _needed(self, filled: set[str], reached: Iterable[str]) -> set[str]:
        """Return the steps that make what is expected, down to what is given; those `reached` where one is to fail."""
        wanted: set[str] = set()
        for name in self.names:
            key = table_key(name)
            makers = {s.id for s in self.plan.steps if key in {table_key(t) for t in s.plan.writes}}
            if name in self.by_id and not self.by_id[name].plan.writes:
                makers = {name}
            if not makers and key not in filled:
                known = {t for s in self.plan.steps for t in s.plan.writes} | set(self.by_id)
                hint = did_you_mean(name, known, noun="table or export")
                self._refuse(f"nothing writes {name!r}, which is expected", hint, "expect", name)
            wanted |= makers
        if not self.names:
            wanted = set(reached) or {s.id for s in self.plan.steps if s.plan.writes or not _destinations(s)}
        found: set[str] = set()
        stack = list(wanted)
        while stack:
            step = self.by_id[stack.pop()]
            if step.id in found or {table_key(t) for t in step.plan.writes} & filled:
                continue
            found.add(step.id)
            stack += [other for other in self.plan.waits_for[step.id] if not _destinations(self.by_id[other])]
        return found

    def _reached(self, loads: Iterable[str], given: Iterable[str], filled: set[str]) -> dict[str, PlannedStep]:
        """Return the steps that run on what is `given` alone; tables that are `filled` stay as they are."""
        made: dict[str, PlannedStep] = {}
        there, touched = set(given), set(given)
        for step in self.plan.steps:
            reads, writes = _keys(step.reads), _keys(step.plan.writes)
            waits = (self.by_id[other] for other in self.plan.waits_for[step.id])
            ready = all(other.id in made or _keys(other.plan.writes) & filled for other in waits)
            if not ready or reads - there - writes or writes & filled or _destinations(step):
                continue
            if step.id not in loads and _sources(step):
                continue
            there |= writes
            made[step.id] = step
            touched |= writes if step.id in loads or reads & touched else set()
        return {name: step for name, step in made.items() if _keys(step.reads | step.plan.writes) & touched}

    def _leaves(self, reached: Iterable[PlannedStep]) -> list[str]:
        """Return the tables that steps make and that none of them reads."""
        steps = list(reached)
        read = {key for step in steps for key in _keys(step.reads) - _keys(step.plan.writes)}
        made = [[s.given.config.target] if isinstance(s.step_type, TableStep) else sorted(s.plan.writes) for s in steps]
        leaves = [name for names in made for name in names if table_key(name) not in read]
        if not leaves:
            self._refuse("nothing is made of what it gives alone", "name tables under expect")
        return list(dict.fromkeys(leaves))

    def _isolated(self, step: PlannedStep, given: Mapping[str, Given | None]) -> PlannedStep:
        """Return a step that reads and writes nothing outside of the test."""
        endpoints = dict(step.given.endpoints)
        for name in _sources(step):
            if step.id not in given:
                place = endpoints[name].place or endpoints[name].label
                hint = f"write given: {{{step.id}: [...]}}, or give the table that it writes"
                if not self.misnamed:
                    self._refuse(f"step {step.id!r} would read {place}", hint)
                continue
            options = GivenOptions(rows=given[step.id])
            endpoints[name] = BoundEndpoint(GivenRows(), GivenRows.Config(), options, f"given {step.id}")
        config = step.given.config
        for name in _destinations(step):
            parquet = self.catalog.connector("parquet")
            self.outputs[step.id] = path = self.folder / f"{step.id}.parquet"
            write = (parquet.WriteOptions or GivenOptions).model_validate({"path": str(path)})
            endpoints[name] = BoundEndpoint(parquet(), parquet.Config(), write, step.id)
            config = config.model_copy(update={"mode": "replace", "key": [], "at_least_once": False})
        return replace(step, given=replace(step.given, config=config, endpoints=endpoints), retry=None)

    def _fill(self, key: str, part: str, name: str) -> PlannedStep:
        writer = next((s for s in self.plan.steps if key in {table_key(t) for t in s.plan.writes}), None)
        config = writer.given.config if writer is not None else None
        cursor = getattr(config, "cursor", None)
        state = self.test.state[name] if part == "state" else None
        table = self.compiled.known(key)
        columns = _columns(config)
        if state is None:  # its writer does not run, and nobody else holds its rows to what it declares
            columns = {column: ColumnSpec(type=spec.type) for column, spec in columns.items()}
        values = FillConfig(
            target=name,
            rows=self._rows((part, name), table.schema if table is not None else None, [name]),
            columns=columns,
            owner=writer.id if writer is not None else "",
            cursor=cursor.column if state is not None and cursor is not None else None,
            watermark=state.watermark if state is not None else None,
        )
        fill: StepType = FillTable()
        return PlannedStep(
            f"given {name}", f"given {name}", -1, FillTable.name, fill, StepInput(values),
            StepPlan(writes=frozenset({name})), self.declared.mark,
        )  # fmt: skip

    def _rows(self, path: tuple[str, str], schema: TableSchema | None, tables: Iterable[str]) -> Given | None:
        """Return the rows of a part of the test, for `tables`; a column that these do not have is told."""
        part, name = path
        rows: Rows = (self.test.given if part == "given" else self.test.state)[name]
        given = self.read(path, rows, schema)
        if given is not None and schema is not None and self._may_have_more(tables):
            more = tuple(Column(column, VALUELESS) for column in given.held.names if schema.get(column) is None)
            schema = TableSchema((*schema, *more))  # what nobody declares has the type that the rows show
            given = self.read(path, rows, schema) if more else given
        for column in given.held.names if given is not None and schema is not None else ():
            if schema is not None and schema.get(column) is None:
                hint = did_you_mean(column, schema.names, noun="column")
                row = next((n for n, row in enumerate(rows.rows or ()) if column in row), 0)
                self._refuse(f"{name} has no column {column!r}", hint, *path, "rows", row, column)
        if given is not None and given.inline and given.schema is not None:
            self.given[path] = given
        return given

    def _may_have_more(self, tables: Iterable[str]) -> bool:
        known = (self.compiled.known(table_key(table)) for table in tables)
        return any(table is not None and table.partial for table in known)

    def read(self, path: tuple[str, str], rows: Rows, schema: TableSchema | None = None) -> Given | None:
        """Return rows as something that can be read; None: they cannot, which is told."""
        part, name = path
        try:
            return self.fixtures.make(f"{part} {name}", rows, schema)
        except FileNotFoundError as error:
            self._refuse(f"there is no file {error}", "paths start at the document's folder", *path)
        except SQLFlowError as error:
            self._refuse(error.message, error.hint, *path)
        return None

    def _refuse(self, told: str, hint: str | None, *place: str | int) -> None:
        mark = self.declared.place(*place) if place else self.declared.mark
        self.problems.append(Problem("SF760", f"test {self.test.name!r}: {told}", mark, hint))


def _columns(config: Any) -> dict[str, ColumnSpec]:
    """Return the columns that the writer of a table declares, and those that its mode adds."""
    columns = dict(getattr(config, "columns", None) or {})
    if getattr(config, "mode", None) == "scd2":
        cursor = columns.get(config.cursor.column) if config.cursor is not None else None
        moment = cursor or ColumnSpec(type="TIMESTAMP")
        columns |= {"valid_from": moment, "valid_to": moment, "is_current": ColumnSpec(type="BOOLEAN")}
    return columns


def _keys(tables: Iterable[str]) -> set[str]:
    return {table_key(table) for table in tables}


def _sources(step: PlannedStep) -> list[str]:
    return list(_endpoints(step, Role.SOURCE))


def _destinations(step: PlannedStep) -> list[str]:
    return list(_endpoints(step, Role.DESTINATION))


def _endpoints(step: PlannedStep, role: Role) -> Iterator[str]:
    known = roles(step.step_type.Config)
    for name in step.given.endpoints:
        if known.get((name,)) is role:
            yield name
