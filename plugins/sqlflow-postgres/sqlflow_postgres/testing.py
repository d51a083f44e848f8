"""Trying a connection: whether the server answers, whom it takes us for, and what this role may do there."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from sqlflow.sdk import ConnectionReport, SQLFlowError

from .connection import Server, fetch
from .options import PostgresConfig
from .tokens import TABLE

#: A session of ours is read-only by our own wish; what the server wishes is the value to which a reset leads.
_WHO = """
SELECT current_setting('server_version'), current_database()::text, current_user::text, pg_is_in_recovery(),
       (SELECT reset_val = 'on' FROM pg_settings WHERE name = 'default_transaction_read_only'),
       has_database_privilege(current_database(), 'CREATE'), has_database_privilege(current_database(), 'TEMPORARY')
"""
#: A table is written to by changing it (which looks at it), or by an append, which is recorded beside it.
_MAY = f"""
WITH named AS (
  SELECT oid, has_schema_privilege(oid, 'USAGE') AS known, has_schema_privilege(oid, 'CREATE') AS open
  FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), there AS (
  SELECT c.oid, n.known, c.relkind IN ('r', 'p') AS plain, has_table_privilege(c.oid, 'INSERT') AS takes,
         has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'UPDATE, DELETE') AS changes,
         EXISTS (SELECT FROM pg_class r WHERE r.relnamespace = n.oid AND r.relname = '{TABLE}'
                 AND has_table_privilege(r.oid, 'INSERT') AND has_table_privilege(r.oid, 'SELECT')) AS recorded
  FROM pg_class c JOIN named n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relname <> '{TABLE}'
)
SELECT count(*), count(*) FILTER (WHERE known AND has_any_column_privilege(oid, 'SELECT')),
       count(*) FILTER (WHERE known AND plain AND takes AND (changes OR recorded)),
       (SELECT count(*) FROM named WHERE known AND open)
FROM there
"""


def tried(config: PostgresConfig, folder: Path) -> ConnectionReport:
    """Connect, and ask the server who it is and what is allowed; nothing is changed."""
    try:
        server = Server(config, folder)
        with server.session(read_only=True) as session, server.guarded("testing"):
            started = time.perf_counter()
            version, database, role, standby, locked, creates, stages = fetch(session, _WHO)[0]
            took = (time.perf_counter() - started) * 1000
            tables, readable, writable, schemas = fetch(session, _MAY)[0]
            secure: Any = session.pgconn.ssl_in_use
    except SQLFlowError as error:
        return ConnectionReport.failure(error)
    can_read = bool(readable) if tables else None
    can_write = bool(schemas or creates or (writable and stages)) and not standby and not locked
    facts = {
        "server": server.label,
        "database": database,
        "role": role,
        "encrypted": "yes" if secure else "no",
        "tables": f"{tables}, of which {readable} can be read and {writable} can be written",
    }
    useful = can_read is not False or can_write
    told = {True: "can be read", False: "nothing may be read", None: "holds no table yet"}[can_read]
    message = "read-only standby" if standby else told
    return ConnectionReport(
        useful, message, facts, True, True, can_read, can_write, f"PostgreSQL {version}", took,
        kind=None if useful else "permission",
    )  # fmt: skip
