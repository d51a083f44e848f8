"""What all sessions of one open warehouse share: the inventory of its tables, and the commit ledger.

The inventory is read once and kept up to date by whoever commits: one process writes at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlflow.sdk import CATALOG, fold_name, join_name, literal, quote, split_name

from .faults import translated

#: A schema may be named like a file; under a fixed, unlikely name of the database neither is ambiguous.
ALIAS = CATALOG
STATE = "_sqlflow"
STAGE_PREFIX = "__sqlflow_stage_"


@dataclass(frozen=True)
class Entry:
    """A table or view that exists."""

    kind: Literal["table", "view"]
    indexes: tuple[tuple[str, str], ...] = ()
    """Name and statement of each index."""
    sql: str = ""
    """The statement that makes a table as another program made it; empty for what this run has made."""


@dataclass
class Warehouse:
    """The shared part. `lock` guards the maps; the database guards itself."""

    root: Any
    lock: threading.Lock = field(default_factory=threading.Lock)
    setting: threading.Lock = field(default_factory=threading.Lock)
    """Held from the setup of a scan to its teardown: what it attaches is attached for all connections."""
    functions: list[str] = field(default_factory=list)
    _entries: dict[str, Entry] | None = None
    _owned: set[str] | None = None

    def entry(self, table: str) -> Entry | None:
        """Return what is known of a table, or None when there is none."""
        return self.entries().get(key(table))

    def entries(self) -> dict[str, Entry]:
        """Return every table and view by folded name; read from the database the first time."""
        with self.lock:
            if self._entries is None:
                self._entries = _read_entries(self.root.cursor())
            return self._entries

    def note(self, table: str, entry: Entry, *, made: bool) -> None:
        """Record what a commit has made of a table; one that it created is ours."""
        entries = self.entries()
        with self.lock:
            if made or key(table) not in entries:
                entries[key(table)] = entry
            if made and self._owned is not None:
                self._owned.add(key(table))

    def forget(self) -> None:
        """Read the inventory anew next time; after statements that may have made anything."""
        with self.lock:
            self._entries = None
            self._owned = None

    def owned(self, table: str) -> bool:
        """Tell whether a commit of SQLFlow has written the table before."""
        with self.lock:
            if self._owned is None:
                self._owned = _read_owned(self.root.cursor())
            return key(table) in self._owned

    def prepare(self, schemas: Iterable[str]) -> None:
        """Create schemas and state, and clear what a killed run left. Concurrent creation would conflict."""
        with translated():
            cursor = self.root.cursor()
            cursor.execute(f"USE {quote(ALIAS)}")
            for schema in [*schemas, STATE]:
                cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}")
            cursor.execute(
                f"CREATE TABLE IF NOT EXISTS {quote(STATE)}.commits (run_id VARCHAR NOT NULL, step VARCHAR NOT NULL, "
                "target VARCHAR, attempt INTEGER NOT NULL, rows BIGINT, made BOOLEAN NOT NULL, "
                "committed_at TIMESTAMPTZ NOT NULL)"
            )
            hidden = (
                "SELECT schema_name, table_name FROM duckdb_tables() "
                f"WHERE database_name = {literal(ALIAS)} AND starts_with(table_name, {literal(STAGE_PREFIX)})"
            )
            for schema, table in cursor.execute(hidden).fetchall():
                cursor.execute(f"DROP TABLE {quote(schema)}.{quote(table)}")
            cursor.close()
        self.forget()


def key(table: str) -> str:
    """Return the folded name of a table, without the database's own name."""
    return fold_name(table)


def quoted(table: str) -> str:
    """Return a table name quoted; one without a schema lives in `main`, so a keyword may be a name."""
    parts = split_name(table)
    return ".".join(quote(part) for part in (parts if len(parts) > 1 else ("main", *parts)))


def beside(table: str, name: str) -> str:
    """Return a name in the schema of a table."""
    parts = split_name(table)
    return join_name((parts[-2] if len(parts) > 1 else "main", name))


def _read_entries(cursor: Any) -> dict[str, Entry]:
    where = f"database_name = {literal(ALIAS)} AND NOT internal"
    with translated():
        indexes: dict[str, list[tuple[str, str]]] = {}
        for schema, table, name, sql in cursor.execute(
            "SELECT schema_name, table_name, index_name, sql FROM duckdb_indexes() "
            f"WHERE database_name = {literal(ALIAS)}"
        ).fetchall():
            if sql:
                indexes.setdefault(fold_name(join_name((schema, table))), []).append((name, sql))
        found = {}
        for schema, table, kind, sql in cursor.execute(
            f"SELECT schema_name, table_name, 'table', sql FROM duckdb_tables() WHERE {where} "
            f"UNION ALL SELECT schema_name, view_name, 'view', '' FROM duckdb_views() WHERE {where}"
        ).fetchall():
            if schema != STATE and not table.startswith(STAGE_PREFIX):
                name = fold_name(join_name((schema, table)))
                found[name] = Entry(kind, tuple(indexes.get(name, ())), sql or "")
        cursor.close()
    return found


def _read_owned(cursor: Any) -> set[str]:
    import duckdb

    try:
        rows = cursor.execute(f"SELECT DISTINCT target FROM {quote(ALIAS)}.{STATE}.commits WHERE made").fetchall()
    except duckdb.CatalogException:  # a database that SQLFlow has never written
        rows = []
    cursor.close()
    return {row[0] for row in rows if row[0]}
