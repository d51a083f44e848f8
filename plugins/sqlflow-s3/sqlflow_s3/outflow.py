"""Rows as local files in a temporary folder, written by the engine at its own speed: one file, or many by partition."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlflow.sdk import Rows, StepError, fold, literal, quote

from .config import Format, S3Write, format_of, split_ending

_NUMBER = "sqlflow_file_number"
_SUFFIX = {"gzip": ".gz", "zstd": ".zst", "none": ""}


@dataclass(frozen=True)
class LocalFile:
    """A file, and the folder of partitions (empty, or ending in a slash) that it belongs to."""

    path: Path
    above: str

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return self.path.stat().st_size


@dataclass(frozen=True)
class Layout:
    """The format and the compression that the options say."""

    options: S3Write

    @property
    def format(self) -> Format:
        """The format."""
        return format_of(self.options) or "parquet"

    @property
    def lines(self) -> bool:
        """Whether JSON is written with one object a line."""
        stem = re.sub(r"\.(gz|zst)$", "", self.options.path)
        return self.options.lines if self.options.lines is not None else not stem.endswith(".json")

    @property
    def compression(self) -> str:
        """The compression, as COPY calls it."""
        asked = self.options.compression
        if self.format == "parquet":
            return {"auto": "zstd", "none": "uncompressed"}.get(asked, asked)
        return split_ending(self.options.path)[1] if asked == "auto" else asked

    @property
    def ending(self) -> str:
        """The ending of the names that this connector makes up."""
        if self.format == "parquet":
            return "parquet"
        plain = self.format if self.format == "csv" or not self.lines else "jsonl"
        return plain + _SUFFIX[self.compression]

    def settings(self) -> str:
        """Write the options of COPY."""
        options = self.options
        stated: dict[str, str | None] = {"FORMAT": self.format, "COMPRESSION": literal(self.compression)}
        if self.format != "parquet":
            stated["DATEFORMAT"] = options.date_format and literal(options.date_format)
            stated["TIMESTAMPFORMAT"] = options.timestamp_format and literal(options.timestamp_format)
        if self.format == "json":
            stated["ARRAY"] = literal(not self.lines)
        if self.format == "csv":
            stated["DELIMITER"] = literal(options.delimiter)
            stated["HEADER"] = literal(options.header)
            stated["NULLSTR"] = literal(options.null_value)
            stated["FORCE_QUOTE"] = "*" if options.quote_all else None
        return ", ".join(f"{name} {value}" for name, value in stated.items() if value is not None)


def write_file(rows: Rows, layout: Layout, folder: Path, query: str = "{query}") -> tuple[int, LocalFile]:
    """Write all rows of a query into one file; returns how many."""
    target = folder / f"rows.{layout.ending}"
    written = rows.copy(f"COPY ({query}) TO {literal(str(target))} ({layout.settings()})")
    return written, LocalFile(target, "")


def write_files(rows: Rows, layout: Layout, folder: Path, query: str = "{query}") -> tuple[int, list[LocalFile]]:
    """Write the rows into files by partition and by number of rows; without rows, one file that has the columns."""
    options = layout.options
    source, numbered = query, [quote(name) for name in options.partition_by]
    if options.max_rows_per_file is not None:
        within = f"PARTITION BY {', '.join(numbered)}" if numbered else ""
        number = f"(row_number() OVER ({within}) - 1) // {options.max_rows_per_file}"
        source = f"SELECT *, {number} AS {quote(_NUMBER)} FROM ({query})"
        numbered.append(quote(_NUMBER))
    if not numbered:
        written, file = write_file(rows, layout, folder, query)
        return written, [file]
    tree = folder / "rows"
    written = rows.copy(
        f"COPY ({source}) TO {literal(str(tree))} "
        f"({layout.settings()}, PARTITION_BY ({', '.join(numbered)}), FILE_EXTENSION {literal(layout.ending)})"
    )
    if written == 0:
        left = f"EXCLUDE ({', '.join(quote(c) for c in options.partition_by)})" if options.partition_by else ""
        empty = folder / f"empty.{layout.ending}"
        rows.copy(f"COPY (SELECT * {left} FROM ({query})) TO {literal(str(empty))} ({layout.settings()})")
        return 0, [LocalFile(empty, "")]
    return written, sorted((_placed(path, tree) for path in tree.rglob("*") if path.is_file()), key=_order)


def _placed(path: Path, tree: Path) -> LocalFile:
    above = [part for part in path.relative_to(tree).parts[:-1] if not part.startswith(f"{_NUMBER}=")]
    return LocalFile(path, "".join(f"{part}/" for part in above))


def _order(file: LocalFile) -> Any:
    """Sort files as the rows stood: by partition, then by number."""
    number = file.path.parent.name.removeprefix(f"{_NUMBER}=")
    return file.above, int(number) if number.isdigit() else 0, file.path.name


def refuse_columns(rows: Rows, partition_by: list[str]) -> None:
    """Refuse partitions that the rows cannot have."""
    known = {fold(name) for name in rows.schema.names}
    for column in partition_by:
        if fold(column) not in known:
            raise StepError(
                f"partition_by names column {column!r}, which the rows do not have",
                hint=f"they have: {', '.join(rows.schema.names)}",
                code="SF512",
            )
    if partition_by and len({fold(name) for name in partition_by}) == len(known):
        told = "partition_by names every column, so nothing would be left to write into the objects"
        raise StepError(told, hint="leave one out", code="SF512")
    if _NUMBER in known:
        raise StepError(f"the rows have a column {_NUMBER}", hint="rename it", code="SF512")


def refuse_other_engines(rows: Rows) -> None:
    """Refuse rows that are not written by DuckDB."""
    if rows.dialect != "duckdb":
        told = f"the connector s3 writes from DuckDB engines, and this one speaks {rows.dialect}"
        raise StepError(told, hint="export from a profile with engine: {type: duckdb}", kind="internal")
