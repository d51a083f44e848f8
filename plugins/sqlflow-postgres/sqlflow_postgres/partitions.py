"""Reading in parallel: the rows of one snapshot, cut into ranges of a column, in whatever order they come."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from typing import Any

from sqlflow.sdk import StepError

from .columns import column_sql, found_name
from .connection import Server, fetch
from .options import PostgresRead
from .stream import Bulk
from .types import Reading

_KINDS = frozenset({"int2", "int4", "int8", "numeric", "date", "timestamp", "timestamptz"})
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_WAIT = 0.2


class Partitions:
    """Several queries at once. The session that exports the snapshot stays open until all of them have begun."""

    def __init__(
        self, server: Server, query: Callable[[str], str], source: str, readings: list[Reading], options: PostgresRead
    ) -> None:
        self.server = server
        self._query = query
        self._readings = readings
        self._what = options.table or "the query"
        self._size = options.batch_bytes
        self._ready: queue.Queue[Any] = queue.Queue(maxsize=2)
        self._stop = threading.Event()
        self._stack = ExitStack()
        column = _column(options, readings)
        try:
            self._session = self._stack.enter_context(server.session(read_only=True))
            with server.guarded(f"reading {self._what}"):
                self._session.execute(_BEGIN.encode())
                snapshot = fetch(self._session, "SELECT pg_export_snapshot()")[0][0]
                ranges = _ranges(self._session, source, column, options.partitions or 2)
            self._before = (_BEGIN, f"SET TRANSACTION SNAPSHOT '{snapshot}'")
            self._todo: queue.Queue[str] = queue.Queue()
            for condition in ranges:
                self._todo.put(condition)
            count = min(len(ranges), max(server.config.max_connections - 1, 1))
            self._running = count
            self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(count)]
            for thread in self._threads:
                thread.start()
        except BaseException:
            self._stack.close()
            raise

    def batches(self) -> Iterator[Any]:
        """Yield batches as they come; the first error ends everything."""
        while self._running:
            try:
                found = self._ready.get(timeout=_WAIT)
            except queue.Empty:
                continue
            if found is None:
                self._running -= 1
            elif isinstance(found, BaseException):
                raise found
            else:
                yield found

    def close(self) -> None:
        """End what still runs, and the snapshot."""
        self._stop.set()
        self.server.cancel()
        for thread in self._threads:
            thread.join()
        self._stack.close()

    def _work(self) -> None:
        """Read one range after the other; in a thread of its own."""
        try:
            while not self._stop.is_set():
                try:
                    condition = self._todo.get_nowait()
                except queue.Empty:
                    break
                sql = self._query(condition)
                bulk = Bulk(self.server, sql, self._readings, self._what, self._size, self._before)
                try:
                    for batch in bulk.batches():
                        self._hand_over(batch)
                        if self._stop.is_set():
                            break
                finally:
                    bulk.close()
        except BaseException as error:  # noqa: BLE001 - it is raised again where the rows are taken
            self._hand_over(error)
        else:
            self._hand_over(None)

    def _hand_over(self, found: Any) -> None:
        while not self._stop.is_set():
            try:
                return self._ready.put(found, timeout=_WAIT)
            except queue.Full:
                continue
        return None


def _column(options: PostgresRead, readings: list[Reading]) -> Reading:
    name = found_name(options.partition_on or "", [item.name for item in readings])
    found = next((item for item in readings if item.name == name), None)
    if found is None:
        raise StepError(
            f"partition_on names {options.partition_on!r}, which is not among the columns that are read",
            hint=f"it has: {', '.join(item.name for item in readings)}",
            code="SF709",
        )
    kind = found.column.type
    unlimited = kind.name == "numeric" and found.mend != "decimal"  # may hold infinities
    if not kind.builtin or kind.name not in _KINDS or unlimited:
        raise StepError(
            f"partition_on names {found.name!r} of type {kind.name}, which cannot be cut into ranges",
            hint="name a column of a number, date or time",
            code="SF709",
        )
    return found


def _ranges(session: Any, source: str, column: Reading, count: int) -> list[str]:
    """Return conditions that every row fulfils exactly one of, NULLs and infinities included."""
    name, kind = column_sql(column), column.column.type.name
    finite = {"numeric": f"{name} <> 'NaN'", "int2": "true", "int4": "true", "int8": "true"}.get(
        kind, f"{name} > '-infinity' AND {name} < 'infinity'"
    )
    least, most = f"min({name})", f"max({name})"
    if kind == "date":
        step = "(low + ((high - low)::int8 * n / {count})::int)::text"
    elif kind in ("timestamp", "timestamptz"):
        step = "(low + (high - low) * (n::float8 / {count}))::text"
    else:
        step = "(low::numeric + (high::numeric - low::numeric) * n / {count})::{kind}::text"
    sql = (
        f"SELECT {step.format(count=count, kind=kind)} FROM (SELECT {least} AS low, {most} AS high FROM {source} "
        f"WHERE {finite}) AS ends, generate_series(1, {count - 1}) AS n WHERE low < high ORDER BY n"
    )
    cuts = list(dict.fromkeys(str(row[0]) for row in fetch(session, sql)))
    if not cuts:
        return ["true"]
    bounds = [f"'{cut}'::{kind}" for cut in cuts]
    inner = [f"{name} >= {low} AND {name} < {high}" for low, high in pairwise(bounds)]
    return [f"({name} < {bounds[0]} OR {name} IS NULL)", *inner, f"{name} >= {bounds[-1]}"]
