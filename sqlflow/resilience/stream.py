"""Streams under guard. Opened anew as long as no row was handed out; after that, what breaks is told, not mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Self

from sqlflow.sdk import ArrowStream, Select, StepError

from .guard import Calls

_END = object()


class Opening:
    """How a guarded stream is opened: with its first rows, so that up to there it can be tried again."""

    def __init__(
        self, calls: Calls, source: ArrowStream, again: Callable[[], Select | ArrowStream], end: Callable[[], None]
    ) -> None:
        self._calls = calls
        self._source = source
        self._again = again
        self._end = end

    def cancel(self) -> None:
        """Make what waits fail at once."""
        if self._source.cancel is not None:
            self._source.cancel()

    def open(self) -> Any:
        """Open the stream, fetch its first rows, and return a reader."""
        try:
            reader, batches, first = self._calls.tried("reading", self._opened)
        except BaseException:
            self._end()
            raise
        return Pulled(self._calls, (reader, batches, first), self.cancel, self._end)

    def _opened(self, number: int) -> tuple[Any, Iterator[Any], Any]:
        if number > 1:
            source = self._again()
            if not isinstance(source, ArrowStream):
                told = "the connector hands out a stream at first and a scan at the second time"
                raise StepError(told, hint="this is a bug in the connector; tell its authors", kind="internal")
            self._source = source
        return self._calls.once("reading", self._first, cancel=self.cancel, discard=_close, paced=False)

    def _first(self) -> tuple[Any, Iterator[Any], Any]:
        reader: Any = self._source.open()
        try:
            batches = iter(reader)
            return reader, batches, next(batches, _END)
        except BaseException:
            with suppress(Exception):
                reader.close()
            raise


def _close(opened: tuple[Any, Iterator[Any], Any]) -> None:
    with suppress(Exception):  # nobody waits for it any more
        opened[0].close()


class Pulled:
    """A reader of record batches whose every pull is limited in time. Its last batch ends the use of the connection."""

    def __init__(
        self,
        calls: Calls,
        opened: tuple[Any, Iterator[Any], Any],
        cancel: Callable[[], None],
        end: Callable[[], None],
    ) -> None:
        self._calls = calls
        self._reader, self._batches, self._first = opened
        self.schema = self._reader.schema
        self._cancel = cancel
        self._end = end
        self._done = False
        self._left_behind = False

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self.read_next_batch()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Hand the stream over through Arrow's C interface."""
        import pyarrow as pa

        return pa.RecordBatchReader.from_batches(self.schema, self).__arrow_c_stream__(requested_schema)

    def read_next_batch(self) -> Any:
        """Return the next batch; raises StopIteration at the end."""
        if self._done:
            raise StopIteration
        batch, self._first = self._first, None
        if batch is None:
            batch = self._pulled()
        if batch is _END:
            self._done = True
            raise StopIteration
        return batch

    def _pulled(self) -> Any:
        back = [False]

        def pull() -> Any:
            try:
                return next(self._batches, _END)
            finally:
                back[0] = True

        try:
            return self._calls.pull(pull, cancel=self._cancel, late=lambda: _close((self._reader, self._batches, None)))
        except BaseException:
            self._done = True
            self._left_behind = not back[0]  # a thread is in it still, and closes it when it comes back
            raise

    def read_all(self) -> Any:
        """Return all rows as a table."""
        import pyarrow as pa

        return pa.Table.from_batches(list(self), self.schema)

    def close(self) -> None:
        """End the reading."""
        self._done = True
        try:
            if not self._left_behind:
                self._reader.close()
        finally:
            self._end()
