"""One write from beginning to end: rows are staged on the server, looked at, and published in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlflow.sdk import Rows, SchemaChanged, StepError, WriteRequest, WriteResult, columns_list, quote

from . import keys, tokens
from .connection import Server, fetch
from .copying import Incoming, create_sql
from .fitting import WrittenColumn, base, fitted, made
from .options import PostgresWrite
from .replacing import replace
from .target import Target, columns_of, found, has_unique, make, refuse_absent, serialize

_STAGE = 'pg_temp."_sqlflow_stage"'
_LOCK = "LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE"
_LOOK = f"ANALYZE {_STAGE} ({{}})"
"""Tells the planner of joins how many keys there are."""


def write(request: WriteRequest, rows: Rows) -> WriteResult:
    """Write the rows; a reader of the table sees all of them or what was there before."""
    server = Server(request.config, request.folder)
    options: PostgresWrite = request.options
    request.on_interrupt(server.cancel)
    server.take(1)
    try:
        with server.session() as connection, server.guarded(f"writing {options.table}"):
            target = found(connection, options)
            refuse_absent(target, options, server)
            place = f"{server.label}:{target.shown}"
            appends = request.mode == "append" and bool(request.token)
            if appends and tokens.claimed(connection, target, request.token):
                return WriteResult(0, places=(f"{place} (already committed)",))
            key = keys.named(request.key, rows.schema, target.shown)
            incoming = Incoming(rows)
            try:
                if request.mode == "replace" and options.replace_by == "rename":
                    replace(connection, server, target, incoming, rows.schema, options)
                else:
                    return _staged(connection, server, request, rows, target, incoming, key, place)
            finally:
                incoming.close()
            return WriteResult(incoming.rows, incoming.bytes, (place,))
    finally:
        server.slots.give(1)


def _staged(
    connection: Any,
    server: Server,
    request: WriteRequest,
    rows: Rows,
    target: Target,
    incoming: Incoming,
    key: list[str],
    place: str,
) -> WriteResult:
    """Copy the rows into a temporary table, which ends with the session, and publish them from there."""
    shown = target.shown
    columns = fitted(rows.schema, columns_of(connection, target), shown) if target.oid else made(rows.schema, shown)
    connection.execute(create_sql(_STAGE.removeprefix("pg_temp."), columns, temporary=True).encode())
    incoming.copy(connection, _STAGE, columns, server, shown)
    if key:
        keys.check(connection, _STAGE, key, shown, unique=request.mode == "merge")
    with connection.transaction():
        serialize(connection, target)
        now = found(connection, request.options)
        if now.oid is None:
            target = make(connection, now, columns, key if request.mode == "merge" else ())
        else:
            target = now
            columns = fitted(rows.schema, columns_of(connection, now), shown)
            _refuse_loss(connection, columns, shown)
        if request.mode == "append" and request.token and not tokens.claim(connection, target, request.token):
            return WriteResult(0, places=(f"{place} (already committed)",))
        _publish(connection, request.mode, target, columns, key)
    return WriteResult(incoming.rows, incoming.bytes, (place,))


def _refuse_loss(connection: Any, columns: Sequence[WrittenColumn], shown: str) -> None:
    """Make sure that the types of the table keep every value.

    Raises:
        SchemaChanged: one of them is rounded, cut or shifted.

    """
    for item in columns:
        if item.loses is None:
            continue
        name = quote(item.column.name)
        rows = fetch(connection, f"SELECT s.{name}::text FROM {_STAGE} AS s WHERE {item.loses} LIMIT 1")
        if rows:
            raise SchemaChanged(
                f"column {item.name!r} of {shown} is {item.type}, which does not keep the value {rows[0][0]}",
                hint="round or cut it in the SQL of the step, or alter the table",
                code="SF721",
            )


def _publish(connection: Any, mode: str, target: Target, columns: Sequence[WrittenColumn], key: list[str]) -> None:
    names = columns_list([item.name for item in columns])
    batch = f"SELECT {', '.join(f'{item.source} AS {quote(item.name)}' for item in columns)} FROM {_STAGE} AS s"
    insert = f"INSERT INTO {target.sql} ({names}) {batch}"
    spelled = {item.column.name: item.name for item in columns}
    own = [spelled[name] for name in key]
    match = " AND ".join(f"t.{quote(name)} = b.{quote(name)}" for name in own)
    if mode == "append":
        _run(connection, insert)
    elif mode == "replace":
        _run(connection, _LOCK.format(target.sql), f"DELETE FROM {target.sql}", insert)
    elif mode == "delete_insert":
        once = f"SELECT DISTINCT {columns_list(own)} FROM ({batch}) AS d"
        _run(
            connection,
            _LOOK.format(columns_list(key)),
            _LOCK.format(target.sql),
            f"DELETE FROM {target.sql} AS t USING ({once}) AS b WHERE {match}",
            insert,
        )
    elif mode == "merge":
        _merge(connection, target, columns, key, own, batch, match)
    else:
        raise StepError(f"the connector postgres cannot {mode}", kind="internal")


def _merge(
    connection: Any,
    target: Target,
    columns: Sequence[WrittenColumn],
    key: list[str],
    own: list[str],
    batch: str,
    match: str,
) -> None:
    """Update the matched rows that differ, and insert the new ones."""
    names = [item.name for item in columns]
    others = [item for item in columns if item.name not in own]
    differs = " OR ".join(f"{_comparable('t', item)} IS DISTINCT FROM {_comparable('{b}', item)}" for item in others)
    listed = columns_list(names)
    if has_unique(connection, target, own):
        action = "DO NOTHING"
        if others:
            sets = ", ".join(f"{quote(item.name)} = excluded.{quote(item.name)}" for item in others)
            action = f"DO UPDATE SET {sets} WHERE {differs.replace('{b}', 'excluded')}"
        _run(
            connection,
            f"INSERT INTO {target.sql} AS t ({listed}) {batch} ON CONFLICT ({columns_list(own)}) {action}",
        )
        return
    statements = [_LOOK.format(columns_list(key)), _LOCK.format(target.sql)]
    if others:
        sets = ", ".join(f"{quote(item.name)} = b.{quote(item.name)}" for item in others)
        condition = differs.replace("{b}", "b")
        statements.append(f"UPDATE {target.sql} AS t SET {sets} FROM ({batch}) AS b WHERE {match} AND ({condition})")
    absent = f"NOT EXISTS (SELECT FROM {target.sql} AS t WHERE {match})"
    statements.append(f"INSERT INTO {target.sql} ({listed}) SELECT {listed} FROM ({batch}) AS b WHERE {absent}")
    _run(connection, *statements)


_COMPARED = frozenset(
    {
        "smallint", "integer", "bigint", "numeric", "real", "double precision", "boolean", "text", "character varying",
        "date", "timestamp without time zone", "timestamp with time zone", "time without time zone", "uuid", "jsonb",
        "bytea", "inet",
    }
)  # fmt: skip


def _comparable(table: str, item: WrittenColumn) -> str:
    """Write a column so that it can be compared: not every type can, but every text."""
    name = f"{table}.{quote(item.name)}"
    return name if base(item.plain) in _COMPARED else f"{name}::text"


def _run(connection: Any, *statements: str) -> None:
    for statement in statements:
        connection.execute(statement.encode())
