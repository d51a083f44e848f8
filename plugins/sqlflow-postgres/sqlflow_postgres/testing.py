"""Trying a connection: whether the server answers, whom it takes us for, and what this role may do there."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from sqlflow.sdk import ConnectionReport, SQLFlowError

from .connection import Server, fetch
from .options import PostgresConfig

_WHO = (
    "SELECT current_setting('server_version'), current_database()::text, current_user::text, pg_is_in_recovery(), "
    "has_database_privilege(current_database(), 'CREATE')"
)
_MAY = """
SELECT count(*), count(*) FILTER (WHERE has_any_column_privilege(c.oid, 'SELECT')),
       count(*) FILTER (WHERE has_table_privilege(c.oid, 'INSERT')),
       (SELECT count(*) FROM pg_namespace s WHERE s.nspname !~ '^pg_' AND has_schema_privilege(s.oid, 'CREATE'))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND has_schema_privilege(n.oid, 'USAGE')
""".replace("\n", " ")


def tried(config: PostgresConfig, folder: Path) -> ConnectionReport:
    """Connect, and ask the server who it is and what is allowed; nothing is changed."""
    try:
        server = Server(config, folder)
        with server.session(read_only=True) as session, server.guarded("testing"):
            started = time.perf_counter()
            version, database, role, standby, creates = fetch(session, _WHO)[0]
            took = (time.perf_counter() - started) * 1000
            tables, readable, writable, schemas = fetch(session, _MAY)[0]
            secure: Any = session.pgconn.ssl_in_use
    except SQLFlowError as error:
        return ConnectionReport.failure(error)
    can_read = bool(readable) or not tables
    can_write = bool(writable or schemas or creates) and not standby
    facts = {
        "server": server.label,
        "database": database,
        "role": role,
        "encrypted": "yes" if secure else "no",
        "tables": f"{tables}, of which {readable} can be read and {writable} can be added to",
    }
    message = "read-only standby" if standby else "can be read" if can_read else "nothing may be read"
    return ConnectionReport(
        can_read, message, facts, True, True, can_read, can_write, f"PostgreSQL {version}", took,
        kind=None if can_read else "permission",
    )  # fmt: skip
