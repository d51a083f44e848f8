"""Rows on their way from the server: one bulk query, batch by batch, ended at once when its reader is closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Self

from sqlflow.sdk import RunInterrupted, TransientError

from .connection import Server, bulk_execute
from .mending import mended
from .types import Reading, arrow_schema

_BATCH_OPTION = "adbc.postgresql.batch_size_hint_bytes"


class Bulk:
    """One query on a connection of its own. `before` are statements that come first."""

    def __init__(
        self, server: Server, sql: str, readings: list[Reading], what: str, size: int, before: tuple[str, ...] = ()
    ) -> None:
        self.server = server
        self.readings = readings
        self.what = what
        self.schema = arrow_schema(readings)
        self._connection: Any = None
        self._cursor: Any = None
        self._done = False
        self._connection = server.bulk()
        try:
            with server.guarded(f"reading {what}"):
                for statement in before:
                    bulk_execute(self._connection, statement)
                self._cursor = self._connection.cursor()
                self._cursor.adbc_statement.set_options(**{_BATCH_OPTION: str(size)})
                with server.cancel.reaching(self._cursor.adbc_cancel):
                    self._cursor.execute(sql)
                    self._reader = self._cursor.fetch_record_batch()
            self._hold_to_description()
        except BaseException:
            self.close()
            raise

    def _hold_to_description(self) -> None:
        """Make sure that what comes is what was described; a table may have been altered in between."""
        found = [(field.name, field.type) for field in self._reader.schema]
        wanted = [(item.name, item.wire) for item in self.readings]
        differing = [name for (name, was), now in zip(wanted, found, strict=False) if not _alike(was, now[1])]
        if len(found) != len(wanted) or differing:
            raise TransientError(
                f"the columns of {self.what} changed while they were read: {', '.join(differing)}",
                hint="run again",
            )

    def batches(self) -> Iterator[Any]:
        """Yield the batches, made truthful."""
        while True:
            with self.server.guarded(f"reading {self.what}"):
                try:
                    with self.server.cancel.reaching(self._cursor.adbc_cancel):
                        batch = self._reader.read_next_batch()
                except StopIteration:
                    self._done = True
                    return
                except OSError as error:  # only a text; whether the connection lives tells the rest in any language
                    raise self._sorted(error) from None
            yield mended(batch, self.readings, self.schema)

    def _sorted(self, error: OSError) -> Exception:
        self._done = True
        if self.server.cancel.asked:
            return RunInterrupted(f"reading {self.what}: cancelled")
        try:
            bulk_execute(self._connection, "SELECT 1")
        except Exception:  # noqa: BLE001 - whatever it is, nothing can be asked any more
            told = self.server.redactor.text(" ".join(str(error).split()))
            return TransientError(f"the connection was lost while reading {self.what} ({self.server.label}): {told}")
        return error

    def close(self) -> None:
        """End the query, if it has not ended, and the connection."""
        cursor, connection = self._cursor, self._connection
        self._cursor = self._connection = self._reader = None
        with suppress(Exception):  # what is closed already, or lost, needs no closing
            if cursor is not None and not self._done:
                cursor.adbc_cancel()
        for part in (cursor, connection):
            with suppress(Exception):
                if part is not None:
                    part.close()


def _alike(wanted: Any, found: Any) -> bool:
    """Tell whether two types are the same, whatever the elements of a list are called."""
    import pyarrow as pa

    if pa.types.is_list(wanted) and pa.types.is_list(found):
        return _alike(wanted.value_type, found.value_type)
    return bool(wanted == found)


class Stream:
    """A reader of record batches that can be closed early; Arrow's own does not tell a Python source of its end."""

    def __init__(self, schema: Any, batches: Iterator[Any], close: Callable[[], None]) -> None:
        self.schema = schema
        self._batches = batches
        self._close: Callable[[], None] | None = close

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self.read_next_batch()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Hand the stream over through Arrow's C interface."""
        import pyarrow as pa

        return pa.RecordBatchReader.from_batches(self.schema, self).__arrow_c_stream__(requested_schema)

    def read_next_batch(self) -> Any:
        """Return the next batch; raises StopIteration at the end."""
        if self._close is None:
            raise StopIteration
        try:
            return next(self._batches)
        except BaseException:
            self.close()
            raise

    def read_all(self) -> Any:
        """Return all rows as a table."""
        import pyarrow as pa

        return pa.Table.from_batches(list(self), self.schema)

    def close(self) -> None:
        """End the reading; what the server still does for it is cancelled."""
        close, self._close = self._close, None
        if close is not None:
            close()
