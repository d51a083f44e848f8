"""Data versions: by which commit the rows of a table, or of what a view reads, have last changed."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from sqlflow.sdk import fold, fold_name, join_name, literal, split_name

from .connection import Connection
from .warehouse import ALIAS, key

#: Functions in the place of a table that give the same rows whenever they are asked.
_STEADY = re.compile(r"^(range|generate_series|unnest)$", re.IGNORECASE)


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
    tree = json.loads(db.execute(f"SELECT json_serialize_sql({literal(query)})")[0][0])
    found: set[str] = set()
    if tree.get("error") or not _collect(tree, frozenset(), found):
        return None
    return sorted(found)


def _collect(node: Any, ctes: frozenset[str], found: set[str]) -> bool:
    """Gather the tables below a node; False when something is read that is no table."""
    if isinstance(node, list):
        return all(_collect(item, ctes, found) for item in node)
    if not isinstance(node, dict):
        return True
    if node.get("type") == "BASE_TABLE":
        parts = [part for part in (node["schema_name"], node["table_name"]) if part]
        if len(parts) > 1 or fold(parts[0]) not in ctes:
            found.add(join_name(parts))
    if node.get("type") == "TABLE_FUNCTION" and not _STEADY.match(node["function"]["function_name"]):
        return False
    named = {fold(entry["key"]) for entry in (node.get("cte_map") or {}).get("map", ())}
    return all(_collect(value, ctes | named, found) for value in node.values())
