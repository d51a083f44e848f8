"""SQL as text: quoting, typed literals, and the statements that checks need. No parser, no connection."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

CATALOG = "sqlflow_warehouse"
"""The name under which an engine attaches the warehouse; three-part names may begin with it."""

_ASCII = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PART = re.compile(r'"((?:[^"]|"")*)"|([^".\s]+)')


def fold(name: str) -> str:
    """Return the form under which two spellings of one name are equal: DuckDB folds the letters of ASCII only."""
    return name.translate(_ASCII)


def quote(name: str) -> str:
    """Quote one identifier."""
    return '"' + name.replace('"', '""') + '"'


@lru_cache(maxsize=1024)
def split_name(name: str) -> tuple[str, ...]:
    """Split a table name such as `raw."My Orders"` into its parts, unquoted.

    Raises:
        ValueError: the text is not one to three identifiers joined by dots.

    """
    parts: list[str] = []
    position = 0
    while True:
        found = _PART.match(name, position)
        if not found or found.end() == position:
            break
        parts.append(found[1].replace('""', '"') if found[1] is not None else found[2])
        position = found.end()
        if position == len(name):
            if len(parts) <= 3:  # noqa: PLR2004 - catalog, schema, table
                return tuple(parts)
            break
        if name[position] != ".":
            break
        position += 1
    raise ValueError(f"{name!r} is not a table name; write table, schema.table or catalog.schema.table")


def join_name(parts: Sequence[str]) -> str:
    """Write a table name for people: quoted only where it must be."""
    return ".".join(part if _PLAIN.fullmatch(part) else quote(part) for part in parts)


def quote_name(name: str) -> str:
    """Quote every part of a table name."""
    return ".".join(quote(part) for part in split_name(name))


@lru_cache(maxsize=4096)
def fold_name(name: str) -> str:
    """Return the form under which two spellings of one table are equal: DuckDB ignores case and `main`."""
    parts = [fold(part) for part in split_name(name)]
    if len(parts) == 3 and parts[0] == CATALOG:  # noqa: PLR2004 - catalog, schema, table
        del parts[0]
    if len(parts) > 1 and parts[-2] == "main":
        del parts[-2]
    return join_name(parts)


def literal(value: Any) -> str:
    """Write a value as a typed SQL literal that no value can break out of."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        kind = "TIMESTAMPTZ" if value.tzinfo else "TIMESTAMP"
        return f"{kind} '{value.isoformat(sep=' ')}'"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, (int, Decimal)):
        return f"{value}" if value >= 0 else f"({value})"
    if isinstance(value, float):
        return f"CAST('{value!r}' AS DOUBLE)"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    return "'" + str(value).replace("'", "''") + "'"


def columns_list(names: Sequence[str], *, prefix: str = "") -> str:
    """Join quoted column names with commas, each behind `prefix`."""
    return ", ".join(prefix + quote(name) for name in names)


def key_match(key: Sequence[str], left: str, right: str) -> str:
    """Return the condition that two rows have the same key."""
    return " AND ".join(f"{left}.{quote(k)} = {right}.{quote(k)}" for k in key)
