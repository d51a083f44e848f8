"""Data versions: by which commit the rows of a table, or of what a view reads, have last changed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlflow.sdk import fold_name, join_name, literal, split_name

from .connection import Connection
from .warehouse import ALIAS, key

#: Functions in the place of a table that give the same rows whenever they are asked.
_STEADY = re.compile(r"^(range|generate_series|unnest)$", re.IGNORECASE)
_CALLED = re.compile(r'"type":"TABLE_FUNCTION".*?"function_name":"([^"]+)"')


def version(db: Connection, table: str, seen: frozenset[str] = frozenset()) -> str | None:
    """Return the number of the last commit that changed a table; of a view, those of everything that it reads.

    None when rows may change without a commit of SQLFlow: a table that it did not make, a view over files.
    """
    entry = db.warehouse.entry(table)
    if entry is None or table in seen or not db.warehouse.owned(table):
        return None
    line = db.warehouse.version(table)
    if line is None:
        return None
    if entry.kind == "table":
        return str(line)
    reads = _read_by_view(db, table)
    below = None if reads is None else [version(db, name, seen | {table}) for name in reads]
    if below is None or None in below:
        return None
    return "+".join([str(line), *(part for part in below if part)])


def identities(db: Connection, tables: Sequence[str]) -> dict[str, int | None]:
    """Return a number for each table, None when it is not there; one that is dropped and made again gets another."""
    if not tables:
        return {}
    query = f"SELECT schema_name, table_name, table_oid FROM duckdb_tables() WHERE database_name = {literal(ALIAS)}"
    found = {fold_name(join_name((schema, name))): int(number) for schema, name, number in db.execute(query)}
    return {table: found.get(key(table)) for table in tables}


def _read_by_view(db: Connection, view: str) -> list[str] | None:
    """Return the tables that a view reads; None when it reads anything else."""
    *schema, name = split_name(view)
    sql = db.execute(
        "SELECT sql FROM duckdb_views() WHERE database_name = $db AND lower(schema_name) = lower($schema) "
        "AND lower(view_name) = lower($name)",
        {"db": ALIAS, "schema": schema[-1] if schema else "main", "name": name},
    )
    if not sql:
        return None
    query = re.sub(r"^CREATE VIEW .*? AS ", "", sql[0][0], count=1, flags=re.DOTALL).rstrip().rstrip(";")
    tree = db.execute(f"SELECT json_serialize_sql({literal(query)})")[0][0]
    if '"error":true' in tree or any(not _STEADY.match(found) for found in _CALLED.findall(tree)):
        return None
    return sorted(db.raw.get_table_names(query, qualified=True))
