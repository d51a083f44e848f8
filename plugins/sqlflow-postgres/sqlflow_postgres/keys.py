"""Keys of the rows that were staged: there, not NULL, and unique where the mode needs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlflow.sdk import StepError, TableSchema, columns_list, did_you_mean, quote

from .connection import fetch

_SAMPLE = 5


def named(key: Sequence[str], schema: TableSchema, table: str) -> list[str]:
    """Return the key as the rows spell it."""
    names = []
    for name in key:
        column = schema.get(name)
        if column is None:
            raise StepError(
                f"key column {name!r} is not in the rows for {table}",
                hint=did_you_mean(name, schema.names, noun="column"),
                code="SF705",
            )
        names.append(column.name)
    return names


def check(connection: Any, stage: str, key: Sequence[str], table: str, *, unique: bool) -> None:
    """Refuse rows whose keys cannot tell them apart.

    Raises:
        StepError: a key is NULL, or occurs twice where it must not.

    """
    counted = ", ".join(f"count(*) - count({quote(name)})" for name in key)
    for name, count in zip(key, fetch(connection, f"SELECT {counted} FROM {stage}")[0], strict=True):
        if count:
            raise StepError(
                f"key column {name!r} is NULL in {count} of the rows for {table}",
                hint="a key identifies a row; filter these rows or choose another key",
                code="SF706",
            )
    if not unique or _indexed(connection, stage, key):
        return
    names = columns_list(key)
    rows = fetch(
        connection,
        f"SELECT {names}, count(*) FROM {stage} GROUP BY {names} HAVING count(*) > 1 ORDER BY {names} LIMIT {_SAMPLE}",
    )
    if rows:
        shown = "; ".join(
            ", ".join(f"{name} = {value!r}" for name, value in zip(key, row, strict=False)) + f" ({row[-1]} rows)"
            for row in rows
        )
        raise StepError(
            f"duplicate keys in the rows for {table}: {shown}",
            hint="leave one row of each key in the SQL of the step, or make the key wider",
            code="SF705",
        )


def _indexed(connection: Any, stage: str, key: Sequence[str]) -> bool:
    """Let the server build a unique index, which is faster than counting; False: it cannot, and counting tells why."""
    import psycopg

    try:
        connection.execute(f"CREATE UNIQUE INDEX ON {stage} ({columns_list(key)})".encode())
    except (psycopg.errors.UniqueViolation, psycopg.errors.ProgramLimitExceeded):  # values too long for an index
        return False
    return True
