"""Which appends were committed: one row each, in a small table beside the tables that were appended to."""

from __future__ import annotations

import re
from typing import Any

from sqlflow.sdk import StepError, quote

from .connection import fetch
from .target import Target

TABLE = "_sqlflow_commits"


def mark(token: str) -> str:
    """Return what all attempts of a write have in common: its run and its step."""
    return re.sub(r"/\d+$", "", token)


def claim(connection: Any, target: Target, token: str) -> bool:
    """Record the write in the open transaction; False when it was committed before.

    A second process that claims the same waits for the first to end.

    Raises:
        StepError: the table of tokens is not there and may not be created.

    """
    import psycopg

    table = f"{quote(target.schema)}.{quote(TABLE)}"
    if fetch(connection, "SELECT to_regclass(%s) IS NULL", table)[0][0]:
        try:
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS {table} (token text, target text, committed_at timestamptz "
                f"NOT NULL DEFAULT now(), PRIMARY KEY (token, target))".encode()
            )
        except psycopg.errors.InsufficientPrivilege:
            raise StepError(
                f"an append is recorded in {target.schema}.{TABLE}, which is not there and may not be created",
                hint=f"grant the role CREATE on schema {target.schema}, or write mode: merge with a key",
                code="SF713",
                kind="permission",
            ) from None
    inserted = fetch(
        connection,
        f"INSERT INTO {table} (token, target) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING 1",
        mark(token),
        target.name,
    )
    return bool(inserted)


def claimed(connection: Any, target: Target, token: str) -> bool:
    """Tell whether the write was committed before."""
    table = f"{quote(target.schema)}.{quote(TABLE)}"
    if fetch(connection, "SELECT to_regclass(%s) IS NULL", table)[0][0]:
        return False
    found = fetch(connection, f"SELECT 1 FROM {table} WHERE token = %s AND target = %s", mark(token), target.name)
    return bool(found)
