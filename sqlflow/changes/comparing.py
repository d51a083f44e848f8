"""Two states of a project side by side: steps by their ids, tables by their columns, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlflow.plan import table_key
from sqlflow.sdk import TableSchema, normal_type
from sqlflow.validation import Held

from .definition import definition, differing
from .losses import losses
from .model import Changes, ColumnChange, StepChange
from .reach import touched
from .side import Name, Side, read, written


def compare(was: Side, now: Side, documents: frozenset[str] | None = None) -> Changes:
    """Say what is other in `now` than it was. `documents` names the pipelines that are asked about; None: all."""

    def asked(name: Name) -> bool:
        return documents is None or name[0] in documents

    steps = [change for change in _steps(was, now) if asked((change.pipeline, change.step))]
    changed = {(change.pipeline, change.step): change for change in steps}
    tables = {table_key(t) for side in (was, now) for name in changed if name in side.steps
              for t in side.steps[name][1].plan.writes}  # fmt: skip
    columns = tuple(_columns(was, now, None if documents is None else tables))
    runs = tuple(_runs(now, changed))
    return Changes(
        steps=tuple(steps),
        columns=columns,
        touched=tuple(touched(was, now, changed, columns)),
        effects=tuple(losses(was.steps, now.steps, steps, columns)),
        runs=runs,
        total=len(now.steps),
        unknown=tuple(_unknown(was, now, tables)),
    )


def _steps(was: Side, now: Side) -> Iterator[StepChange]:
    for (pipeline, step), (plan, planned) in now.steps.items():
        if (pipeline, step) not in was.steps:
            yield StepChange("added", pipeline, step, planned.mark)
            continue
        options = differing(definition(*was.steps[pipeline, step]), definition(plan, planned))
        if options:
            yield StepChange("changed", pipeline, step, planned.mark, options)
    for (pipeline, step), (_, planned) in was.steps.items():
        if (pipeline, step) not in now.steps:
            yield StepChange("removed", pipeline, step, planned.mark)


def _columns(was: Side, now: Side, only: set[str] | None) -> Iterator[ColumnChange]:
    for key in sorted({*was.tables, *now.tables}):
        before, after = was.tables.get(key), now.tables.get(key)
        if only is not None and key not in only:
            continue
        if before is None or after is None:
            found = before or after
            if found is not None:
                yield ColumnChange("removed" if after is None else "added", found.name)
        elif before.schema is not None and after.schema is not None:
            yield from _within(after.name, before.schema, after.schema)


def _within(table: str, before: TableSchema, after: TableSchema) -> Iterator[ColumnChange]:
    for column in after:
        known = before.get(column.name)
        if known is None:
            yield ColumnChange("added", table, column.name, None, column.type)
        elif normal_type(known.type) != normal_type(column.type):
            yield ColumnChange("retyped", table, column.name, known.type, column.type)
    for column in before:
        if after.get(column.name) is None:
            yield ColumnChange("removed", table, column.name, column.type, None)


def _runs(now: Side, changed: Mapping[Name, StepChange]) -> Iterator[tuple[str, str, str]]:
    """Yield the steps that a run of what has changed would not skip: those that are other, and all that follow."""
    reasons: dict[Name, str] = {name: "it is new" if c.kind == "added" else "it was edited"
                                for name, c in changed.items() if name in now.steps}  # fmt: skip
    moved = {place: "/".join(name) for name in reasons for place in written(now.steps[name][1])}
    growing = True
    while growing:
        growing = False
        for name, (_, step) in now.steps.items():
            if name in reasons:
                continue
            found = next((p for p in sorted(read(step)) if p in moved), None)
            if found is not None:
                reasons[name] = f"it reads {found}"
                moved |= {place: "/".join(name) for place in written(step) if place not in moved}
                growing = True
    yield from ((*name, reasons[name]) for name in now.steps if name in reasons)


def _unknown(was: Side, now: Side, tables: set[str]) -> Iterator[str]:
    """Name what could not be compared."""
    for held in now.held:
        if held.plan is None and _broken(held):
            yield f"{held.path} cannot be planned"
    for held in was.held:
        if held.plan is None and _broken(held):
            yield f"{held.path.name} could not be planned as it was"
    for key in sorted(tables):
        before, after = was.tables.get(key), now.tables.get(key)
        if before is not None and after is not None and (before.schema is None or after.schema is None):
            side = "then" if before.schema is None else "now"
            yield f"the columns of {after.name} are not known as they are {side}"


def _broken(held: Held) -> bool:
    """Tell a document that cannot be read from one that is no pipeline."""
    return any(problem.severity == "error" for problem in held.compiled.problems)
