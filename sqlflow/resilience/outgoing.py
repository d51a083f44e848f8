"""Rows on their way out, watched: whether any has been taken, and how long the system works on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

from sqlflow.sdk import Rows

from .patience import Watch

if TYPE_CHECKING:
    import pyarrow as pa


class Outgoing:
    """Rows that remember that they were taken. The time that they take to come is not the system's."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.dialect = rows.dialect
        self.schema = rows.schema
        self.taken = False
        self.count = 0
        """Rows that have been taken."""
        self.ended = False
        """Whether they were taken to their end."""
        self.broke: Exception | None = None
        """What the rows broke off with, if they did."""
        self.watch: Watch | None = None
        self._readers: list[Any] = []

    def copy(self, statement: str) -> int:
        """Have the engine write the rows."""
        self.taken = True
        self.count += (written := self._rows.copy(statement))
        self.ended = True
        return written

    def batches(self) -> pa.RecordBatchReader:
        """Stream the rows."""
        import pyarrow as pa

        self.taken = True
        with self._held():
            reader = self._rows.batches()
        self._readers.append(reader)
        return pa.RecordBatchReader.from_batches(reader.schema, self._each(reader))

    def close(self) -> None:
        """Let go of rows that nobody has taken; a broken write may leave them in the hands of an error."""
        for reader in self._readers:
            with suppress(Exception):  # what was taken to its end is closed
                reader.close()
        self._readers.clear()

    def _each(self, reader: Any) -> Iterator[Any]:
        while True:
            try:
                with self._held():
                    batch = next(reader, None)
            except Exception as error:
                self.broke = error
                raise
            if batch is None:
                self.ended = True
                return
            self.count += batch.num_rows
            yield batch

    def _held(self) -> Any:
        return self.watch.held() if self.watch is not None else nullcontext()
