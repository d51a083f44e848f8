"""Rows into a table of the server by COPY, batch by batch. What the table is for is not its business."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import chain
from typing import Any, TypeVar

from sqlflow.sdk import Rows, RunInterrupted, StepError, columns_list, quote

from .connection import Server
from .encoding import encoded
from .fields import HEADER, TRAILER
from .fitting import WrittenColumn

_INTERRUPTED = re.compile(r"(?:INTERRUPT Error: )?Interrupted!?$")
T = TypeVar("T")


class Incoming:
    """The rows of a write. The first batch is taken at once, so that no transaction waits for a slow query."""

    def __init__(self, rows: Rows) -> None:
        self._reader = rows.batches()
        self._batches = self._taken()
        self._first = next(self._batches, None)
        self.rows = 0
        self.bytes = 0

    def _taken(self) -> Iterator[Any]:
        import pyarrow as pa

        try:
            yield from self._reader
        except (OSError, pa.ArrowException) as error:
            told = re.sub(r"^(?:[A-Z][A-Za-z]+ )+Error: ", "", str(error)).split("\n", 1)[0]
            if _INTERRUPTED.match(told):
                raise RunInterrupted("the query was interrupted") from None
            raise StepError(told, hint="check the SQL of the step", code="SF710") from None

    def copy(self, connection: Any, table: str, columns: Sequence[WrittenColumn], server: Server, what: str) -> None:
        """Copy all rows into a table whose columns are called as those of the rows."""
        names = columns_list([item.column.name for item in columns])
        kinds = [(item.name, item.natural) for item in columns]
        pieces = (piece for batch in self._all() for piece in self._counted(batch, kinds))
        with (
            server.guarded(f"writing {what}"),
            connection.cursor() as cursor,
            cursor.copy(f"COPY {table} ({names}) FROM STDIN (FORMAT binary)".encode()) as copy,
            closing(_ahead(pieces)) as coming,
        ):
            for piece in chain([HEADER], coming, [TRAILER]):
                copy.write(piece)
                self.bytes += len(piece)

    def _counted(self, batch: Any, kinds: Sequence[tuple[str, str]]) -> Iterator[memoryview]:
        yield from encoded(batch, kinds)
        self.rows += batch.num_rows

    def _all(self) -> Iterator[Any]:
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        yield from self._batches

    def close(self) -> None:
        """Let go of the rows."""
        self._reader.close()


def create_sql(table: str, columns: Sequence[WrittenColumn], *, temporary: bool = False) -> str:
    """Write the statement that makes a table for rows as they come."""
    listed = ", ".join(f"{quote(item.column.name)} {item.natural}" for item in columns)
    return f"CREATE {'TEMP ' if temporary else ''}TABLE {table} ({listed})"


def _ahead(items: Iterator[T]) -> Generator[T]:
    """Make an item while the one before it is on its way: the server reads one piece while the next is written."""
    with ThreadPoolExecutor(1, thread_name_prefix="sqlflow-postgres") as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item
