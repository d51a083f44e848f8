"""Cursor ranges as conditions for the server. In doubt nothing is pushed: more rows are safe, fewer never.

The engine filters again, with the values as they arrive. A condition is therefore only written where the server
compares exactly as the engine does: same type, same order, and a bound that both read alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from sqlflow.sdk import Bound, ColumnSpec, CursorRange, SchemaChanged, fold, normal_type

from .columns import column_sql
from .types import Reading, comes_as_text, decimal_of, is_text

_WHOLE = re.compile(r"[+-]?\d{1,40}")
_NUMBER = re.compile(r"[+-]?\d{1,40}(\.(\d{1,40}))?")
_FLOAT = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d([ T]00:00(:00(\.0{1,6})?)?)?")
_STAMP = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?")
_ZONED = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d(:?\d\d)?)")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
#: What columns of a type are for the engine, as long as nobody declares something else.
_ENGINE = {
    "int2": "SMALLINT", "int4": "INTEGER", "int8": "BIGINT", "float4": "FLOAT", "float8": "DOUBLE", "date": "DATE",
    "timestamp": "TIMESTAMP", "timestamptz": "TIMESTAMP WITH TIME ZONE", "uuid": "UUID", "text": "VARCHAR",
    "varchar": "VARCHAR",
}  # fmt: skip
_LARGEST = 2**63 - 1
Writer = Callable[[str, str], str | None]
"""Writes a bound, given its text and the sign of a day that is on the safe side."""


def condition(since: CursorRange, item: Reading, columns: Mapping[str, ColumnSpec], *, utf8: bool) -> str | None:
    """Write the rows of a range as a condition of the server; None when that cannot be said exactly.

    Raises:
        SchemaChanged: the cursor arrives as a text that does not order as its type does.

    """
    declared = next((spec.type for name, spec in columns.items() if fold(name) == fold(item.name)), None)
    if declared is None and comes_as_text(item):
        raise SchemaChanged(
            f"the cursor column {item.name!r} is of type {item.column.type.name}, which arrives as text, and texts "
            "are not in its order",
            hint=f"declare its type, such as columns: {{{item.name}: 'decimal(38,9)'}}, or cast it in a query",
            code="SF731",
        )
    writer = _writer(item, utf8=utf8)
    if writer is None or (declared is not None and normal_type(declared) != _engine_type(item)):
        return None
    parts: list[str] = []
    name = column_sql(item)
    if is_text(item.column.type):
        name += '::text COLLATE "C"'
    for bound, sign in ((since.lower, ">=" if since.inclusive else ">"), (since.upper, "<")):
        if bound is None:
            continue
        written = writer(bound.text, "+" if sign == "<" else "-") if _same(bound, item) else None
        if written is None:
            return None
        parts.append(f"{name} {sign} {written}")
    bare = column_sql(item)
    if not parts:
        return None if since.nulls else f"{bare} IS NOT NULL"
    inside = " AND ".join(parts)
    return f"(({inside}) OR {bare} IS NULL)" if since.nulls else f"({inside})"


def _engine_type(item: Reading) -> str | None:
    if item.mend == "decimal":
        return f"DECIMAL({item.arrow.precision},{item.arrow.scale})"
    return _ENGINE.get(item.column.type.name)


def _same(bound: Bound, item: Reading) -> bool:
    """Tell whether the bound is of the column's own type, or takes it over."""
    return bound.type is None or normal_type(bound.type) == _engine_type(item)


def _writer(item: Reading, *, utf8: bool) -> Writer | None:
    """Return what writes a bound for a column, if anything does."""
    found = item.column.type
    if found.element is not None or not found.builtin:
        return None
    if found.name == "numeric":
        decimal = decimal_of(item.column.modifier if item.column.modifier != -1 else found.modifier)
        return None if decimal is None else lambda text, _: _numeric(text, decimal.scale)
    if found.name in ("text", "varchar"):
        return _text if utf8 else None
    if found.name in ("int2", "int4", "int8"):
        return _integer
    if found.name == "timestamptz":
        return _zoned
    pattern = {"float4": _FLOAT, "float8": _FLOAT, "date": _DATE, "timestamp": _STAMP, "uuid": _UUID}.get(found.name)
    if pattern is None:
        return None
    return lambda text, _: f"'{text}'::{found.name}" if pattern.fullmatch(text) else None


def _text(text: str, _: str) -> str | None:
    return None if "\0" in text else "'" + text.replace("'", "''") + "'"


def _integer(text: str, _: str) -> str | None:
    """Write a bound that an index can be searched with."""
    return f"'{text}'::int8" if _WHOLE.fullmatch(text) and abs(int(text)) <= _LARGEST else None


def _zoned(text: str, safe: str) -> str | None:
    """Write a moment; without a zone the engine reads it in that of its session, which is less than a day away."""
    if _ZONED.fullmatch(text):
        return f"'{text}'::timestamptz"
    return f"('{text}'::timestamptz {safe} interval '1 day')" if _STAMP.fullmatch(text) else None


def _numeric(text: str, scale: int) -> str | None:
    found = _NUMBER.fullmatch(text)
    return f"'{text}'::numeric" if found and len(found[2] or "") <= scale else None
