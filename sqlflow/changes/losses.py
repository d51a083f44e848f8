"""What a change takes away or leaves behind in a warehouse: a pure function of two plans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlflow.plan import Plan, PlannedStep, table_key
from sqlflow.sdk import widens

from .model import ColumnChange, Effect, StepChange

Steps = Mapping[tuple[str, str], tuple[Plan, PlannedStep]]
#: Modes whose targets hold rows that their sources may have no more.
KEEPING = frozenset({"append", "merge", "delete_insert", "scd2"})


def losses(was: Steps, now: Steps, changes: Sequence[StepChange], columns: Sequence[ColumnChange]) -> Iterator[Effect]:
    """Yield what is lost or left behind, step by step."""
    written = {table_key(t) for _, step in now.values() for t in step.plan.writes}
    outputs = {o for _, step in now.values() for o in step.plan.outputs}
    for change in changes:
        name = (change.pipeline, change.step)
        if name in was:
            before = was[name][1]
            for table in sorted(before.plan.writes):
                if table_key(table) not in written:
                    yield Effect(*name, f"no step writes {table} any more; the table stays as it is")
            for output in sorted(set(before.plan.outputs) - outputs):
                yield Effect(*name, f"no step writes {output} any more; it stays as it is")
        if change.kind == "changed":
            yield from (Effect(*name, told) for told in _changed(was[name][1], now[name][1], change))
    for column in columns:
        yield from _column(now, column)


def _changed(before: PlannedStep, after: PlannedStep, change: StepChange) -> Iterator[str]:
    old, new = before.plan.mode, after.plan.mode
    target = ", ".join(sorted(after.plan.writes)) or ", ".join(after.plan.outputs)
    if old in KEEPING and new == "replace":
        yield f"{target} was kept up by {old} and is replaced now: rows that the source has no more are lost"
        return
    elif old == "scd2" and new in KEEPING - {"scd2"}:
        yield f"{target} was a history (scd2) and is not kept as one any more"
    options = {option.name: option for option in change.options}
    for name, what in (("cursor.column", "the watermark starts anew"), ("key", "rows are matched by another key")):
        if name in options and before.plan.writes & after.plan.writes and old in KEEPING:
            if name == "key" and new == "append" and options[name].now in (None, "[]"):
                yield f"{target} has no key any more: a row that comes again is there twice"
                continue
            yield f"{name.partition('.')[0]} of {target} is another: {what}, so --full-refresh may be needed"
    edited: Any = set(options) & set(after.given.sql)
    if edited and after.plan.incremental:
        yield f"the SQL of {target} was edited: rows that are there keep what it gave them until --full-refresh"


def _column(now: Steps, change: ColumnChange) -> Iterator[Effect]:
    """Yield what a table with rows in it loses with a column, or with its type."""
    if change.column is None or change.kind == "added":
        return
    for name, (_, step) in now.items():
        if change.table not in step.plan.writes or step.plan.makes_view:
            continue
        kept = step.plan.mode in KEEPING
        if change.kind == "removed":
            stays = "it stays there, NULL in new rows" if kept else "its values are dropped"
            yield Effect(*name, f"{change.table}.{change.column} is not brought any more: {stays}")
        elif not widens(change.was or "", change.now or ""):
            told = "the table cannot take it without --full-refresh" if kept else "what reads it may not expect it"
            yield Effect(*name, f"{change.table}.{change.column} goes from {change.was} to {change.now}: {told}")
        return
