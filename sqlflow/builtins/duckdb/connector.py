"""The connector to another DuckDB file. Reading attaches it; writing opens it as a warehouse of its own.

Writing goes through the same session as everything else, so modes, atomicity and the ledger are the same.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlflow.sdk import (
    ArrowStream,
    Batch,
    Commit,
    ConfigModel,
    ConnectionReport,
    Connector,
    Example,
    Objection,
    Opening,
    Query,
    ReadRequest,
    Rows,
    Select,
    SQLFlowError,
    StepError,
    StorageLocation,
    TableWrite,
    Token,
    WriteRequest,
    WriteResult,
    fold_name,
    literal,
    quote,
    quote_name,
    split_name,
)

from .engine import DuckDbConfig, DuckDbEngine


class DuckDbFile(ConfigModel):
    """Another DuckDB database."""

    path: str
    """The database file."""


class DuckDbRead(ConfigModel):
    """What to read from it."""

    table: str | None = None
    """Table or view to read."""

    query: Query | None = None
    """A SELECT to run instead of reading a whole table; its tables are those of the other file, as `source.table`."""


class DuckDbWrite(ConfigModel):
    """What to write into it."""

    table: str
    """Table to write."""


_READ_AS = "source"


def _parts(table: str) -> int:
    """Count the names that a table's name is made of; 0: it is no name."""
    try:
        return len(split_name(table))
    except ValueError:
        return 0


class DuckDbConnector(Connector[DuckDbFile]):
    """Reads and writes another DuckDB file."""

    name = "duckdb"
    Config = DuckDbFile
    ReadOptions = DuckDbRead
    WriteOptions = DuckDbWrite
    example = Example(config={"path": "shop.duckdb"}, source={"table": "raw.orders"}, target={"table": "raw.orders"})
    write_modes = frozenset({"replace", "append", "merge", "delete_insert"})
    resilience = frozenset({"max_connections"})

    def place(self, config: DuckDbFile, options: Any) -> str:
        """Name the file and the table, the same for all spellings; of a query, the file."""
        path = os.path.normpath(config.path)
        return f"{path}:{fold_name(options.table)}" if options.table and _parts(options.table) else path

    def objections(self, config: DuckDbFile, options: Any, folder: Path) -> Iterator[Objection]:
        """Tell when the file is not there, or what is read or written of it is not one thing in it."""
        if options.table is not None and _parts(options.table) not in (1, 2):
            told = f"{options.table!r} names no table of the file"
            yield Objection("table", told, "write schema.table, or table alone for the schema main")
        if isinstance(options, DuckDbRead) and not (folder / config.path).is_file():
            yield Objection(
                "path", f"file not found: {config.path}", "check the path; it starts at the project folder", "SF501"
            )
        if isinstance(options, DuckDbRead) and (options.table is None) == (options.query is None):
            yield Objection("table", "needs a table or a query, and not both", "write table: NAME or query: SELECT ...")

    def read(self, request: ReadRequest) -> Select:
        """Attach the file read-only and select from it."""
        if "duckdb" not in request.dialects:
            raise StepError("the connector duckdb reads only into DuckDB engines", kind="internal")
        options: DuckDbRead = request.options
        path = literal(str(request.folder / request.config.path))
        sql = options.query or f"SELECT * FROM {quote(_READ_AS)}.{quote_name(options.table or '')}"
        return Select(
            "duckdb",
            sql,
            setup=(f"ATTACH {path} AS {quote(_READ_AS)} (READ_ONLY)",),
            teardown=(f"DETACH {quote(_READ_AS)}",),
        )

    def write(self, request: WriteRequest, rows: Rows) -> WriteResult:
        """Stage the rows in the other file and publish them there."""
        table = request.options.table
        path = request.folder / request.config.path
        location = StorageLocation(path, path.exists())
        session = DuckDbEngine().open(DuckDbConfig(), Opening(location, request.folder))
        run, _, step = request.token.partition("/")
        token = Token(run, step, 1)
        try:
            session.prepare([split_name(table)[-2]] if "." in table else [])
            if token.step in session.committed(run):
                return WriteResult(0, places=(f"{request.config.path}:{table} (already committed)",))
            staged = session.stage(ArrowStream(rows.batches), Batch(table, token, request.mode))
            write = TableWrite(staged, tuple(request.key))
            done = session.publish(Commit(token, write, table))
            return WriteResult(done.rows.read, places=(f"{request.config.path}:{table}",))
        finally:
            session.close()

    def test(self, config: DuckDbFile, folder: Path) -> ConnectionReport:
        """Open the file read-only and count its tables."""
        path = folder / config.path
        if not path.is_file():
            return ConnectionReport(ok=False, message=f"file not found: {path}", reachable=False, kind="not_found")
        try:
            session = DuckDbEngine().open(
                DuckDbConfig(), Opening(StorageLocation(path, exists=True), folder, read_only=True)
            )
        except SQLFlowError as error:
            return ConnectionReport.failure(error)
        try:
            started = time.perf_counter()
            version = f"DuckDB {session.fetch('SELECT version()')[0][0]}"
            took = (time.perf_counter() - started) * 1000
            writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
            facts = {"tables": str(len(session.tables()))}
            return ConnectionReport(True, "can be read", facts, True, None, True, writable, version, took)
        finally:
            session.close()
