"""Values on their way into SQLite: the type that a column is declared with, and its values as SQLite keeps them.

What SQLite would silently change (NaN becomes NULL, a long decimal is rounded) is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from sqlflow.sdk import StepError, TableSchema, normal_type

from .kinds import Affinity

if TYPE_CHECKING:
    import pyarrow as pa

Storage = Literal["whole", "number", "moment", "text", "blob"]
_EXACT_DIGITS = 15
_INT64 = 2**63
_FIRST_DAY, _LAST_DAY = -719162, 2932896  # 0001-01-01 and 9999-12-31 as days since 1970
_PER_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_UNKEPT = frozenset({"BIT", "TIME WITH TIME ZONE", "INTERVAL"})


@dataclass(frozen=True)
class Stored:
    """How a column is kept: its declared type, what it comes to in SQLite, and how its values are made."""

    name: str
    declared: str
    storage: Storage
    convert: Callable[[pa.Array], list[Any]]

    def kept_by(self, affinity: Affinity) -> bool:
        """Tell whether a column of that affinity keeps every value as it is."""
        if self.storage == "blob" or affinity == "BLOB":
            return True
        if self.storage == "moment":  # no ISO date looks like a number
            return True
        if self.storage == "text":
            return affinity == "TEXT"
        return affinity in ("INTEGER", "NUMERIC") or (affinity == "REAL" and self.storage == "number")


def stored_columns(schema: pa.Schema, known: TableSchema) -> list[Stored]:
    """Choose how each column is kept.

    Raises:
        StepError: SQLite has no way to keep it.

    """
    types = {column.name: normal_type(column.type) for column in known}
    return [_stored(field, types.get(field.name, "")) for field in schema]


def _stored(field: pa.Field, sql_type: str) -> Stored:
    import pyarrow.types as pt

    name, kind = field.name, field.type
    if pt.is_dictionary(kind):
        kind = kind.value_type
    if sql_type in _UNKEPT:
        raise _unkept(name, sql_type)
    if pt.is_boolean(kind):
        return Stored(name, "BOOLEAN", "whole", lambda a: _cast(a, "int8"))
    if pt.is_integer(kind):
        return Stored(name, "INTEGER", "whole", _plain if kind != "uint64" else lambda a: _numbers(a, name))
    if pt.is_floating(kind):
        return Stored(name, "REAL", "number", lambda a: _reals(a, name))
    if pt.is_decimal(kind):
        storage: Storage = "number" if kind.precision <= _EXACT_DIGITS else "whole"
        return Stored(name, f"DECIMAL({kind.precision},{kind.scale})", storage, lambda a: _numbers(a, name))
    if pt.is_null(kind) or pt.is_string(kind) or pt.is_large_string(kind) or kind == "string_view":
        return Stored(name, "TEXT", "text", _plain)
    if pt.is_binary(kind) or pt.is_large_binary(kind):
        return Stored(name, "BLOB", "blob", _plain)
    if pt.is_date32(kind) or pt.is_time64(kind):
        if pt.is_time64(kind):
            return Stored(name, "TIME", "moment", lambda a: _cast(a, "string"))
        return Stored(name, "DATE", "moment", lambda a: _moments(a, name, 1, ""))
    if pt.is_timestamp(kind):
        declared = "TIMESTAMP_NS" if kind.unit == "ns" else "TIMESTAMPTZ" if kind.tz else "TIMESTAMP"
        suffix = "+00:00" if kind.tz else ""
        return Stored(name, declared, "moment", lambda a: _moments(a, name, _PER_DAY[kind.unit], suffix))
    raise _unkept(name, sql_type or str(kind))


def _unkept(name: str, shown: str) -> StepError:
    hint = f"cast it in the SQL of the export, such as CAST({name} AS VARCHAR) or to_json({name})"
    return StepError(f"SQLite cannot keep column {name!r} of type {shown}", hint=hint, code="SF721")


def _plain(array: pa.Array) -> list[Any]:
    found: list[Any] = array.to_pylist()
    return found


def _cast(array: pa.Array, kind: str) -> list[Any]:
    return _plain(array.cast(kind))


def _reals(array: pa.Array, name: str) -> list[Any]:
    import pyarrow.compute as pc

    if pc.any(pc.is_nan(array)).as_py():
        hint = f"turn it into NULL in the SQL of the export: CASE WHEN NOT isnan({name}) THEN {name} END"
        raise StepError(f"column {name!r} holds NaN, which SQLite would keep as NULL", hint=hint, code="SF721")
    return _cast(array, "double")


def _numbers(array: pa.Array, name: str) -> list[Any]:
    """Write exact numbers as integers of 64 bits, or as doubles of up to 15 digits, which give back the same."""
    return [None if v is None else _number(Decimal(v), name) for v in _plain(array)]


def _number(value: Decimal, name: str) -> float:
    if value == value.to_integral_value() and -_INT64 <= value < _INT64:
        return int(value)
    digits = "".join(map(str, value.as_tuple().digits)).rstrip("0")  # normalize() would round to 28 of them
    if len(digits) <= _EXACT_DIGITS:
        return float(value)
    raise StepError(
        f"column {name!r} holds {value:f}, and SQLite keeps no number of so many digits exactly",
        hint=f"cast it in the SQL of the export: CAST({name} AS VARCHAR), or round it",
        code="SF721",
    )


def _moments(array: pa.Array, name: str, per_day: int, suffix: str) -> list[Any]:
    """Write dates and timestamps as ISO text, times with a zone in UTC."""
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = array.cast(pa.int32() if per_day == 1 else pa.int64(), safe=False)
    low, high = pc.min_max(numbers).values()
    if low.is_valid and (low.as_py() < _FIRST_DAY * per_day or high.as_py() >= (_LAST_DAY + 1) * per_day):
        raise StepError(
            f"column {name!r} holds a date outside of the years 0001 to 9999, which SQLite's dates cannot be",
            hint=f"leave it out or cast it in the SQL of the export: CAST({name} AS VARCHAR)",
            code="SF721",
        )
    if pa.types.is_timestamp(array.type) and array.type.tz:
        array = array.cast(pa.timestamp(array.type.unit), safe=False)
    texts = _cast(array, "string")
    return [None if text is None else text + suffix for text in texts] if suffix else texts
