"""The connector to SQLite files: its options, and what is wrong with them before anything runs."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import Field

from sqlflow.sdk import (
    ArrowStream,
    ConfigModel,
    ConnectionReport,
    Connector,
    Duration,
    Example,
    Objection,
    ReadRequest,
    Rows,
    SQLFlowError,
    WriteRequest,
    WriteResult,
    split_name,
)


class SqliteFile(ConfigModel):
    """An SQLite database."""

    path: str = Field(min_length=1)
    """The database file."""

    lock_timeout: Duration = timedelta(seconds=5)
    """How long to wait while another process has the file locked."""


class SqliteRead(ConfigModel):
    """What to read from it."""

    table: str | None = None
    """Table or view to read."""

    query: str | None = None
    """A SELECT in SQLite's dialect to run instead of reading a whole table."""

    select: list[str] = Field(default_factory=list)
    """Columns of the table to read; all of them when left out."""


class SqliteWrite(ConfigModel):
    """What to write into it."""

    table: str
    """Table to write."""


class SqliteConnector(Connector[SqliteFile]):
    """Reads and writes SQLite files."""

    name = "sqlite"
    Config = SqliteFile
    ReadOptions = SqliteRead
    WriteOptions = SqliteWrite
    example = Example(config={"path": "shop.db"}, source={"table": "orders"}, target={"table": "orders"})
    write_modes = frozenset({"replace", "append", "merge", "delete_insert"})
    keeps_tokens = True
    guesses_types = True

    def objections(self, config: SqliteFile, options: Any, folder: Path) -> Iterator[Objection]:
        """Tell when the file is not there, or the options do not say one thing to read or write."""
        if isinstance(options, SqliteRead):
            if not (folder / config.path).exists():
                hint = "check the path; it starts at the project folder"
                yield Objection("path", f"file not found: {config.path}", hint, "SF501")
            if (options.table is None) == (options.query is None):
                hint = "write table: NAME or query: SELECT ..."
                yield Objection("table", "needs a table or a query, and not both", hint)
            if options.query is not None and options.select:
                yield Objection("select", "select has no effect on a query", "name the columns in the query")
        if options.table is not None and (told := _unlike_a_table(options.table)):
            yield Objection("table", told, "write table: orders, or table: '\"my orders\"'")
        elif isinstance(options, SqliteWrite) and (told := _kept_for_others(options.table)):
            yield Objection("table", told, "choose another name")

    def place(self, config: SqliteFile, options: Any) -> str:
        """Name the file and the table."""
        path = os.path.normpath(config.path)
        return f"{path}:{options.table}" if getattr(options, "table", None) else path

    def read(self, request: ReadRequest) -> ArrowStream:
        """Stream the rows; the file is opened when somebody takes them."""
        from .reading import open_stream

        return ArrowStream(lambda: open_stream(request))

    def write(self, request: WriteRequest, rows: Rows) -> WriteResult:
        """Stage the rows in a temporary table, then publish them in one transaction."""
        from .writing import write

        return write(request, rows)

    def test(self, config: SqliteFile, folder: Path) -> ConnectionReport:
        """Open the file and count its tables."""
        import sqlite3

        from .faults import tables
        from .opening import open_to_read

        path = folder / config.path
        try:
            db = open_to_read(path, config.path, config.lock_timeout)
        except SQLFlowError as error:
            return ConnectionReport.failure(error)
        try:
            started = time.perf_counter()
            facts = {"tables": str(len(tables(db)))}
            took = (time.perf_counter() - started) * 1000
        finally:
            db.close()
        writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
        version = f"SQLite {sqlite3.sqlite_version}"
        return ConnectionReport(True, "can be read", facts, True, None, True, writable, version, took)


def _kept_for_others(name: str) -> str | None:
    bare = split_name(name)[-1].lower()
    if bare.startswith("sqlite_"):
        return f"names such as {name!r} belong to SQLite itself"
    return f"{name!r} keeps the tokens of appends" if bare == "_sqlflow_commits" else None


def _unlike_a_table(name: str) -> str | None:
    try:
        parts = split_name(name)
    except ValueError as error:
        return str(error)
    if len(parts) > 1 and (len(parts) > 2 or parts[0].lower() != "main"):  # noqa: PLR2004 - schema and table
        return f"{name!r} names a schema, and an SQLite file has only main"
    return None
