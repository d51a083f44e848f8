"""Values in SQL: as typed literals where a statement cannot be bound, and the truth of conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlflow.sdk import literal

from .references import Reference
from .syntax import connection


def with_literals(sql: str, parameters: Sequence[Reference], values: Mapping[str, Any]) -> str:
    """Return the query with each parameter, where the parser saw it, replaced by a typed literal."""
    text = sql
    for reference in sorted(parameters, key=lambda r: r.offset, reverse=True):
        end = reference.offset + 1 + len(reference.name)
        text = f"{text[: reference.offset]}{literal(values[reference.name])}{text[end:]}"
    return text


def holds(expression: str, values: Mapping[str, Any]) -> bool:
    """Decide a SQL boolean that reads no table; NULL is not true.

    Raises:
        ValueError: the expression does not evaluate to a boolean; the message is the database's own.

    """
    import duckdb

    try:
        answer = connection().execute(f"SELECT ({expression}\n)", dict(values)).fetchall()[0][0]
    except duckdb.Error as error:
        raise ValueError(str(error).split("\n", 1)[0].partition("Error: ")[2] or "it fails") from None
    if answer is not None and not isinstance(answer, bool):
        raise ValueError(f"expected true or false, found {answer!r}")
    return bool(answer)
