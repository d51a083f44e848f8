"""The cursor of an incremental step: which rows are new, as options, as a range, and as SQL over a batch.

Pure text and values; where a watermark is kept, and who filters, is not its business.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import Struct, field
from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from sqlflow.errors import SchemaChanged, StepError

from .config import DURATION_PATTERN, ConfigModel, format_duration, parse_duration
from .schema import TableSchema, normal_type, widens
from .sqltext import literal, quote

_NUMBERS = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|UINTEGER|FLOAT|DOUBLE|DECIMAL\(.*\)")
_TIMES = re.compile(r"TIMESTAMP.*")
_WORDS = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64}
DAY = timedelta(days=1)


def _lag(value: Any) -> Any:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, (int, float, timedelta)) and not isinstance(value, bool):
        return value
    raise ValueError("a lag is a duration such as 1h or 3d, or a number")


def _lag_text(value: Any) -> Any:
    return format_duration(value) if isinstance(value, timedelta) else value


Lag = Annotated[
    timedelta | int | float,
    BeforeValidator(_lag),
    PlainSerializer(_lag_text),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": DURATION_PATTERN}, {"type": "number", "minimum": 0}]}),
]


def _long_form(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


class Cursor(ConfigModel):
    """The column that orders new rows."""

    column: str = Field(min_length=1)
    """Column whose highest committed value is the watermark."""

    lag: Lag = 0
    """How far below the watermark to read again: a duration for times, whole days for dates, a number for numbers."""

    initial: str | int | float | None = None
    """Lowest value, inclusive, that the first run reads; everything when left out."""

    on_null: Literal["error", "include", "exclude"] = "error"
    """What happens to rows whose cursor is NULL."""


class _OrColumn:
    """Tells the JSON Schema that the name of the column may stand for the whole."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [{"type": "string", "minLength": 1}, handler(core)]}


CursorOption = Annotated[Cursor, BeforeValidator(_long_form), _OrColumn]


class Bound(Struct, frozen=True):
    """One end of a range: a value as the engine writes it, and its SQL type (None: that of the column)."""

    text: str
    type: str | None = None

    @property
    def value(self) -> Any:
        """The bound as a Python value, for drivers that bind it; finer than microseconds is cut off."""
        return python_value(self.text, self.type)

    def sql(self, column_type: str) -> str:
        """Write the bound as a typed literal."""
        return f"CAST({literal(self.text)} AS {self.type or column_type})"


class CursorRange(Struct, frozen=True):
    """The rows that a step wants: those whose cursor lies in a range. A connector may return more, never fewer."""

    column: str
    lower: Bound | None = None
    inclusive: bool = True
    """Whether a row at the lower bound itself is wanted."""
    upper: Bound | None = None
    """The first value that is not wanted any more."""
    nulls: bool = True
    """Whether rows without a cursor are wanted."""

    def condition(self, schema: TableSchema) -> str | None:
        """Write the SQL condition over rows of `schema`; None when every row is wanted.

        Raises:
            SchemaChanged: the cursor is not among the columns, or of a type that the bounds cannot be compared with.

        """
        found = schema.get(self.column)
        if found is None:
            raise SchemaChanged(
                f"the cursor column {self.column!r} is not in the batch; it has: {', '.join(schema.names)}",
                hint="name another column under cursor",
                code="SF731",
            )
        name = quote(found.name)
        parts = []
        for bound, sign in ((self.lower, ">=" if self.inclusive else ">"), (self.upper, "<")):
            if bound is not None:
                if bound.type is not None:
                    _comparable(self.column, bound.type, found.type)
                parts.append(f"{name} {sign} {bound.sql(found.type)}")
        if not parts:
            return None if self.nulls else f"{name} IS NOT NULL"
        inside = " AND ".join(parts)
        return f"({inside}) OR {name} IS NULL" if self.nulls else inside


class Delta(Struct, frozen=True):
    """What a step asks of its source: which rows, which files, and what the columns are known to be.

    `values` are those of `$watermark`, `$start` and `$end` where a query uses them.
    """

    since: CursorRange | None = None
    files: tuple[str, ...] | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


