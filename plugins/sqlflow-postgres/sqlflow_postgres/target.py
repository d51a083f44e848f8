"""The table that is written: its name as the server reads it, what it has, and how it is made."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlflow.sdk import StepError, columns_list, literal, quote

from .connection import Server, fetch
from .fitting import LONGEST_NAME, WrittenColumn
from .options import PostgresWrite

_KINDS = {
    "v": "a view",
    "m": "a materialized view",
    "f": "a foreign table",
    "S": "a sequence",
    "c": "a type",
    "i": "an index",
}
_COLUMNS = """
SELECT a.attname::text, format_type(a.atttypid, a.atttypmod),
    CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod)
    ELSE format_type(a.atttypid, a.atttypmod) END
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = %s::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_UNIQUE = """
SELECT array_agg(a.attname::text) FROM pg_catalog.pg_index i
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, position)
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
WHERE i.indrelid = %s::oid AND i.indisunique AND i.indisvalid AND i.indimmediate
  AND i.indpred IS NULL AND i.indexprs IS NULL AND k.position <= i.indnkeyatts
GROUP BY i.indexrelid
"""


@dataclass(frozen=True)
class Target:
    """A table by its schema and name. `oid` None: it is not there."""

    schema: str
    name: str
    oid: int | None = None

    @property
    def sql(self) -> str:
        """The quoted name."""
        return f"{quote(self.schema)}.{quote(self.name)}"

    @property
    def shown(self) -> str:
        """The name for people."""
        return f"{self.schema}.{self.name}"

    def beside(self, what: str) -> str:
        """Return the quoted name of a table that stands beside this one for a while."""
        mark = f"{zlib.crc32(self.name.encode()):08x}"
        return f"{quote(self.schema)}.{quote(f'_sqlflow_{what}_{mark}')}"


def found(connection: Any, options: PostgresWrite) -> Target:
    """Find the table, or where it would be; capitals count only in quotes, as everywhere on the server.

    Raises:
        StepError: the name is not one, or belongs to something that is not a table.

    """
    parts = fetch(connection, "SELECT parse_ident(%s)", options.table)[0][0]
    if any(len(part.encode()) > LONGEST_NAME for part in parts):
        raise StepError(f"{options.table} is longer than {LONGEST_NAME} bytes", hint="give it a shorter name")
    rows = fetch(
        connection,
        "SELECT n.nspname::text, c.relname::text, c.oid::int8, c.relkind::text FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(%s)",
        options.table,
    )
    if rows:
        schema, name, oid, kind = rows[0]
        if kind not in ("r", "p"):
            raise StepError(
                f"{schema}.{name} is {_KINDS.get(kind, 'not a table')}", hint="write to another table", code="SF719"
            )
        return Target(schema, name, oid)
    if len(parts) == 1:
        schema = fetch(connection, "SELECT current_schema()::text")[0][0]
        if schema is None:
            raise StepError(
                f"table {options.table} names no schema, and the search path has none", hint="write schema.table"
            )
        return Target(schema, parts[0])
    return Target(parts[0], parts[1])


def refuse_absent(target: Target, options: PostgresWrite, server: Server) -> None:
    """Raise when the table is not there and is not to be created."""
    if target.oid is None and not options.create:
        raise StepError(
            f"table {target.shown} does not exist ({server.label})",
            hint="create it, or write create: true",
            code="SF708",
            kind="not_found",
        )


def columns_of(connection: Any, target: Target) -> dict[str, tuple[str, str]]:
    """Return the columns of a table with their types, with and without domains."""
    return {name: (kind, plain) for name, kind, plain in fetch(connection, _COLUMNS, target.oid)}


def has_unique(connection: Any, target: Target, key: Sequence[str]) -> bool:
    """Tell whether the server itself sees to it that a key occurs once."""
    return any(set(row[0]) == set(key) for row in fetch(connection, _UNIQUE, target.oid))


def make_schema(connection: Any, target: Target) -> None:
    """Create the schema of the table, when it is not there."""
    if fetch(connection, "SELECT to_regnamespace(%s) IS NULL", quote(target.schema))[0][0]:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(target.schema)}".encode())


def make(connection: Any, target: Target, columns: Sequence[WrittenColumn], key: Sequence[str] = ()) -> Target:
    """Create the table and return it; a key becomes its primary key."""
    make_schema(connection, target)
    listed = ", ".join(f"{quote(item.name)} {item.type}" for item in columns)
    primary = f", PRIMARY KEY ({columns_list(key)})" if key else ""
    connection.execute(f"CREATE TABLE {target.sql} ({listed}{primary})".encode())
    oid = fetch(connection, f"SELECT {literal(target.sql)}::regclass::oid::int8")[0][0]
    return Target(target.schema, target.name, oid)


def serialize(connection: Any, target: Target) -> None:
    """Let only one writer of SQLFlow at a time come to this table, until the transaction ends."""
    connection.execute(b"SELECT pg_advisory_xact_lock(hashtextextended(%s, 8263))", [target.shown])
