"""The words that a query may be made of: functions with their signatures, keywords. DuckDB says which there are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from msgspec import Struct

from .syntax import connection


class Function(Struct):
    """A function by its name: every way to call it, and what it does."""

    name: str
    signatures: list[str]
    description: str


@lru_cache(maxsize=1)
def functions() -> Mapping[str, Function]:
    """Return the functions that stand in queries, by name; operators and inner functions are left out."""
    rows = connection().execute(
        "SELECT DISTINCT function_name, parameters, parameter_types, return_type, coalesce(description, '') "
        "FROM duckdb_functions() WHERE function_type <> 'pragma' ORDER BY ALL"
    )
    found: dict[str, Function] = {}
    for name, parameters, types, returns, description in rows.fetchall():
        if re.fullmatch(r"[a-z][a-z0-9_]*", name):
            function = found.setdefault(name, Function(name, [], description))
            takes = [f"{parameter} {kind or ''}".strip() for parameter, kind in zip(parameters, types, strict=False)]
            signature = f"{name}({', '.join(takes)})" + (f" -> {returns}" if returns else "")
            if signature not in function.signatures:
                function.signatures.append(signature)
    return found


@lru_cache(maxsize=1)
def keywords() -> tuple[str, ...]:
    """Return the words that a query cannot use as names."""
    rows = connection().execute(
        "SELECT DISTINCT keyword_name FROM duckdb_keywords() WHERE keyword_category = 'reserved' ORDER BY 1"
    )
    return tuple(row[0] for row in rows.fetchall())
