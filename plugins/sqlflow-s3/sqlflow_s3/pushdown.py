"""The range of a cursor as a filter that Parquet can skip row groups by.

The engine filters again, so more rows may pass but never fewer: a bound is rounded outwards, and where the order of
Arrow and of the engine may differ (text, floating point) nothing is pushed down.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any

from sqlflow.sdk import Bound, CursorRange, fold, normal_type

DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROS = timedelta(microseconds=1)
_FINER = re.compile(r"(\.\d{6})(\d+)")


def condition(since: CursorRange | None, schema: Any) -> Any:
    """Return the filter of a range over a file with this Arrow schema; None when nothing can be left out by it."""
    import pyarrow.compute as pc

    if since is None:
        return None
    names = [name for name in schema.names if fold(name) == fold(since.column)]
    if len(names) != 1:
        return None
    column, kind = pc.field(names[0]), schema.field(names[0]).type
    found = None
    for bound, up in ((since.lower, False), (since.upper, True)):
        scalar = None if bound is None else _scalar(bound, kind, up=up)
        if scalar is None:
            continue
        value, exact = scalar
        if up:
            part = column < value if exact else column <= value
        else:
            part = column > value if exact and not since.inclusive else column >= value
        found = part if found is None else found & part
    if found is None:
        return None
    return found | column.is_null() if since.nulls else found


def _scalar(bound: Bound, kind: Any, *, up: bool) -> tuple[Any, bool] | None:
    """Return a bound in the column's type, rounded up or down, and whether it is exact."""
    import pyarrow as pa

    try:
        if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
            number = Decimal(bound.text)
            scale = Decimal(1).scaleb(-kind.scale) if pa.types.is_decimal(kind) else Decimal(1)
            value = number.quantize(scale, ROUND_CEILING if up else ROUND_FLOOR)
            return pa.scalar(value if pa.types.is_decimal(kind) else int(value), kind), value == number
        if pa.types.is_date(kind):
            day, exact = _day(bound, up=up)
            return pa.scalar(day, kind), exact
        if pa.types.is_timestamp(kind):
            ticks, exact = _ticks(bound, kind, up=up)
            return pa.scalar(ticks, pa.int64()).cast(kind), exact
    except (ValueError, InvalidOperation, OverflowError, pa.ArrowException):  # such as infinity, or out of range
        return None
    return None


def _moment(bound: Bound, *, up: bool) -> tuple[datetime, bool]:
    """Read a bound as a moment; digits finer than microseconds round it."""
    cut = _FINER.search(bound.text)
    moment = datetime.fromisoformat(_FINER.sub(r"\1", bound.text))
    rounded = bool(cut and cut[2].strip("0"))
    return (moment + _MICROS if rounded and up else moment), not rounded


def _day(bound: Bound, *, up: bool) -> tuple[date, bool]:
    kind = normal_type(bound.type) if bound.type else "DATE"
    if kind == "DATE" and len(bound.text) <= len("2024-01-31"):
        return date.fromisoformat(bound.text), True
    moment, _ = _moment(bound, up=up)
    return (moment + DAY if up else moment - DAY).date(), False  # a zone may move it to the next day


def _ticks(bound: Bound, kind: Any, *, up: bool) -> tuple[int, bool]:
    """Return a bound in the units of a timestamp column."""
    moment, exact = _moment(bound, up=up)
    aware = moment.tzinfo is not None
    if not aware:
        moment = moment.replace(tzinfo=UTC)
    if aware != (kind.tz is not None):  # the session's time zone decides, which is not known here
        moment, exact = (moment + DAY if up else moment - DAY), False
    micros = (moment - _EPOCH) // _MICROS
    if kind.unit == "ns":
        return micros * 1000, exact
    unit = {"us": 1, "ms": 1_000, "s": 1_000_000}[kind.unit]
    whole = -(-micros // unit) if up else micros // unit
    return whole, exact and whole * unit == micros
