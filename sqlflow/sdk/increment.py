"""What is new: from a remembered watermark to the range that is read, and from a batch to the next watermark."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from sqlflow.errors import StepError

from .commit import Staged
from .context import Window
from .cursor import Bound, Cursor, CursorRange, lagged
from .engine import Session
from .schema import normal_type
from .sqltext import quote
from .state import WATERMARK, Memory, StepMemory

_ENDLESS = re.compile(r"FLOAT|DOUBLE|DATE|TIMESTAMP.*")
"""Types with values above all others: infinity, and NaN."""


class Increment(Struct, frozen=True):
    """The rows that one run of a step is about. `watermark` is the one remembered, None before the first run."""

    cursor: Cursor
    since: CursorRange
    watermark: Bound | None
    moves: bool
    """Whether the watermark follows what is read; not when a range was asked for."""

    @property
    def value(self) -> Any:
        """What `$watermark` stands for: the lowest value that is read."""
        return self.since.lower.value if self.since.lower is not None else None


def increment(cursor: Cursor, state: StepMemory, window: Window, session: Session, *, keyed: bool) -> Increment:
    """Decide which rows are wanted.

    Raises:
        StepError: the remembered watermark cannot be read, or the lag does not suit its type.

    """
    nulls = cursor.on_null != "exclude"
    if window.bounded:
        lower = Bound(window.since) if window.since is not None else None
        upper = Bound(window.until) if window.until is not None else None
        return Increment(cursor, CursorRange(cursor.column, lower, upper=upper, nulls=nulls), None, moves=False)
    known = None if window.full_refresh else _watermark(cursor, state)
    if known is None:
        lower = None if cursor.initial is None else Bound(str(cursor.initial))
        return Increment(cursor, CursorRange(cursor.column, lower, nulls=nulls), None, moves=True)
    text = _start(known, lagged(known, cursor.lag), session)
    since = CursorRange(cursor.column, Bound(text, known.type), inclusive=keyed, nulls=nulls)
    return Increment(cursor, since, known, moves=True)


def _watermark(cursor: Cursor, state: StepMemory) -> Bound | None:
    value = state.get(WATERMARK)
    if value is None:
        return None
    column, text, kind = (value.get(key) for key in ("column", "value", "type"))
    if not isinstance(text, str) or not isinstance(kind, str):
        raise StepError(
            f"the watermark in the warehouse's state is not one: {dict(value)}",
            hint="set it with `sqlflow state set`, or forget it with `sqlflow state reset`",
            code="SF730",
        )
    if isinstance(column, str) and column.lower() != cursor.column.lower():
        raise StepError(
            f"the watermark was taken of column {column!r}, and the cursor is {cursor.column!r} now",
            hint="start over with --full-refresh, or forget the watermark with `sqlflow state reset`",
            code="SF731",
        )
    return Bound(text, kind)


def _start(known: Bound, start: str, session: Session) -> str:
    """Have the engine reckon where reading starts, which also shows whether the watermark is a value of its type."""
    try:
        return str(session.fetch(f"SELECT {start}")[0][0])
    except StepError as error:
        raise StepError(
            f"the watermark {known.text!r} in the warehouse's state is not of its type {known.type!r}",
            hint="set it with `sqlflow state set`, or forget it with `sqlflow state reset`",
            code="SF730",
        ) from error


def next_watermark(done: Increment, staged: Staged, session: Session) -> tuple[Memory, ...]:
    """Return the watermark after a batch, where it moves.

    Raises:
        StepError: rows have no cursor, and `on_null` is `error`; or the highest cursor is no finite value.

    """
    column = staged.schema.get(done.cursor.column)
    if column is None:  # told when the batch was staged
        return ()
    name, kind = quote(column.name), normal_type(column.type)
    highest = f"max({name})"
    if done.watermark is not None:
        highest = f"greatest({highest}, CAST({done.watermark.sql(kind)} AS {kind}))"
    endless = f"NOT isfinite(max({name}))" if _ENDLESS.fullmatch(kind) else "FALSE"
    counted = f"count(*) - count({name}), count({name}), CAST({highest} AS VARCHAR), {endless}"
    nulls, values, text, beyond = session.fetch(f"SELECT {counted} FROM {staged.relation}", staged.parameters)[0]
    if nulls and done.cursor.on_null == "error":
        raise StepError(
            f"the cursor {column.name!r} is NULL in {nulls} rows of the batch for {staged.batch.target}",
            hint="write cursor: {on_null: exclude} to leave them out, or on_null: include to read them every time",
            code="SF706",
        )
    if not done.moves or not values:
        return ()
    if beyond:
        raise StepError(
            f"the cursor {column.name!r} is {text} in the batch for {staged.batch.target}; as a watermark that would "
            "hide every later row",
            hint="mend these rows or leave them out in the source",
            code="SF731",
        )
    if done.watermark is not None and (text, kind) == (done.watermark.text, done.watermark.type):
        return ()
    return (Memory(WATERMARK, "", {"column": column.name, "value": text, "type": kind}),)
