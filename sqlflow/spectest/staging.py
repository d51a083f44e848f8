"""From a plan and a test to the plan that runs: what is given stands in, and only what is expected is made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlflow.errors import DocumentError
from sqlflow.plan import Plan, PlannedStep, table_key
from sqlflow.problem import Mark, Problem, did_you_mean
from sqlflow.registry import Catalog
from sqlflow.sdk import BoundEndpoint, ColumnSpec, Role, StepInput, StepPlan, StepType, roles
from sqlflow.spec import Rows, SpecTest, StateRows

from .standins import FillConfig, FillTable, Given, GivenOptions, GivenRows

GIVEN = "given by the test"
NOT_NEEDED = "not expected by the test"


class Staging:
    """Prepares one test. `folder` takes the files that it needs; it lives as long as the test."""

    def __init__(self, plan: Plan, test: SpecTest, catalog: Catalog, folder: Path, mark: Mark) -> None:
        self.plan = plan
        self.test = test
        self.catalog = catalog
        self.folder = folder
        self.mark = mark
        self.by_id = {step.id: step for step in plan.steps}
        self.outputs: dict[str, Path] = {}
        """Where the rows of an expected export are, by its id."""

    def staged(self) -> Plan:
        """Return the plan of the test.

        Raises:
            DocumentError: a name stands for nothing, or a step would have to read its real source.

        """
        given_steps, given_tables = self._sorted(self.test.given)
        given_tables |= {table_key(name): name for name in self.test.state if table_key(name) not in given_tables}
        state = {table_key(name): rows for name, rows in self.test.state.items()}
        filled = {table_key(name) for name in self.test.given if name not in given_steps}
        needed = self._needed(filled)
        steps: list[PlannedStep] = []
        fills = [self._fill(key, name, state.get(key)) for key, name in given_tables.items()]
        first = frozenset(step.id for step in fills)
        for step in self.plan.steps:
            if {table_key(t) for t in step.plan.writes} & filled:
                steps.append(replace(step, skip=GIVEN))
            elif step.id not in needed:
                steps.append(replace(step, skip=NOT_NEEDED))
            else:
                steps.append(self._isolated(step, given_steps))
        waits = {name: others | first for name, others in self.plan.waits_for.items()}
        waits |= {name: frozenset() for name in first}
        storage = self.catalog.storage("memory")
        engine = replace(self.plan.engine, storage=storage(), storage_config=storage.Config())
        return replace(self.plan, steps=(*fills, *steps), waits_for=waits, engine=engine, target=self.folder / "target")

    def _sorted(self, names: Iterable[str]) -> tuple[frozenset[str], dict[str, str]]:
        """Tell which names are steps and which are tables."""
        tables = {table_key(t) for step in self.plan.steps for t in step.reads | step.plan.writes}
        steps, found = set(), {}
        for name in names:
            if name in self.by_id and _sources(self.by_id[name]):
                steps.add(name)
            elif table_key(name) in tables:
                found[table_key(name)] = name
            else:
                known = {*tables, *(s.id for s in self.plan.steps if _sources(s))}
                hint = did_you_mean(name, known, noun="table or load")
                raise self._refused(f"{name!r} is no table of the pipeline, and no step that reads a source", hint)
        return frozenset(steps), found

    def _needed(self, filled: set[str]) -> set[str]:
        """Return the steps that make what is expected, down to what is given."""
        wanted: set[str] = set()
        for name in self.test.expect:
            key = table_key(name)
            makers = {s.id for s in self.plan.steps if key in {table_key(t) for t in s.plan.writes}}
            if name in self.by_id and not self.by_id[name].plan.writes:
                makers = {name}
            if not makers and key not in filled:
                known = {t for s in self.plan.steps for t in s.plan.writes} | set(self.by_id)
                hint = did_you_mean(name, known, noun="table or export")
                raise self._refused(f"nothing writes {name!r}, which is expected", hint)
            wanted |= makers
        if not self.test.expect:  # it is to fail somewhere
            wanted = {s.id for s in self.plan.steps if s.plan.writes or not _destinations(s)}
        found: set[str] = set()
        stack = list(wanted)
        while stack:
            step = self.by_id[stack.pop()]
            if step.id in found or {table_key(t) for t in step.plan.writes} & filled:
                continue
            found.add(step.id)
            stack += [other for other in self.plan.waits_for[step.id] if not _destinations(self.by_id[other])]
        return found

    def _isolated(self, step: PlannedStep, given: frozenset[str]) -> PlannedStep:
        """Return a step that reads and writes nothing outside of the test."""
        endpoints = dict(step.given.endpoints)
        for name in _sources(step):
            if step.id not in given:
                place = endpoints[name].place or endpoints[name].label
                hint = f"write given: {{{step.id}: [...]}}, or give the table that it writes"
                raise self._refused(f"step {step.id!r} would read {place}", hint)
            options = GivenOptions(rows=self.given(step.id, self.test.given[step.id], self.plan.path.parent))
            endpoints[name] = BoundEndpoint(GivenRows(), GivenRows.Config(), options, f"given {step.id}")
        config = step.given.config
        for name in _destinations(step):
            parquet = self.catalog.connector("parquet")
            self.outputs[step.id] = path = self.folder / f"{step.id}.parquet"
            write = (parquet.WriteOptions or GivenOptions).model_validate({"path": str(path)})
            endpoints[name] = BoundEndpoint(parquet(), parquet.Config(), write, step.id)
            config = config.model_copy(update={"mode": "replace", "key": [], "at_least_once": False})
        return replace(step, given=replace(step.given, config=config, endpoints=endpoints), retry=None)

    def _fill(self, key: str, name: str, state: StateRows | None) -> PlannedStep:
        writer = next((s for s in self.plan.steps if key in {table_key(t) for t in s.plan.writes}), None)
        config = writer.given.config if writer is not None else None
        cursor = getattr(config, "cursor", None)
        rows: Rows = state if state is not None else self.test.given[name]
        values = FillConfig(
            target=name,
            rows=self.given(name, rows, self.plan.path.parent),
            columns=_columns(config),
            owner=writer.id if writer is not None else "",
            cursor=cursor.column if state is not None and cursor is not None else None,
            watermark=state.watermark if state is not None else None,
        )
        fill: StepType = FillTable()
        return PlannedStep(
            f"given {name}", f"given {name}", -1, FillTable.name, fill, StepInput(values),
            StepPlan(writes=frozenset({name})), self.mark,
        )  # fmt: skip

    def given(self, what: str, rows: Rows, beside: Path) -> Given:
        """Return rows as something that can be read."""
        if rows.rows is None:
            kind, path = ("csv", rows.csv) if rows.csv is not None else ("parquet", rows.parquet)
            return self._file(what, kind, str(beside.resolve() / str(path)), frozenset())
        names = frozenset(name.lower() for row in rows.rows for name in row)
        if not rows.rows:
            return Given(what, None, None, self.folder, names)
        file = self.folder / f"{len(list(self.folder.glob('*.jsonl')))}.jsonl"
        ordered = list(dict.fromkeys(name for row in rows.rows for name in row))
        lines = (json.dumps({name: row.get(name) for name in ordered}, default=str) for row in rows.rows)
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return self._file(what, "json", str(file), names)

    def output(self, step_id: str, path: Path) -> Given:
        """Return what an export has written as something that can be read."""
        return self._file(step_id, "parquet", str(path), frozenset())

    def _file(self, what: str, kind: str, path: str, names: frozenset[str]) -> Given:
        connector = self.catalog.connector(kind)
        options: Mapping[str, Any] = {"path": path, **({"lines": True} if kind == "json" else {})}
        read = (connector.ReadOptions or GivenOptions).model_validate(options)
        if not Path(path).is_file():
            raise self._refused(f"there is no file {path}", "paths start at the document's folder")
        return Given(what, connector(), read, self.folder, names, connector.Config())

    def _refused(self, told: str, hint: str | None) -> DocumentError:
        return DocumentError([Problem("SF760", f"test {self.test.name!r}: {told}", self.mark, hint)])


def _columns(config: Any) -> dict[str, ColumnSpec]:
    """Return the columns that the writer of a table declares, and those that its mode adds."""
    columns = dict(getattr(config, "columns", None) or {})
    if getattr(config, "mode", None) == "scd2":
        cursor = columns.get(config.cursor.column) if config.cursor is not None else None
        moment = cursor or ColumnSpec(type="TIMESTAMP")
        columns |= {"valid_from": moment, "valid_to": moment, "is_current": ColumnSpec(type="BOOLEAN")}
    return columns


def _sources(step: PlannedStep) -> list[str]:
    return list(_endpoints(step, Role.SOURCE))


def _destinations(step: PlannedStep) -> list[str]:
    return list(_endpoints(step, Role.DESTINATION))


def _endpoints(step: PlannedStep, role: Role) -> Iterator[str]:
    known = roles(step.step_type.Config)
    for name in step.given.endpoints:
        if known.get((name,)) is role:
            yield name
