"""The options of the CSV format, for reading and for writing."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sqlflow.sdk import ConfigModel, TextEncoding


class CsvRead(ConfigModel):
    """How a CSV file is to be read. Spaces that end a file without a newline are not part of its last field."""

    path: str = Field(min_length=1)
    """File, or pattern such as `data/*.csv` or `data/**/*.csv.gz`."""

    delimiter: str = Field(default=",", min_length=1, max_length=4)
    """Text between two fields."""

    header: bool = True
    """Whether the first line names the columns."""

    quote: str = Field(default='"', max_length=1)
    """Character around fields that hold the delimiter; empty for none."""

    escape: str = Field(default='"', max_length=1)
    """Character before a quote inside a quoted field."""

    null_values: list[str] = Field(default_factory=lambda: [""])
    """Texts that stand for NULL."""

    encoding: TextEncoding = "utf-8"
    """Encoding of the text: `utf-8`, `utf-16`, `latin-1`, or another one such as `windows-1252`, what Excel writes."""

    compression: Literal["auto", "none", "gzip", "zstd"] = "auto"
    """Compression; `auto` goes by the file's ending."""

    skip: int = Field(default=0, ge=0)
    """Lines to leave out before the header."""

    comment: str = Field(default="", max_length=1)
    """Character that starts a comment line; empty for none."""

    decimal_separator: Literal[".", ","] = "."
    """Character before the decimals of a number."""

    date_format: str | None = None
    """Format of dates, such as `%d.%m.%Y`; detected when left out."""

    timestamp_format: str | None = None
    """Format of timestamps, such as `%Y-%m-%d %H:%M:%S`; detected when left out."""

    null_padding: bool = False
    """Whether a line with too few fields is filled with NULL; without it such a line is an error."""

    all_text: bool = False
    """Whether every column is text unless `columns` gives its type."""

    hive_partitioning: bool = False
    """Whether folders named `key=value` become columns."""

    union_by_name: bool = False
    """Whether files of one pattern may have different columns, which then meet by name."""

    sample_rows: int = Field(default=20480, ge=-1)
    """Rows looked at to detect types; -1 for all."""

    max_line_size: int | None = Field(default=None, ge=1)
    """Most bytes that a line may have; the engine's own limit, two million, when left out."""


class CsvWrite(ConfigModel):
    """How a CSV file is to be written."""

    path: str = Field(min_length=1)
    """File to write; a folder with `partition_by`."""

    delimiter: str = Field(default=",", min_length=1, max_length=1)
    """Character between two fields."""

    header: bool = True
    """Whether the first line names the columns."""

    null_value: str = ""
    """Text that stands for NULL."""

    quote_all: bool = False
    """Whether every field is quoted, which keeps empty text apart from NULL."""

    compression: Literal["auto", "none", "gzip", "zstd"] = "auto"
    """Compression; `auto` goes by the file's ending."""

    date_format: str | None = None
    """Format of dates, such as `%d.%m.%Y`."""

    timestamp_format: str | None = None
    """Format of timestamps."""

    partition_by: list[str] = Field(default_factory=list)
    """Columns whose values become folders `key=value`."""
