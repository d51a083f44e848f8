"""JSON files: one array of objects, or one object a line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from sqlflow.sdk import (
    UNKNOWN_KEY,
    ConfigModel,
    Example,
    ReadRequest,
    Rows,
    Select,
    StepError,
    WriteRequest,
    WriteResult,
    refuse_unknown_keys,
)

from .local import LocalFileConnector, arguments, compression_of, file_list, not_packed


class JsonRead(ConfigModel):
    """How JSON files are to be read."""

    path: str = Field(min_length=1)
    """File, or pattern such as `data/*.jsonl`."""

    lines: bool | None = None
    """Whether every line is an object of its own, or the file is one array; detected when left out."""

    compression: Literal["auto", "none", "gzip", "zstd"] = "auto"
    """Compression; `auto` goes by the file's ending."""

    date_format: str | None = None
    """Format of dates; detected when left out."""

    timestamp_format: str | None = None
    """Format of timestamps; detected when left out."""

    hive_partitioning: bool = False
    """Whether folders named `key=value` become columns."""

    union_by_name: bool = False
    """Whether files of one pattern may have different keys, which then meet by name."""

    sample_rows: int = Field(default=20480, ge=-1)
    """Objects looked at to detect keys and types; -1 for all."""


class JsonWrite(ConfigModel):
    """How a JSON file is to be written."""

    path: str = Field(min_length=1)
    """File to write; a folder with `partition_by`."""

    lines: bool | None = None
    """Whether every row is a line of its own, or the file is one array; by default lines unless it ends in `.json`."""

    compression: Literal["auto", "none", "gzip", "zstd"] = "auto"
    """Compression; `auto` goes by the file's ending."""

    date_format: str | None = None
    """Format of dates."""

    timestamp_format: str | None = None
    """Format of timestamps."""

    partition_by: list[str] = Field(default_factory=list)
    """Columns whose values become folders `key=value`."""


class JsonConnector(LocalFileConnector):
    """Reads and writes JSON files."""

    name = "json"
    ReadOptions = JsonRead
    WriteOptions = JsonWrite
    example = Example(source={"path": "orders.json"}, target={"path": "orders.json"})
    suffix = "json"
    guesses_types = True

    def read(self, request: ReadRequest) -> Select:
        """Hand the engine a scan."""
        options: JsonRead = request.options
        files = self.wanted(request)
        layout = {None: "auto", True: "newline_delimited", False: "array"}[options.lines]
        settings = {
            "format": layout,
            "dateformat": options.date_format,
            "timestampformat": options.timestamp_format,
            "hive_partitioning": options.hive_partitioning,
            "union_by_name": options.union_by_name or None,
            "sample_size": options.sample_rows,
            "maximum_sample_files": -1 if options.sample_rows == -1 else None,
            "compression": None if options.compression == "auto" else options.compression,
            "map_inference_threshold": -1,  # else an object of 200 keys or more becomes one column, a map
        }
        for file in files:
            if Path(file).stat().st_size == 0:
                hint = "a JSON file without rows is [], or holds no line with lines: true"
                raise StepError(f"{Path(file).name} is empty", hint=hint, code="SF511")
            if fault := not_packed(Path(file), options.compression):
                raise fault

        def scan(types: Mapping[str, str] | None = None) -> str:
            sql = f"SELECT * FROM read_json({file_list(files)}{arguments({**settings, 'columns': types})})"
            if not types or options.sample_rows == -1:
                return sql
            layout = {name: settings[name] for name in ("format", "compression")}
            objects = f"read_json_objects({file_list(files)}{arguments(layout)})"
            return f"{sql} WHERE {refuse_unknown_keys(objects, types)}"

        known = request.delta.types
        if known and all(_holds_nothing(Path(file)) for file in files):
            return Select("duckdb", scan(known), explain=lambda text: _complaint(text, files))
        return Select("duckdb", scan(), explain=lambda text: _complaint(text, files), typed=scan)

    def write(self, request: WriteRequest, rows: Rows) -> WriteResult:
        """Write through the engine's own JSON writer."""
        options: JsonWrite = request.options
        stem = options.path.removesuffix(".gz").removesuffix(".zst")
        lines = options.lines if options.lines is not None else not stem.endswith(".json")
        settings: dict[str, Any] = {
            "FORMAT": "json",
            "ARRAY": not lines,
            "DATEFORMAT": options.date_format,
            "TIMESTAMPFORMAT": options.timestamp_format,
            "COMPRESSION": compression_of(options.compression, options.path),
        }
        return self.copy(request, rows, settings, options.partition_by)


def _holds_nothing(file: Path) -> bool:
    """Tell whether a file is an array without objects, so that its columns are those of the last good run."""
    return file.stat().st_size < _SMALL and re.fullmatch(rb"\s*\[\s*\]\s*", file.read_bytes()) is not None


_ALL = "write sample_rows: -1 to look at every object first"
_SMALL = 64
"""Bytes above which a file is not looked at; an empty array is shorter."""


def _complaint(message: str, files: list[str]) -> StepError | None:
    path = next((Path(f) for f in files if Path(f).name in message), Path(files[0]))
    if UNKNOWN_KEY in message:
        key = message.split(UNKNOWN_KEY, 1)[1].splitlines()[0]
        what = path.name if len(files) == 1 else f"one of {len(files)} files"
        told = f"{what} has the key {key!r}, which is in none of the objects that were looked at for the columns"
        return StepError(told, hint=_ALL, code="SF511")
    if "sample_size" in message or "ignore_errors" in message:
        line = re.search(r"line (\d+)", message)
        where = f", line {line[1]}" if line else ""
        first = message.splitlines()[0].split(" Try ")[0]
        hint = f"{_ALL}, or declare the column's type under columns"
        return StepError(f"{path.name}{where}: {first}", hint=hint, code="SF511")
    if "Malformed JSON" in message or "not a JSON" in message or "unexpected end" in message.lower():
        return StepError(
            f"{path.name}: {message.splitlines()[0].strip()}",
            hint="mend the file; with lines: true every line is one object",
            code="SF511",
        )
    if "unicode" in message.lower() or "utf" in message.lower():
        return StepError(f"{path.name} is not UTF-8 text", hint="save it as UTF-8", code="SF511")
    return None
