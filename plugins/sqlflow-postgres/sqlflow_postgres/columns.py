"""What a table or query has for columns: asked of the server before a row is read."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from sqlflow.sdk import SchemaChanged, StepError, did_you_mean, fold, quote

from .connection import Server, fetch
from .options import PostgresRead
from .types import Reading, ServerColumn, ServerType, reading

_TYPES = """
SELECT t.oid::int8, t.typname::text, n.nspname = 'pg_catalog', t.typtype::text, t.typbasetype::int8, t.typtypmod,
    CASE WHEN e.typarray = t.oid THEN e.oid::int8 END
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid
WHERE t.oid = ANY(%s::oid[])
"""
_NEARBY = """
SELECT CASE WHEN pg_catalog.pg_table_is_visible(c.oid) THEN c.relname ELSE n.nspname || '.' || c.relname END::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
LIMIT 2000
"""


def resolved(connection: Any, table: str) -> str | None:
    """Return the quoted name of a table as the server finds it, or None; capitals count only in quotes."""
    found = fetch(
        connection,
        "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(%s)",
        table,
    )
    return str(found[0][0]) if found else None


def relation(connection: Any, options: PostgresRead, server: Server) -> str:
    """Return what may follow FROM, named q.

    Raises:
        StepError: there is no such table.

    """
    if options.table is None:
        query = (options.query or "").strip().rstrip(";")
        return f"(\n{query}\n) AS q"
    with server.guarded(f"looking for table {options.table}"):
        found = resolved(connection, options.table)
        if found is None:
            names = [row[0] for row in fetch(connection, _NEARBY)]
            raise StepError(
                f"table {options.table} does not exist ({server.label})",
                hint=did_you_mean(options.table, names, noun="table") or "check its name; it may need its schema",
                code="SF708",
                kind="not_found",
            )
    return f"{found} AS q"


def described(connection: Any, source: str, options: PostgresRead, server: Server) -> list[Reading]:
    """Return how every wanted column of a relation is read.

    Raises:
        StepError: a wanted column is not there, or names cannot be told apart.

    """
    what = options.table or "the query"
    with server.guarded(f"looking at {what}"):
        cursor = connection.execute(f"SELECT * FROM (SELECT * FROM {source}) AS q LIMIT 0".encode())
        result = cursor.pgresult
        count = result.nfields
        names = [result.fname(i).decode() for i in range(count)]
        wanted = _wanted(names, options, what)
        types = _types(connection, {result.ftype(i) for i in range(count)})
        dimensions = _dimensions(connection, [(result.ftable(i), result.ftablecol(i)) for i in range(count)])
        columns = [
            ServerColumn(name, types[result.ftype(i)], result.fmod(i), dimensions.get(i, 0))
            for i, name in enumerate(names)
            if name in wanted
        ]
        columns.sort(key=lambda column: wanted.index(column.name))
        scale = 2
        if any("money" in (c.type.name, c.type.element.name if c.type.element else "") for c in columns):
            scale = fetch(connection, "SELECT scale('0'::money::numeric)")[0][0]
    return [reading(column, options.arrays, scale) for column in columns]


def found_name(name: str, names: list[str]) -> str | None:
    """Return the column that a name means: the same one, else the only one that differs in case."""
    if name in names:
        return name
    close = [other for other in names if fold(other) == fold(name)]
    return close[0] if len(close) == 1 else None


def _wanted(names: list[str], options: PostgresRead, what: str) -> list[str]:
    wanted = names
    if options.select:
        wanted = []
        for name in options.select:
            found = found_name(name, names)
            if found is None:
                raise SchemaChanged(
                    f"column {name!r} is listed under select but {what} does not have it; it has: {', '.join(names)}",
                    hint=did_you_mean(name, names, noun="column"),
                    code="SF720",
                )
            wanted.append(found)
    if not wanted:
        raise StepError(f"{what} has no columns", hint="select at least one column")
    counted = Counter(fold(name) for name in wanted)
    twice = [name for name in dict.fromkeys(wanted) if counted[fold(name)] > 1]
    if twice:
        raise StepError(
            f"{what} has columns that cannot be told apart: {', '.join(map(repr, twice))}",
            hint="rename one of them in a query: SELECT a AS b",
            code="SF709",
        )
    return wanted


def _types(connection: Any, oids: set[int]) -> dict[int, ServerType]:
    """Look types up, with what they are made of; a domain is what it is based on."""
    known: dict[int, tuple[Any, ...]] = {}
    asked = set(oids)
    while asked:
        rows = fetch(connection, _TYPES, sorted(asked))
        known |= {row[0]: row for row in rows}
        asked = {oid for row in rows for oid in (row[4], row[6]) if oid} - set(known)

    def made(oid: int) -> ServerType:
        _, name, builtin, kind, base, modifier, element = known[oid]
        if kind == "d":
            inner = made(base)
            return replace(inner, modifier=modifier if modifier != -1 else inner.modifier)
        return ServerType(oid, name, builtin, kind, made(element) if element else None)

    return {oid: made(oid) for oid in oids}


def _dimensions(connection: Any, places: list[tuple[int, int]]) -> dict[int, int]:
    """Return the dimensions that tables declare for their columns, by position in the result."""
    tables = sorted({table for table, _ in places if table})
    if not tables:
        return {}
    rows = fetch(
        connection,
        "SELECT attrelid::int8, attnum, attndims FROM pg_catalog.pg_attribute "
        "WHERE attrelid = ANY(%s::oid[]) AND attndims > 1",
        tables,
    )
    declared = {(table, number): dimensions for table, number, dimensions in rows}
    return {i: declared[place] for i, place in enumerate(places) if place in declared}


def column_sql(item: Reading) -> str:
    """Return the column as it may stand in a condition."""
    return f"q.{quote(item.name)}"
