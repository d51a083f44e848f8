"""What all sessions of one open warehouse share: the inventory of its tables, and the commit ledger.

The inventory is read once and kept up to date by whoever commits: one process writes at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any, Literal

from msgspec import Struct, field

from sqlflow.sdk import CATALOG, fold_name, join_name, literal, quote, split_name

from .faults import translated
from .migrations import STATE, migrate

#: A schema may be named like a file; under a fixed, unlikely name of the database neither is ambiguous.
ALIAS = CATALOG
STAGE_PREFIX = "__sqlflow_stage_"


class Entry(Struct, frozen=True):
    """A table or view that exists."""

    kind: Literal["table", "view"]
    indexes: tuple[tuple[str, str], ...] = ()
    """Name and statement of each index."""
    sql: str = ""
    """The statement that makes a table as another program made it; empty for what this run has made."""


class Unique(Struct, frozen=True):
    """What a commit says of a table: the columns that tell its rows apart, as the ledger writes them, and how many."""

    key: str
    rows: int


class Told(Struct):
    """What the ledger tells of a table: whether a commit made it, and the last one that changed it."""

    made: bool = False
    line: int | None = None
    unique: Unique | None = None


class Warehouse(Struct):
    """The shared part. `lock` guards the maps; the database guards itself."""

    root: Any
    lock: threading.Lock = field(default_factory=threading.Lock)
    setting: threading.Lock = field(default_factory=threading.Lock)
    """Held from the setup of a scan to its teardown: what it attaches is attached for all connections."""
    functions: list[str] = field(default_factory=list)
    _entries: dict[str, Entry] | None = None
    _told: dict[str, Told] | None = None
    _remembered: set[str] | None = None
    _remembered_since: set[str] = field(default_factory=set)
    _line: int = 0

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
            if made and self._told is not None:
                self._told.setdefault(key(table), Told()).made = True

    def has_state(self) -> bool:
        """Tell whether SQLFlow keeps state here; a database that it has never written holds none."""
        where = f"database_name = {literal(ALIAS)} AND schema_name = {literal(STATE)} AND table_name = 'state'"
        return bool(_read(self.root.cursor(), f"SELECT 1 FROM duckdb_tables() WHERE {where}"))

    def next_line(self) -> int:
        """Return the number of the next commit; numbers grow, and some may stay unused."""
        with self.lock:
            self._line += 1
            return self._line

    def moved(self, table: str, line: int, unique: Unique | None = None) -> None:
        """Record that a commit has changed the rows of a table, and what it says of them."""
        with self.lock:
            told = self._told.setdefault(key(table), Told()) if self._told is not None else Told()
            if line >= (told.line or 0):
                told.line, told.unique = line, unique

    def version(self, table: str) -> int | None:
        """Return the number of the last commit that changed a table, if SQLFlow has."""
        return self._of(table).line

    def unique(self, table: str) -> Unique | None:
        """Return what the last commit that changed a table says of it."""
        return self._of(table).unique

    def _of(self, table: str) -> Told:
        with self.lock:
            if self._told is None:
                self._told = {
                    name: Told(made, last and last[0], Unique(last[1], last[2]) if last and last[1] else None)
                    for name, made, last in _read(self.root.cursor(), _TOLD, older=_TOLD_1)
                }
            return self._told.get(key(table)) or Told()

    def remember(self, table: str) -> None:
        """Record that a step remembers something of a table from now on."""
        with self.lock:
            self._remembered_since.add(key(table))

    def remembered(self, table: str) -> bool:
        """Tell whether a step remembers something of a table."""
        with self.lock:
            if key(table) in self._remembered_since:
                return True
            if self._remembered is None:
                self._remembered = {row[0] for row in _read(self.root.cursor(), _REMEMBERED)}
            return key(table) in self._remembered

    def forget(self) -> None:
        """Read the inventory anew next time; after statements that may have made anything."""
        with self.lock:
            self._entries = None
            self._told = None

    def owned(self, table: str) -> bool:
        """Tell whether a commit of SQLFlow has written the table before."""
        return self._of(table).made

    def prepare(self, schemas: Iterable[str]) -> None:
        """Create schemas and state, and clear what a killed run left. Concurrent creation would conflict."""
        with translated():
            cursor = self.root.cursor()
            cursor.execute(f"USE {quote(ALIAS)}")
            for schema in [*schemas, STATE]:
                cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}")
            migrate(cursor)
            hidden = (
                "SELECT schema_name, table_name FROM duckdb_tables() "
                f"WHERE database_name = {literal(ALIAS)} AND starts_with(table_name, {literal(STAGE_PREFIX)})"
            )
            for schema, table in cursor.execute(hidden).fetchall():
                cursor.execute(f"DROP TABLE {quote(schema)}.{quote(table)}")
            last = cursor.execute(
                f"SELECT greatest((SELECT max(line) FROM {STATE}.commits), (SELECT max(line) FROM {STATE}.state), 0)"
            )
            self._line = int(last.fetchall()[0][0])
            cursor.close()
        self.forget()


def key(table: str) -> str:
    """Return the folded name of a table, without the database's own name."""
    return fold_name(table)


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


_COMMITS, _ENTRIES = f"{quote(ALIAS)}.{STATE}.commits", f"{quote(ALIAS)}.{STATE}.state"
_TOLD = (
    "SELECT target, bool_or(made), max_by((line, unique_key, held), line) FILTER (changed) "
    f"FROM {_COMMITS} WHERE target IS NOT NULL GROUP BY target"
)
_TOLD_1 = _TOLD.replace("unique_key, held", "NULL, NULL")
"""The same of a state of version 1, which stays what it is where a warehouse is only read."""
_REMEMBERED = f"SELECT DISTINCT target FROM {_ENTRIES}"


def _read(cursor: Any, query: str, older: str | None = None) -> list[Any]:
    """Return rows of the state; none where SQLFlow has never written. `older` asks a state that lacks a column."""
    import duckdb

    try:
        rows: list[Any] = cursor.execute(query).fetchall()
    except duckdb.CatalogException:
        rows = []
    except duckdb.BinderException:
        if older is None:
            raise
        return _read(cursor, older)
    cursor.close()
    return rows
