"""Parquet objects as a stream: footers first, then only the row groups and columns that are wanted, some ahead.

A row group is the unit of fetching, so memory holds a few of them and never a whole object.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlflow.sdk import CursorRange, StepError, did_you_mean, fold

from .access import Files, url
from .config import S3Config, S3Read
from .faults import changed, gone, translated
from .intervals import decoded, interval_columns, with_intervals
from .manifest import S3Object
from .partitions import Partitions
from .pushdown import condition

AHEAD_BYTES = 128 * 1024 * 1024
BATCH_ROWS = 65_536


@dataclass(frozen=True)
class Opened:
    """One object with its footer. `number` tells through which file system the fragment is read."""

    source: S3Object
    fragment: Any
    number: int
    schema: Any
    intervals: frozenset[str]


@dataclass
class ParquetObjects:
    """The rows of some Parquet objects. `unchanged` tells whether they are still what was listed."""

    client: Any
    config: S3Config
    options: S3Read
    objects: Sequence[S3Object]
    since: CursorRange | None
    unchanged: Callable[[], bool]
    _files: Files = field(init=False)

    def __post_init__(self) -> None:
        """Have a file system at hand."""
        self._files = Files(self.config, self.client)

    def open(self) -> Any:
        """Open the stream; footers are fetched now, rows when they are taken.

        Raises:
            StepError: an object is no Parquet file, is gone, or has other columns than the first.

        """
        import pyarrow as pa

        pool = ThreadPoolExecutor(self.config.max_connections, thread_name_prefix="sqlflow-s3")
        try:
            partitions = Partitions.of([o.key for o in self.objects] if self.options.hive_partitioning else [])
            opened = self._footers(pool, partitions)
            schema = self._schema(opened, partitions)
            wanted = self._selected(schema)
            intervals = frozenset[str]().union(*(each.intervals for each in opened))
            output = with_intervals(pa.schema([schema.field(name) for name in wanted]), intervals)
            return pa.RecordBatchReader.from_batches(output, self._batches(pool, opened, schema, wanted))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise

    def _footers(self, pool: ThreadPoolExecutor, partitions: Partitions) -> list[Opened]:
        def footer(source: S3Object) -> Opened:
            with self._told(source):
                number, files = self._files.current()
                fragment = self._fragment(source, files, partitions.expression(source.key))
                intervals = interval_columns(fragment.metadata)
                schema = fragment.physical_schema.remove_metadata()
                if nested := sorted(set(intervals) - set(schema.names)):
                    told = f"{self._url(source)} has an interval inside of another type, {nested[0]}"
                    raise StepError(told, hint="select the other columns", code="SF511")
                return Opened(source, fragment, number, schema, frozenset(intervals))

        return list(pool.map(footer, self.objects))

    def _fragment(self, source: S3Object, files: Any, place: Any, groups: Sequence[int] | None = None) -> Any:
        import pyarrow.dataset as ds

        # pre_buffer holds all that it has fetched until the end; here a row group is the end.
        settings = ds.ParquetFragmentScanOptions(pre_buffer=True, arrow_extensions_enabled=True)
        layout = ds.ParquetFileFormat(coerce_int96_timestamp_unit="us", default_fragment_scan_options=settings)
        key = f"{self.config.bucket}/{source.key}"
        return layout.make_fragment(key, files, partition_expression=place, row_groups=groups, file_size=source.size)

    def _schema(self, opened: Sequence[Opened], partitions: Partitions) -> Any:
        """Return the columns of all objects together."""
        import pyarrow as pa

        first = opened[0]
        for other in opened[1:]:
            differ = sorted(set(first.schema.names) ^ set(other.schema.names))
            if differ and not self.options.union_by_name:
                raise StepError(
                    f"{self._url(other.source)} has other columns than {self._url(first.source)}: {', '.join(differ)}",
                    hint="write union_by_name: true to let columns meet by name, NULL where one lacks",
                    code="SF511",
                )
        schema = first.schema
        for other in opened[1:]:
            if other.schema.equals(schema):
                continue
            try:
                schema = pa.unify_schemas([schema, other.schema], promote_options="permissive")
            except pa.ArrowException as error:
                told = f"{self._url(other.source)} does not go together with {self._url(first.source)}: {error}"
                raise StepError(told, hint="load them by two steps", code="SF511") from error
        return partitions.extended(schema)

    def _selected(self, schema: Any) -> list[str]:
        if not self.options.select:
            return list(schema.names)
        known = {fold(name): name for name in schema.names}
        for name in self.options.select:
            if fold(name) not in known:
                raise StepError(
                    f"select names column {name!r}, which {self._url(self.objects[0])} does not have",
                    hint=did_you_mean(name, schema.names, noun="column"),
                    code="SF709",
                    kind="not_found",
                )
        return [known[fold(name)] for name in self.options.select]

    def _batches(self, pool: ThreadPoolExecutor, opened: Sequence[Opened], schema: Any, wanted: list[str]) -> Any:
        """Yield the rows in the order of objects and row groups; the next row groups are on their way meanwhile."""
        ahead: deque[tuple[int, Future[Any]]] = deque()
        held = 0
        try:
            for each, unit, where in self._units(opened, schema):
                size = sum(group.total_byte_size for group in unit.row_groups)
                while ahead and (held + size > AHEAD_BYTES or len(ahead) >= self.config.max_connections):
                    done, future = ahead.popleft()
                    held -= done
                    yield from future.result()
                ahead.append((size, pool.submit(self._rows, each, unit, schema, wanted, where)))
                held += size
            while ahead:
                yield from ahead.popleft()[1].result()
            if not self.unchanged():
                raise changed(self._url(self.objects[0]) if len(self.objects) == 1 else url(self.config))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _units(self, opened: Sequence[Opened], schema: Any) -> Iterator[tuple[Opened, Any, Any]]:
        """Yield the row groups that may hold wanted rows, each with the filter that its rows pass."""
        for each in opened:
            where = condition(self.since, schema)
            if where is not None and not self._comparable(each.schema, schema):
                where = None
            with self._told(each.source):
                units = each.fragment.split_by_row_group(filter=where, schema=schema)
            yield from ((each, unit, where) for unit in units)

    def _comparable(self, own: Any, schema: Any) -> bool:
        """Tell whether the cursor is of the same type in this object as in all of them together."""
        column = fold(self.since.column) if self.since is not None else ""
        return all(own.field(n).type == schema.field(n).type for n in own.names if fold(n) == column)

    def _rows(self, each: Opened, unit: Any, schema: Any, wanted: list[str], where: Any) -> list[Any]:
        with self._told(each.source):
            number, files = self._files.current()
            if number != each.number:  # the credentials that it was opened with may have run out since
                groups = [group.id for group in unit.row_groups]
                unit = self._fragment(each.source, files, unit.partition_expression, groups)
            table = unit.to_table(schema=schema, columns=wanted, filter=where, use_threads=False)
            return list(decoded(table, each.intervals).to_batches(max_chunksize=BATCH_ROWS))

    @contextmanager
    def _told(self, source: S3Object) -> Iterator[None]:
        """Say what went wrong with one object; one that has changed meanwhile is not a broken one."""
        what = self._url(source)
        try:
            with translated(self.config, what):
                yield
        except StepError as told:
            if told.kind == "not_found":
                raise gone(what) from None
            raise self._reason(told, what) from None

    def _reason(self, told: StepError, what: str) -> StepError:
        """Return what is behind bytes that cannot be read: pyarrow does not always hear why S3 has refused them."""
        if told.kind != "bad_data":
            return told
        try:
            return told if self.unchanged() else changed(what)
        except StepError as found:
            return found if found.kind in ("authentication", "permission") else told

    def _url(self, source: S3Object) -> str:
        return url(self.config, source.key)
