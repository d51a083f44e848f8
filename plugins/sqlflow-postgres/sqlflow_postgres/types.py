"""How a column of each type is read: what is selected, what Arrow type comes, and what is mended afterwards.

Only types in a known-good list are taken in the driver's own form; everything else is selected as text or JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sqlflow.sdk import literal, quote

if TYPE_CHECKING:
    import pyarrow as pa

Mend = Literal["none", "moments", "decimal"]
MOST_DIGITS = 38
_HEADER = 4  # a typmod counts the bytes of a header that no longer exists
_SCALE = 2048  # scales are eleven bits with a sign


@dataclass(frozen=True)
class ServerType:
    """A type of the server, domains already taken off: its name and oid, and its element when it is an array."""

    oid: int
    name: str
    builtin: bool
    kind: str
    element: ServerType | None = None
    modifier: int = -1
    """The modifier that a domain gives its base type."""


@dataclass(frozen=True)
class ServerColumn:
    """A column of a result. `dimensions` are those that its table declares; nothing holds the rows to them."""

    name: str
    type: ServerType
    modifier: int = -1
    dimensions: int = 0


@dataclass(frozen=True)
class Reading:
    """How one column is read: `sql` is selected, it comes as `wire` and leaves as `arrow`."""

    column: ServerColumn
    sql: str
    wire: pa.DataType
    arrow: pa.DataType
    mend: Mend = "none"

    @property
    def name(self) -> str:
        """The name of the column."""
        return self.column.name


def plain_types() -> dict[str, pa.DataType]:
    """Return the types that the driver reads faithfully, moments beyond its range aside, which are mended."""
    import pyarrow as pa

    return {
        "bool": pa.bool_(),
        "int2": pa.int16(),
        "int4": pa.int32(),
        "int8": pa.int64(),
        "float4": pa.float32(),
        "float8": pa.float64(),
        "text": pa.string(),
        "varchar": pa.string(),
        "bpchar": pa.string(),
        "bytea": pa.binary(),
        "date": pa.date32(),
        "time": pa.time64("us"),
        "timestamp": pa.timestamp("us"),
        "timestamptz": pa.timestamp("us", "UTC"),
        "interval": pa.month_day_nano_interval(),
        "uuid": pa.uuid(),
        "json": pa.json_(pa.string()),
        "jsonb": pa.json_(pa.string()),
    }


MOMENTS = frozenset({"date", "timestamp", "timestamptz"})


def decimal_of(modifier: int) -> pa.DataType | None:
    """Return the Arrow type of `numeric(p,s)`; None when it is unconstrained or too wide for one."""
    import pyarrow as pa

    if modifier < _HEADER:
        return None
    packed = modifier - _HEADER
    precision = (packed >> 16) & 0xFFFF
    scale = ((packed & (_SCALE - 1)) ^ (_SCALE // 2)) - _SCALE // 2
    if scale < 0:
        precision, scale = precision - scale, 0
    precision = max(precision, scale)
    return pa.decimal128(precision, scale) if precision <= MOST_DIGITS else None


def reading(column: ServerColumn, arrays: str, money_scale: int) -> Reading:
    """Decide how a column is read."""
    import pyarrow as pa

    name = f"q.{quote(column.name)}"
    found = column.type
    if found.element is not None:
        return _array(column, found.element, arrays, money_scale)
    sql, wire, arrow, mend = _scalar(name, found, column.modifier, money_scale)
    if found.kind in ("c", "p") and found.name != "void":
        return Reading(column, f"to_json({name})", pa.json_(pa.string()), pa.json_(pa.string()))
    return Reading(column, sql, wire, arrow, mend)


def _scalar(
    name: str, found: ServerType, modifier: int, money_scale: int, suffix: str = ""
) -> tuple[str, pa.DataType, pa.DataType, Mend]:
    """Decide for a single value, or with the suffix `[]` for the elements of an array."""
    import pyarrow as pa

    modifier = modifier if modifier != -1 else found.modifier
    text = (f"{name}::text{suffix}", pa.string(), pa.string())
    plain = plain_types().get(found.name) if found.builtin else None
    if plain is not None:
        base = name if not suffix else f"{name}::{found.name}{suffix}"  # an array of a domain is one of its base
        return base, plain, plain, "moments" if found.name in MOMENTS else "none"
    if found.builtin and found.name == "oid":
        return f"{name}::int8{suffix}", pa.int64(), pa.int64(), "none"
    if found.builtin and found.name == "numeric":
        decimal = decimal_of(modifier)
        return (*text[:2], decimal, "decimal") if decimal is not None else (*text, "none")
    if found.builtin and found.name == "money":
        numbers = f"{name}::numeric{suffix}::text{suffix}"
        return numbers, pa.string(), pa.decimal128(19, money_scale), "decimal"
    if found.builtin and found.name == "inet":  # a cast would add /32 where nobody wrote it
        return f"{name}::text::text[]" if suffix else f"abbrev({name})", pa.string(), pa.string(), "none"
    return (*text, "none")


def _array(column: ServerColumn, element: ServerType, arrays: str, money_scale: int) -> Reading:
    """Read an array as a list, or as JSON when it has or may have several dimensions or holds rows."""
    import pyarrow as pa

    name = f"q.{quote(column.name)}"
    if arrays == "json" or column.dimensions > 1 or element.kind in ("c", "p") or element.element is not None:
        return Reading(column, f"to_json({name})", pa.json_(pa.string()), pa.json_(pa.string()))
    sql, wire, arrow, mend = _scalar(name, element, column.modifier, money_scale, "[]")
    cast = sql[sql.rindex("::") :]
    told = literal(f"SQLFlow: column {column.name} holds an array of ")
    # No statement raises an error, but a cast that cannot be made does, and quotes what it was given
    guard = f"CASE WHEN array_ndims({name}) > 1 THEN ({told} || array_ndims({name}) || ' dimensions'){cast}"
    return Reading(column, f"{guard} ELSE {sql} END", pa.list_(wire), pa.list_(arrow), mend)


def is_text(found: ServerType) -> bool:
    """Tell whether values of a type are texts, ordered as such."""
    return (found.builtin and found.name in ("text", "varchar", "bpchar", "name")) or found.name == "citext"


def comes_as_text(item: Reading) -> bool:
    """Tell whether a column that is no text comes as one, so that its order is lost."""
    import pyarrow as pa

    return bool(pa.types.is_string(item.arrow)) and not is_text(item.column.type)


def arrow_schema(readings: list[Reading]) -> Any:
    """Return the columns as they leave."""
    import pyarrow as pa

    return pa.schema([pa.field(item.name, item.arrow) for item in readings])
