"""Which rows each step is asked for: what is new, a range, or everything anew. And which of these cannot be asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from sqlflow.problem import Problem
from sqlflow.sdk import Window

from .graph import table_key, writers
from .model import PlannedStep
from .request import Asked


def with_windows(steps: Sequence[PlannedStep], asked: Asked, problems: list[Problem]) -> list[PlannedStep]:
    """Return the steps with their windows; what cannot be asked of them is noted."""
    if not (asked.full_refresh or asked.since or asked.until):
        return list(steps)
    active = [step for step in steps if step.skip is None]
    problems += _range_problems(active, asked) if asked.since or asked.until else ()
    problems += _refresh_problems(steps) if asked.full_refresh else ()
    first = {table: sharing[0].id for table, sharing in writers(active).items()}
    return [_with_window(step, asked, first) for step in steps]


def _with_window(step: PlannedStep, asked: Asked, first: dict[str, str]) -> PlannedStep:
    if asked.full_refresh and step.plan.incremental:
        made = all(first.get(table_key(table)) == step.id for table in step.plan.writes)
        return replace(step, window=Window(full_refresh=True, rebuild=made))
    if step.plan.ranged:
        return replace(step, window=Window(since=asked.since, until=asked.until))
    return step


def _range_problems(active: Iterable[PlannedStep], asked: Asked) -> Iterator[Problem]:
    shown = " and ".join(name for name, value in (("--from", asked.since), ("--to", asked.until)) if value)
    active = list(active)
    if asked.since and asked.until and _backwards(asked.since, asked.until):
        told = f"--from {asked.since} is not before --to {asked.until}, so no row lies between them"
        yield Problem("SF413", told, None, "--to is the first value that is not read any more")
    if asked.full_refresh:
        yield Problem("SF413", f"--full-refresh reads everything, and {shown} a part", None, "give one of them")
    if not any(step.plan.ranged for step in active):
        hint = "give a step a cursor, or batches"
        yield Problem("SF413", f"{shown}: no step that runs has a cursor or batches", None, hint)
    for step in active:
        if step.plan.incremental and not step.plan.repeatable:
            told = f"step {step.id!r} appends without a key, and {shown} would write rows twice"
            yield Problem("SF413", told, step.mark, "leave it out with --exclude, or give it a key")


def _backwards(since: str, until: str) -> bool:
    """Tell whether a range ends before it begins, as far as its bounds can be compared without their column."""
    for read in (datetime.fromisoformat, Decimal):
        try:
            return bool(read(since) >= read(until))  # type: ignore[operator]
        except (ValueError, ArithmeticError, TypeError):  # no moments or numbers, or only one with a zone
            continue
    return False


def _refresh_problems(steps: Sequence[PlannedStep]) -> Iterator[Problem]:
    for table, sharing in writers(steps).items():
        left = [step for step in sharing if step.skip == "not selected"]
        if left and any(step.skip is None and step.plan.incremental for step in sharing):
            told = f"--full-refresh makes {table} anew, and step {left[0].id!r}, which writes it too, is not selected"
            yield Problem("SF413", told, left[0].mark, "select all steps that write the table")
