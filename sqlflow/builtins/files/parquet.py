"""Parquet files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from sqlflow.sdk import ConfigModel, Example, ReadRequest, Rows, Select, StepError, WriteRequest, WriteResult

from .local import LocalFileConnector, arguments, file_list


class ParquetRead(ConfigModel):
    """How Parquet files are to be read."""

    path: str = Field(min_length=1)
    """File, or pattern such as `data/**/*.parquet`."""

    hive_partitioning: bool = False
    """Whether folders named `key=value` become columns."""

    union_by_name: bool = False
    """Whether files of one pattern may have different columns, which then meet by name."""


class ParquetWrite(ConfigModel):
    """How a Parquet file is to be written."""

    path: str = Field(min_length=1)
    """File to write; a folder with `partition_by`."""

    compression: Literal["zstd", "snappy", "gzip", "lz4", "none"] = "zstd"
    """Compression of the columns."""

    row_group_rows: int | None = Field(default=None, ge=1)
    """Rows in one row group."""

    partition_by: list[str] = Field(default_factory=list)
    """Columns whose values become folders `key=value`."""


class ParquetConnector(LocalFileConnector):
    """Reads and writes Parquet files."""

    name = "parquet"
    ReadOptions = ParquetRead
    WriteOptions = ParquetWrite
    example = Example(source={"path": "orders.parquet"}, target={"path": "orders.parquet"})
    suffix = "parquet"

    def read(self, request: ReadRequest) -> Select:
        """Hand the engine a scan."""
        options: ParquetRead = request.options
        files = self.wanted(request)
        settings = {
            "hive_partitioning": options.hive_partitioning,
            "union_by_name": options.union_by_name or None,
        }
        if len(files) > 1 and not options.union_by_name:
            _refuse_other_columns(files)
        sql = f"SELECT * FROM read_parquet({file_list(files)}{arguments(settings)})"
        return Select("duckdb", sql, explain=lambda text: _complaint(text, files))

    def write(self, request: WriteRequest, rows: Rows) -> WriteResult:
        """Write through the engine's own Parquet writer."""
        options: ParquetWrite = request.options
        settings: dict[str, Any] = {
            "FORMAT": "parquet",
            "COMPRESSION": "uncompressed" if options.compression == "none" else options.compression,
            "ROW_GROUP_SIZE": options.row_group_rows,
        }
        return self.copy(request, rows, settings, options.partition_by)


def _refuse_other_columns(files: list[str]) -> None:
    """Refuse files of one pattern that have other columns than the first: theirs would be left out silently."""
    import pyarrow.lib as pa
    import pyarrow.parquet as pq

    expected: set[str] | None = None
    for file in files:
        try:
            found = set(pq.read_schema(file).names)
        except (pa.ArrowException, OSError) as error:
            raise _cut_off(Path(file), str(error)) from error
        expected = found if expected is None else expected
        if differ := sorted(expected ^ found):
            raise StepError(
                f"{Path(file).name} has other columns than {Path(files[0]).name}: {', '.join(differ)}",
                hint="write union_by_name: true to let columns meet by name, NULL where one lacks",
                code="SF511",
            )


def _cut_off(path: Path, why: str) -> StepError:
    return StepError(
        f"{path.name} is not a whole Parquet file: {why.splitlines()[0]}",
        hint="it may have been cut off while it was copied; fetch it again",
        code="SF511",
    )


def _complaint(message: str, files: list[str]) -> StepError | None:
    path = next((Path(f) for f in files if Path(f).name in message), Path(files[0]))
    if "magic bytes" in message or "too small to be a Parquet" in message or "footer" in message.lower():
        return _cut_off(path, message)
    if re.search(r"decompress|Out of buffer|TProtocolException|corrupt", message, re.IGNORECASE):
        return StepError(
            f"{path.name} is damaged: {message.splitlines()[0]}",
            hint="its bytes are not those that were written; fetch it again",
            code="SF511",
        )
    if "schema mismatch" in message.lower():
        return StepError(message, hint="write union_by_name: true to let columns meet by name", code="SF511")
    return None
