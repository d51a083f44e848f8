"""Replacing a table by another one that is filled beside it and then takes its name, all in one transaction.

What hangs on the old table is taken over where that can be done; where it cannot, nothing is replaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlflow.sdk import StepError, TableSchema, quote

from .connection import Server
from .copying import Incoming, create_sql
from .fitting import made
from .inheritance import hangs_on, kept
from .options import PostgresWrite
from .target import Target, found, make_schema, refuse_absent, serialize


def replace(
    connection: Any, server: Server, target: Target, incoming: Incoming, schema: TableSchema, options: PostgresWrite
) -> None:
    """Fill a new table and swap it in; a reader waits only for the renaming."""
    columns = made(schema, target.shown)
    _refuse_hanging(connection, target)
    with connection.transaction():
        serialize(connection, target)
        target = found(connection, options)
        refuse_absent(target, options, server)
        make_schema(connection, target)
        new = target.beside("new")
        connection.execute(f"DROP TABLE IF EXISTS {new}".encode())
        connection.execute(create_sql(new, columns).encode())
        incoming.copy(connection, new, columns, server, target.shown)
        connection.execute(f"ANALYZE {new}".encode())  # before readers have to wait
        if target.oid is not None:
            takeover = kept(connection, target, options.keep, new, schema.names)
            _run(connection, takeover.before)
            connection.execute(f"LOCK TABLE {target.sql} IN ACCESS EXCLUSIVE MODE".encode())
            _refuse_hanging(connection, target)
            connection.execute(f"DROP TABLE {target.sql}".encode())
            _run(connection, takeover.after)  # what can be done only once the old names are free
        connection.execute(f"ALTER TABLE {new} RENAME TO {quote(target.name)}".encode())


def _refuse_hanging(connection: Any, target: Target) -> None:
    """Refuse to replace a table on which something hangs that a new one would not have.

    Raises:
        StepError: there is such a thing.

    """
    things = hangs_on(connection, target) if target.oid is not None else []
    if things:
        raise StepError(
            f"{target.shown} cannot be replaced by renaming, since that would lose: {', '.join(things)}",
            hint="write replace_by: delete, which keeps the table and everything that hangs on it",
            code="SF713",
        )


def _run(connection: Any, statements: Sequence[str]) -> None:
    for statement in statements:
        connection.execute(statement.encode())
