"""The tables of the schema `_sqlflow`, and how an older form of them becomes the present one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlflow.sdk import StepError, quote

STATE = "_sqlflow"

#: What makes each version of the state out of the one before. Released versions never change.
MIGRATIONS: dict[int, tuple[str, ...]] = {
    1: (
        f"""CREATE TABLE {STATE}.commits (line BIGINT NOT NULL, run_id VARCHAR NOT NULL, pipeline VARCHAR NOT NULL,
        step VARCHAR NOT NULL, part VARCHAR, target VARCHAR, attempt INTEGER NOT NULL, rows BIGINT,
        made BOOLEAN NOT NULL, changed BOOLEAN NOT NULL, fingerprint VARCHAR, committed_at TIMESTAMPTZ NOT NULL)""",
        f"""CREATE TABLE {STATE}.state (line BIGINT NOT NULL, pipeline VARCHAR NOT NULL, step VARCHAR NOT NULL,
        target VARCHAR NOT NULL, kind VARCHAR NOT NULL, name VARCHAR NOT NULL, value VARCHAR,
        run_id VARCHAR NOT NULL, recorded_at TIMESTAMPTZ NOT NULL)""",
    ),
    2: (
        f"ALTER TABLE {STATE}.commits ADD COLUMN unique_key VARCHAR",
        f"ALTER TABLE {STATE}.commits ADD COLUMN held BIGINT",
    ),
}


def _left(cursor: Any) -> str | None:
    """Return a table of the state that is there although no version is known."""
    where = f"database_name = current_database() AND schema_name = '{STATE}' AND table_name <> 'versions'"
    found = cursor.execute(f"SELECT min(table_name) FROM duckdb_tables() WHERE {where}").fetchall()
    name: str | None = found[0][0]
    return name


def migrate(cursor: Any, known: Mapping[int, tuple[str, ...]] | None = None) -> None:
    """Bring the state to the present version, in one transaction.

    Raises:
        StepError: a newer version of SQLFlow has written it, or part of it is gone.

    """
    steps = MIGRATIONS if known is None else known
    table = f"{quote(STATE)}.versions"
    cursor.execute(f"CREATE TABLE IF NOT EXISTS {table} (version INTEGER NOT NULL, applied_at TIMESTAMPTZ NOT NULL)")
    found = int(cursor.execute(f"SELECT coalesce(max(version), 0) FROM {table}").fetchall()[0][0])
    newest = max(steps)
    if found > newest:
        raise StepError(
            f"the state of this warehouse was written by a newer version of SQLFlow (version {found} of its tables; "
            f"this one knows {newest})",
            hint="install the version that wrote it, or use another warehouse",
            code="SF730",
        )
    if found == newest:
        return
    if not found and (left := _left(cursor)):
        raise StepError(
            f"the state of this warehouse is not whole: {table} tells no version, and there is {STATE}.{left}",
            hint=f"bring the file back from a copy, or drop the schema {STATE}; every step then begins anew",
            code="SF730",
        )
    cursor.execute("BEGIN TRANSACTION")
    for version in range(found + 1, newest + 1):
        for statement in steps[version]:
            cursor.execute(statement)
        cursor.execute(f"INSERT INTO {table} VALUES ({version}, now())")
    cursor.execute("COMMIT")
