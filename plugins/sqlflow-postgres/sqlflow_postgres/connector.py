"""`connector: postgres`: what it can do, and what does not go together. The work is done beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlflow.sdk import (
    ArrowStream,
    ConnectionReport,
    Connector,
    Example,
    Objection,
    ReadRequest,
    Rows,
    WriteRequest,
    WriteResult,
    split_name,
)

from .connection import label
from .options import PostgresConfig, PostgresRead, PostgresWrite

_APART = ("host", "port", "database", "user", "password", "sslmode", "sslrootcert", "sslcert", "sslkey", "service")
_FILES = ("sslrootcert", "sslcert", "sslkey")


class Postgres(Connector[PostgresConfig]):
    """Reads tables and queries of a PostgreSQL server, and writes its tables."""

    name = "postgres"
    Config = PostgresConfig
    ReadOptions = PostgresRead
    WriteOptions = PostgresWrite
    example = Example(
        config={"host": "db.example.com", "database": "shop", "user": "loader", "password": "${env:SHOP_PASSWORD}"},
        source={"table": "public.orders"},
        target={"table": "public.orders"},
    )
    write_modes = frozenset({"replace", "append", "merge", "delete_insert"})
    keeps_tokens = True

    def objections(self, config: PostgresConfig, options: Any, folder: Path) -> Iterator[Objection]:
        """Tell what does not go together; the server is not asked."""
        if config.dsn is not None:
            for name in _APART:
                if getattr(config, name) is not None:
                    yield Objection(name, f"{name} is part of the dsn", f"remove {name}, or write all without dsn")
        for name in _FILES:
            file = getattr(config, name)
            if file is not None and (name, file) != ("sslrootcert", "system") and not (folder / file).is_file():
                yield Objection(name, f"file not found: {file}", "the path starts at the project folder", "SF501")
        table = options.table
        if table is not None:
            try:
                if len(split_name(table)) > 2:  # noqa: PLR2004 - schema, table
                    yield Objection("table", f"{table} has three parts", "a connection has one database: schema.table")
            except ValueError:
                yield Objection("table", f"{table!r} is not a table name", 'write table, schema.table or "My Table"')
        if isinstance(options, PostgresRead):
            yield from _reading_objections(config, options)
        elif options.replace_by == "delete" and "keep" in options.model_fields_set:
            yield Objection("keep", "keep has no effect with replace_by: delete, which keeps everything", "remove it")

    def place(self, config: PostgresConfig, options: Any) -> str | None:
        """Name the table on its server; a query reads nobody knows what."""
        if options.table is None:
            return None
        parts = options.table if "." in options.table else f"public.{options.table}"
        return f"postgres:{label(config)}:{parts}"

    def read(self, request: ReadRequest) -> ArrowStream:
        """Hand out a stream; the server is asked when somebody takes it."""
        from .reading import Job

        job = Job(request)
        return ArrowStream(job.open, cancel=job.cancel)

    def write(self, request: WriteRequest, rows: Rows) -> WriteResult:
        """Stage the rows on the server and publish them in one transaction."""
        from .writing import write

        return write(request, rows)

    def test(self, config: PostgresConfig, folder: Path) -> ConnectionReport:
        """Connect, and ask the server who it is and what is allowed."""
        from .testing import tried

        return tried(config, folder)


def _reading_objections(config: PostgresConfig, options: PostgresRead) -> Iterator[Objection]:
    if (options.table is None) == (options.query is None):
        yield Objection("table", "needs a table or a query, and not both", "write table: NAME or query: SELECT ...")
    if (options.partition_on is None) != (options.partitions is None):
        there, lacking = (
            ("partition_on", "partitions") if options.partitions is None else ("partitions", "partition_on")
        )
        yield Objection(there, f"{there} has no effect without {lacking}", f"add {lacking}, or remove {there}")
    if options.partitions is not None and config.max_connections == 1:
        yield Objection("partitions", "max_connections: 1 leaves nothing to read in parallel", "raise max_connections")
