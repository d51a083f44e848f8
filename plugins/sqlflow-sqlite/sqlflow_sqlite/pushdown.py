"""The cursor's range as a condition in SQLite's words: it may let more rows through than are wanted, never fewer.

Rows outside of the range are left out afterwards by the engine. A value that is not what its column promises always
comes, so that it is told and not passed over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlflow.sdk import Bound, CursorRange, fold, quote

from .kinds import Kind, affinity

_DATE = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
_INT64 = 2**63
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Column:
    """A column of a source: what it is declared, and what that promises (None: the values decide)."""

    name: str
    declared: str
    kind: Kind | None


def condition(since: CursorRange | None, columns: list[Column], *, utf8: bool) -> tuple[str, list[Any]] | None:
    """Write the condition and its parameters; None when every row has to come."""
    if since is None:
        return None
    column = next((c for c in columns if fold(c.name) == fold(since.column)), None)
    if column is None or column.kind is None:
        return None
    name, kind = quote(column.name), column.kind.name
    if kind in ("integer", "real", "decimal") and affinity(column.declared) in ("INTEGER", "REAL", "NUMERIC"):
        return _numbers(since, name)
    if kind == "text" and utf8:  # DuckDB orders text by its bytes, and so does BINARY, in this encoding
        return _texts(since, name)
    if column.kind.temporal and kind != "time":
        return _moments(since, name, kind)
    return None


def _numbers(since: CursorRange, name: str) -> tuple[str, list[Any]] | None:
    parts, values = [], []
    for bound, sign, away in ((since.lower, ">=", -math.inf), (since.upper, "<=", math.inf)):
        if bound is None:
            continue
        value = bound.value
        if isinstance(value, (Decimal, float)):
            value = math.nextafter(float(value), away)
        if not isinstance(value, (int, float)) or (isinstance(value, int) and not -_INT64 <= value < _INT64):
            return None
        parts.append(f"{name} {sign} ?")
        values.append(value)
    strange = f"typeof({name}) IN ('text', 'blob')" if since.upper is not None else None
    return _joined(parts, values, name, since, strange)


def _texts(since: CursorRange, name: str) -> tuple[str, list[Any]] | None:
    parts, values = [], []
    for bound, sign in ((since.lower, ">="), (since.upper, "<=")):
        if bound is None:
            continue
        if bound.type not in (None, "VARCHAR"):
            return None
        parts.append(f"{name} COLLATE BINARY {sign} ?")
        values.append(bound.text)
    return _joined(parts, values, name, since, f"typeof({name}) <> 'text'")


def _moments(since: CursorRange, name: str, kind: str) -> tuple[str, list[Any]] | None:
    """Compare ISO text: days, or minutes where both sides have no time zone."""
    minutes = kind in ("timestamp", "timestamp_ns")
    shape = f"{_DATE}?[0-9][0-9]:[0-9][0-9]*" if minutes else f"{_DATE}*"
    compared = f"replace(substr({name}, 1, 16), 'T', ' ')" if minutes else f"substr({name}, 1, 10)"
    margin = _DAY if kind == "timestamptz" else timedelta(0)
    parts, values = [], []
    for bound, sign, away in ((since.lower, ">=", -margin), (since.upper, "<=", margin)):
        if bound is None:
            continue
        moment = _moment(bound, zoned=kind == "timestamptz")
        if moment is None:
            return None
        try:
            moved = moment + away
        except OverflowError:
            return None
        parts.append(f"{compared} {sign} ?")
        values.append(moved.isoformat(" ", "minutes") if minutes else moved.date().isoformat())
    return _joined(parts, values, name, since, f"typeof({name}) <> 'text' OR {name} NOT GLOB '{shape}'")


def _moment(bound: Bound, *, zoned: bool) -> datetime | None:
    value = bound.value
    if isinstance(value, datetime):
        if value.tzinfo is None:
            return value
        return value.astimezone(UTC).replace(tzinfo=None) if zoned else None
    return datetime.combine(value, time()) if isinstance(value, date) else None


def _joined(
    parts: list[str], values: list[Any], name: str, since: CursorRange, strange: str | None
) -> tuple[str, list[Any]] | None:
    if not parts:
        return None if since.nulls else (f"{name} IS NOT NULL", [])
    inside = " AND ".join(parts)
    if strange:
        inside = f"({inside}) OR {strange}"
    if since.nulls:
        return f"({inside}) OR {name} IS NULL", values
    return f"({inside}) AND {name} IS NOT NULL", values
