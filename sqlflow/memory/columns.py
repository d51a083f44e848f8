"""The baselines of a step, one after another: what each changed, and a new one that a person has said yes to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from sqlflow.errors import DocumentError, SQLFlowError
from sqlflow.plan import PlannedStep
from sqlflow.problem import Problem
from sqlflow.sdk import (
    SCHEMA,
    Baseline,
    Change,
    StateEntry,
    TableSchema,
    compare,
    fold_name,
    normal_type,
    parse_baseline,
)

from .book import Book
from .looking import Look, keeper_of


class Recorded(Struct, frozen=True):
    """One baseline as it was recorded; `baseline` is None when it was forgotten, or when `fault` says what ails it."""

    run: str
    at: datetime
    baseline: Baseline | None
    changes: tuple[Change, ...] = ()
    fault: str | None = None
    note: str = ""


def history(book: Book, step: PlannedStep) -> list[Recorded]:
    """Return every baseline of a step, the oldest first, each with what it changed.

    Raises:
        DocumentError: the step keeps none.

    """
    keeper_of(step)
    target = fold_name(step.given.config.target)
    found: list[Recorded] = []
    before: Baseline | None = None
    for entry in book.session.state(book.plan.pipeline, step.id, history=True):
        if entry.kind != SCHEMA or entry.target != target or entry.name:
            continue
        now, fault = _read(entry)
        changes = compare(before.schema, now.schema) if before and now else ()
        found.append(Recorded(entry.run, entry.at, now, changes, fault, _note(before, now, changes, fault)))
        before = now
    return found


def _read(entry: StateEntry) -> tuple[Baseline | None, str | None]:
    if entry.value is None:
        return None, entry.fault
    try:
        return parse_baseline(entry.value), None
    except SQLFlowError as error:
        return None, error.message


def _note(before: Baseline | None, now: Baseline | None, changes: Sequence[Change], fault: str | None) -> str:
    """Say in words what kind of record it is."""
    if fault is not None:
        return f"damaged: {fault}"
    if now is None:
        return "forgotten"
    if now.accepted:
        return "accepted by hand"
    if before is None:
        return f"recorded, {len(now.schema)} column{'' if len(now.schema) == 1 else 's'}"
    if now.text != before.text:
        return "the query was edited"
    return "" if changes else "columns as before"


def since(records: Sequence[Recorded], schema: TableSchema) -> dict[str, Recorded]:
    """Return for each column the record with which it came to be what it is."""
    found: dict[str, Recorded] = {}
    for column in schema:
        for record in reversed(records):
            was = record.baseline.schema.get(column.name) if record.baseline else None
            if was is None or normal_type(was.type) != normal_type(column.type) or was.nullable != column.nullable:
                break
            found[column.name] = record
    return found


def accept(book: Book, look: Look) -> None:
    """Record the columns that a source has now, so that the next run takes them over.

    Raises:
        DocumentError: the step has not written its table yet, so that nothing would come of it.

    """
    target = look.step.given.config.target
    if not book.session.exists(target):
        told = f"step {look.step.id!r} has not written {target} yet; its first run takes the columns as they are"
        hint = "run it; `sqlflow schema pin` writes columns into the document"
        raise DocumentError([Problem("SF744", told, None, hint)])
    book.write("schema accept", [(book.plan.pipeline, look.step.id, target, look.present.memory())])