def _comparable(column: str, was: str, now: str) -> None:
    was, now = normal_type(was), normal_type(now)
    if was == now or widens(was, now) or widens(now, was) or (is_number(was) and is_number(now)):
        return
    if _TIMES.fullmatch(was) and _TIMES.fullmatch(now):
        return
    raise SchemaChanged(
        f"the cursor column {column!r} is {now} now, and the watermark is {was}",
        hint="cast the column, or start over with --full-refresh",
        code="SF731",
    )


def is_number(sql_type: str) -> bool:
    """Tell whether a type holds numbers."""
    return bool(_NUMBERS.fullmatch(normal_type(sql_type)))


def lagged(watermark: Bound, lag: timedelta | float) -> str:
    """Write the SQL of the watermark less the lag, as text.

    Raises:
        StepError: the lag does not suit the type of the cursor.

    """
    kind = normal_type(watermark.type or "VARCHAR")
    value = watermark.sql(kind)
    if not lag:
        return f"CAST({value} AS VARCHAR)"
    wanted = None
    if _TIMES.fullmatch(kind):
        if isinstance(lag, timedelta):
            micros = lag // timedelta(microseconds=1)
            return f"CAST(CAST({value} - to_microseconds({micros}) AS {kind}) AS VARCHAR)"
        wanted = "a duration such as 1h"
    elif kind == "DATE":
        if isinstance(lag, timedelta) and not lag % DAY:
            return f"CAST({value} - {lag // DAY} AS VARCHAR)"
        wanted = "whole days such as 3d"
    elif is_number(kind):
        if not isinstance(lag, timedelta):
            return f"CAST({_less(value, kind, lag)} AS VARCHAR)"
        wanted = "a number"
    else:
        wanted = "0"
    shown = format_duration(lag) if isinstance(lag, timedelta) else lag
    raise StepError(
        f"lag {shown} does not suit a cursor of type {kind}", hint=f"write {wanted}", code="SF731", kind="internal"
    )


def _less(value: str, kind: str, lag: float) -> str:
    """Write the SQL of a number less a lag, which stops at the lowest number of its type."""
    step = f"{Decimal(repr(lag)):f}"
    if found := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", kind):
        width, scale = int(found[1]), int(found[2])
        if width == _WIDEST:
            return f"{value} - {step}"
        lowest = Decimal(f"-{'9' * width}").scaleb(-scale)
        return f"greatest(CAST({value} AS DECIMAL({_WIDEST},{scale})) - {step}, {lowest:f})"
    if kind in _BITS:
        lowest = Decimal(0 if kind.startswith("U") else -(2 ** (_BITS[kind] - 1)))
        return f"greatest(CAST({value} AS HUGEINT) - {step}, {lowest:f})"
    return f"{value} - {step}"


_WIDEST = 38
"""Digits of the widest decimal."""
_BITS = {f"{sign}{name}": bits for sign in ("", "U") for name, bits in _WORDS.items()}


def python_value(text: str, sql_type: str | None) -> Any:
    """Read a value that an engine wrote as text; without a type, by its looks."""
    kind = normal_type(sql_type) if sql_type else ""
    try:
        if kind == "DATE":
            return date.fromisoformat(text)
        if _TIMES.fullmatch(kind):
            return datetime.fromisoformat(_micros(text))
        if kind.startswith("DECIMAL"):
            return Decimal(text)
        if kind in ("FLOAT", "DOUBLE"):
            return float(text)
        if is_number(kind):
            return int(text)
        return text if kind else _by_looks(text)
    except ValueError:  # such as infinity, or a year that Python cannot hold
        return text


def _micros(text: str) -> str:
    return re.sub(r"(\.\d{6})\d+", r"\1", text)


def _by_looks(text: str) -> Any:
    for read in (int, Decimal, date.fromisoformat, datetime.fromisoformat):
        try:
            return read(text)
        except (ValueError, ArithmeticError):
            continue
    return text
