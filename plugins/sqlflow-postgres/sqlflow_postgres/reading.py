"""One read from beginning to end: look at the columns, write the query, open the stream."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlflow.sdk import Delta, ReadRequest, quote

from .columns import described, found_name, relation
from .connection import Server, fetch
from .options import PostgresRead
from .partitions import Partitions
from .pushdown import condition
from .stream import Bulk, Stream
from .types import arrow_schema


class Job:
    """What a ReadRequest asks for. `open` does it; `cancel` ends it from another thread, at any time."""

    def __init__(self, request: ReadRequest) -> None:
        self.options: PostgresRead = request.options
        self.delta: Delta = request.delta
        self.columns = request.columns
        self.folder: Path = request.folder
        self.server = Server(request.config, request.folder)
        self.cancel = self.server.cancel

    def open(self) -> Any:
        """Open the stream of rows; whoever takes it closes it."""
        options, server = self.options, self.server
        wanted = options.partitions or 1
        count = 1 if wanted == 1 else min(wanted + 1, server.config.max_connections)
        server.take(count)
        try:
            with server.session(read_only=True) as session:
                source = relation(session, options, server)
                readings = described(session, source, options, server)
                with server.guarded("looking at the server"):
                    utf8 = fetch(session, "SELECT current_setting('server_encoding')")[0][0] == "UTF8"
            columns = ", ".join(f"{item.sql} AS {quote(item.name)}" for item in readings)
            wished = self._condition(readings, utf8=utf8)

            def query(*conditions: str) -> str:
                where = [part for part in (wished, *conditions) if part]
                return f"SELECT {columns} FROM {source}" + (f" WHERE {' AND '.join(where)}" if where else "")

            what = options.table or "the query"
            rows: Partitions | Bulk
            if wanted > 1:
                rows = Partitions(server, query, source, readings, options)
            else:
                rows = Bulk(server, query(), readings, what, options.batch_bytes)
        except BaseException:
            server.slots.give(count)
            raise

        def close() -> None:
            with suppress(Exception):
                rows.close()
            server.slots.give(count)

        return Stream(arrow_schema(readings), rows.batches(), close)

    def _condition(self, readings: list[Any], *, utf8: bool) -> str | None:
        since = self.delta.since
        if since is None:
            return None
        name = found_name(since.column, [item.name for item in readings])
        item = next((item for item in readings if item.name == name), None)
        return condition(since, item, self.columns, utf8=utf8) if item is not None else None
