"""How far a change reaches: what is made, over any number of steps, of columns and rows that are others now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlflow.lineage import Field
from sqlflow.plan import PlannedStep, table_key
from sqlflow.sdk import fold
from sqlflow.sql import Origins, read_origins

from .definition import CHECKS, HARMLESS
from .model import ColumnChange, Option, StepChange, Touched
from .side import Name, Side, written


def touched(
    was: Side, now: Side, changed: Mapping[Name, StepChange], columns: Sequence[ColumnChange]
) -> Iterator[Touched]:
    """Yield the tables and exports downstream of everything that is other than it was."""
    fields: set[Field] = set()
    rows: set[str] = set()
    gone = [(table_key(c.table), fold(c.column)) for c in columns if c.kind == "removed" and c.column]
    fields |= {(table_key(c.table), fold(c.column)) for c in columns if c.kind == "retyped" and c.column}
    for name, change in changed.items():
        if change.kind == "changed":
            own = _own(was, now, name, change.options)
            for place in written(now.steps[name][1]):
                rows |= {place} if own is None else set()
                fields |= {(place, column) for column in own or ()}
    lost = [table_key(c.table) for c in columns if c.kind == "removed" and c.column is None]
    found = {place: (set(t.columns), t.rows) for place, t in now.lineage.downstream(fields, rows).items()}
    for place, lower in was.lineage.downstream(gone, lost).items():
        known, every = found.get(place, (set(), False))
        found[place] = (known | lower.columns, every or lower.rows)
    for name, (_, step) in now.steps.items():
        for place in sorted(written(step)):
            if place in found and name not in _added(changed):
                names, every = found[place]
                export = place in step.plan.outputs
                shown = _spelled(now, place, names)
                yield Touched(_table(step, place), "export" if export else "table", *name, shown, every)


def _added(changed: Mapping[Name, StepChange]) -> set[Name]:
    return {name for name, change in changed.items() if change.kind == "added"}


def _table(step: PlannedStep, place: str) -> str:
    return next((name for name in step.plan.writes if table_key(name) == place), place)


def _spelled(side: Side, place: str, names: set[str]) -> tuple[str, ...]:
    """Write columns as their table does, in its order; those it does not have any more come last."""
    table = side.tables.get(place)
    written = [n for n in table.schema.names if fold(n) in names] if table is not None and table.schema else []
    return (*written, *sorted(names - {fold(n) for n in written}))


def _own(was: Side, now: Side, name: Name, options: Sequence[Option]) -> set[str] | None:
    """Return the columns that an edited step brings otherwise than before; None: all of its rows may be others."""
    told = [o.name for o in options if o.name not in HARMLESS and not o.name.startswith(CHECKS)]
    if not told:
        return set()
    (_, before), (_, after) = was.steps[name], now.steps[name]
    queries = [_origins(was, before), _origins(now, after)]
    if told != list(after.given.sql) or queries[0] is None or queries[1] is None:
        return None
    old, new = queries[0], queries[1]
    if old.shape != new.shape:
        return None
    return {fold(column) for column, meaning in new.meanings.items() if old.meanings.get(column, meaning) != meaning}


def _origins(side: Side, step: PlannedStep) -> Origins | None:
    """Trace the one query of a step."""
    if len(step.given.sql) != 1:
        return None
    statements = next(iter(step.given.sql.values()))
    known = side.columns(statements[0].reads) if len(statements) == 1 and not statements[0].writes else None
    return read_origins(statements[0].sql, known) if known is not None else None
