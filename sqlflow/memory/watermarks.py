"""Moving a watermark by hand, to a value that the warehouse has cast to the cursor's own type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from msgspec import Struct

from sqlflow.errors import DocumentError, SQLFlowError
from sqlflow.plan import PlannedStep
from sqlflow.problem import Problem
from sqlflow.sdk import WATERMARK, Cursor, Memory, Session, StateEntry, fold, fold_name, literal, normal_type

from .book import Book
from .entries import fault_of

_OFFSET = re.compile(r"\d{1,2}:\d{2}.*(Z|[+-]\d{2}(:?\d{2})?)\s*$", re.IGNORECASE)


class Moved(Struct, frozen=True):
    """A watermark that was set: what it was, what it is, and what is to be said about that."""

    column: str
    type: str
    old: str | None
    new: str
    warning: str | None = None


def set_watermark(book: Book, step: PlannedStep, text: str) -> Moved:
    """Set the watermark of a step.

    Raises:
        DocumentError: the step has no cursor or no table yet, or the value is not of the cursor's type.

    """
    cursor = getattr(step.given.config, "cursor", None)
    if not isinstance(cursor, Cursor):
        others = [s.id for s in book.plan.steps if isinstance(getattr(s.given.config, "cursor", None), Cursor)]
        hint = f"steps with a cursor: {', '.join(others)}" if others else "write cursor: COLUMN into the step"
        raise _refused(f"step {step.id!r} has no cursor, so it has no watermark", hint)
    target = step.given.config.target
    known = book.session.describe(target)
    if known is None:
        hint = "the first run reads everything; write cursor: {column: ..., initial: VALUE} to begin later"
        raise _refused(f"step {step.id!r} has not written {target} yet, so a watermark would not count", hint)
    old = _present(book, step, cursor)
    column = known.schema.get(cursor.column)
    if old is None and column is None:
        raise _refused(f"{target} has no column {cursor.column!r}, so the type of the watermark is not known")
    kind = str(old["type"]) if old else normal_type(column.type if column else "")
    new = _cast(book.session, text, kind)
    before = str(old["value"]) if old else None
    value = {"column": column.name if column else cursor.column, "value": new, "type": kind}
    warning = None
    if not step.plan.repeatable and before is not None and _lower(book.session, new, before, kind):
        warning = f"step {step.id!r} appends without a key: rows after {new} that are there already come twice"
    book.write("state set", [(book.plan.pipeline, step.id, target, Memory(WATERMARK, "", value))])
    return Moved(str(value["column"]), kind, before, new, warning)


def _present(book: Book, step: PlannedStep, cursor: Cursor) -> Mapping[str, Any] | None:
    """Return the watermark that counts now; one of another column, or a damaged one, does not."""
    target = fold_name(step.given.config.target)
    for entry in book.own:
        if (entry.step, entry.target, entry.kind, entry.name) == (step.id, target, WATERMARK, ""):
            return entry.value if _is_of(entry, cursor) else None
    return None


def _is_of(entry: StateEntry, cursor: Cursor) -> bool:
    return fault_of(entry) is None and fold(str((entry.value or {})["column"])) == fold(cursor.column)


def cast_text(session: Session, text: str, kind: str) -> str | None:
    """Return a value as the engine writes it in a type; None when it is not of that type."""
    try:
        found = session.fetch(f"SELECT CAST(CAST({literal(text)} AS {kind}) AS VARCHAR)")[0][0]
    except SQLFlowError:
        return None
    return None if found is None else str(found)


def _cast(session: Session, text: str, kind: str) -> str:
    new = cast_text(session, text, kind)
    if new is None:
        raise _refused(f"{text!r} is not a value of type {kind}", "write it as a query of the column shows it")
    if normal_type(kind).startswith("TIMESTAMP") and "ZONE" not in normal_type(kind) and _OFFSET.search(text):
        raise _refused(f"{text!r} has a time zone, and {kind} has none", "write the time as the column holds it")
    if _rounded(session, text, new, normal_type(kind)):
        raise _refused(f"{text!r} is not a value of type {kind}; it would become {new}")
    if new.lstrip("-+").lower() in ("infinity", "inf", "nan"):
        raise _refused(f"{text!r} is no watermark: nothing would ever be new again", "write a value of the column")
    return new


def _rounded(session: Session, text: str, new: str, kind: str) -> bool:
    """Tell whether a value would lose something: digits of a number, or the time of a day."""
    if kind == "DATE":
        whole = f"TRY_CAST({literal(text)} AS TIMESTAMP) <> CAST({literal(new)} AS TIMESTAMP)"
        return bool(session.fetch(f"SELECT coalesce({whole}, false)")[0][0])
    try:
        return kind not in ("FLOAT", "DOUBLE", "VARCHAR") and Decimal(text.strip()) != Decimal(new)
    except InvalidOperation:
        return False


def _lower(session: Session, new: str, old: str, kind: str) -> bool:
    return bool(session.fetch(f"SELECT CAST({literal(new)} AS {kind}) < CAST({literal(old)} AS {kind})")[0][0])


def _refused(told: str, hint: str | None = None) -> DocumentError:
    return DocumentError([Problem("SF741", told, None, hint)])
