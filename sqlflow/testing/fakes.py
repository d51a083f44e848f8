"""A connector that keeps its rows in memory: the smallest one that passes the whole exam, and the kit's own fake.

Broken copies of it prove the exam: each breaks one law, and fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from sqlflow.sdk import (
    ArrowStream,
    ConfigModel,
    ConnectionReport,
    Connector,
    ReadRequest,
    Rows,
    Secret,
    StepError,
    TransientError,
    WriteRequest,
    WriteResult,
)

if TYPE_CHECKING:
    import pyarrow as pa


class ShelfConfig(ConfigModel):
    """A shelf in memory."""

    shelf: str = "shelf"
    """Name of the shelf; one named `busy` cannot be reached just now."""

    password: Secret | None = None
    """Password of the shelf; only `open sesame` opens it."""


class ShelfRead(ConfigModel):
    """What to read."""

    table: str = Field(min_length=1)
    """Table to read."""

    select: list[str] = Field(default_factory=list)
    """Columns to read; all of them when left out."""


class ShelfWrite(ConfigModel):
    """What to write."""

    table: str = Field(min_length=1)
    """Table to write."""


class MemoryConnector(Connector[ShelfConfig]):
    """Keeps tables in memory, for tests; gone with the process."""

    name = "shelf"
    Config = ShelfConfig
    ReadOptions = ShelfRead
    WriteOptions = ShelfWrite
    write_modes = frozenset({"replace", "append", "merge", "delete_insert"})
    keeps_tokens = True
    tables: ClassVar[dict[str, list[pa.RecordBatch]]] = {}
    tokens: ClassVar[set[tuple[str, str]]] = set()

    def read(self, request: ReadRequest) -> ArrowStream:
        """Hand out the batches one by one, less the rows that the cursor does not want."""
        key = self.opened(request.config, request.options.table)
        return ArrowStream(lambda: self.stream(key, request))

    def stream(self, key: str, request: ReadRequest) -> pa.RecordBatchReader:
        """Open the stream."""
        import pyarrow as pa

        if key not in self.tables:
            name = request.options.table
            raise StepError(f"there is no table {name!r}", hint="write it first", code="SF708", kind="not_found")
        batches = self.tables[key]
        chosen = request.options.select or batches[0].schema.names
        schema = batches[0].select(chosen).schema
        wanted = self.wanted(request)
        return pa.RecordBatchReader.from_batches(schema, (wanted(batch).select(chosen) for batch in batches))

    def wanted(self, request: ReadRequest) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
        """Return what leaves out the rows below the cursor's range, where it is a whole number."""
        import pyarrow.compute as pc

        since = request.delta.since
        if since is None or since.lower is None or not since.lower.text.lstrip("-").isdigit():
            return lambda batch: batch
        low, column = int(since.lower.text), since.column

        def above(batch: pa.RecordBatch) -> pa.RecordBatch:
            values = batch.column(batch.schema.get_field_index(column))
            return batch.filter(pc.or_kleene(pc.greater_equal(values, low), pc.is_null(values)))

        return above

    def write(self, request: WriteRequest, rows: Rows) -> WriteResult:
        """Take all rows first, then put them in place at once."""
        key = self.opened(request.config, request.options.table)
        token = (key, request.token)
        if request.mode == "append" and token in self.tokens:
            return WriteResult(0, places=(key,))
        with rows.batches() as reader:
            batches = list(self.taken(reader))
            schema = reader.schema
        self.check_keys(batches, request)
        self.put(key, met(self.tables.get(key), batches, request, schema))
        self.tokens.add(token)
        return WriteResult(sum(batch.num_rows for batch in batches), places=(key,))

    def taken(self, reader: Any) -> Iterable[pa.RecordBatch]:
        """Take the rows."""
        return reader  # type: ignore[no-any-return]

    def put(self, key: str, batches: list[pa.RecordBatch]) -> None:
        """Put rows in place."""
        self.tables[key] = batches

    def check_keys(self, batches: list[pa.RecordBatch], request: WriteRequest) -> None:
        """Refuse keys that are NULL, or held twice by a merge."""
        for column in request.key:
            values = [value for batch in batches for value in batch.column(column).to_pylist()]
            if None in values:
                raise StepError(f"the key {column!r} is NULL in the batch", hint="mend the rows", code="SF712")
            twice = {value for value in values if values.count(value) > 1} if request.mode == "merge" else ()
            if twice:
                raise StepError(f"the key {column!r} is there twice: {sorted(twice)}", hint="mend the rows")

    def exists(self, config: Any, options: Any, folder: Path) -> bool:
        """Tell whether the table is there."""
        return f"{config.shelf}.{options.table}" in self.tables

    def opened(self, config: ShelfConfig, table: str) -> str:
        """Open the shelf and return where the table stands."""
        if config.shelf == "busy":
            raise TransientError("the shelf is busy", hint="try again")
        if config.password is not None and config.password.get_secret_value() != "open sesame":
            raise StepError("the shelf does not open", hint="check the password", kind="authentication")
        return f"{config.shelf}.{table}"

    def test(self, config: ShelfConfig, folder: Path) -> ConnectionReport:
        """Open the shelf."""
        try:
            self.opened(config, "")
        except StepError as error:
            return ConnectionReport(ok=False, message=error.message)
        return ConnectionReport(ok=True, message="can be read")


def met(
    old: list[pa.RecordBatch] | None, new: list[pa.RecordBatch], request: WriteRequest, schema: pa.Schema
) -> list[pa.RecordBatch]:
    """Return what is there after a batch has met what was there."""
    empty = schema.empty_table().combine_chunks().to_batches() or [_no_rows(schema)]
    if request.mode == "replace" or old is None:
        return new or empty
    columns = old[0].schema.names
    came = [batch.select(columns) for batch in new]
    if request.mode == "append":
        return [*old, *came]
    import pyarrow.compute as pc

    key = request.key[0]
    keys = [value for batch in came for value in batch.column(key).to_pylist()]
    import pyarrow as pa

    known = pa.array(keys, old[0].column(key).type)
    return [*(batch.filter(pc.invert(pc.is_in(batch.column(key), known))) for batch in old), *came]


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)
