"""The options of the connector: of a connection, of a source and of a target, and which go together.

Touches no network and imports no driver.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, get_args
from urllib.parse import urlsplit

from pydantic import Field

from sqlflow.sdk import ConfigModel, Objection, Secret, TextEncoding, fold

Format = Literal["parquet", "csv", "json"]
ENDINGS = {"parquet": "parquet", "csv": "csv", "tsv": "csv", "json": "json", "jsonl": "json", "ndjson": "json"}
PACKED = {"gz": "gzip", "zst": "zstd"}


class AssumeRole(ConfigModel):
    """A role that is taken on before anything else."""

    arn: str = Field(min_length=1)
    """Role, such as `arn:aws:iam::123456789012:role/reader`."""

    external_id: str | None = Field(default=None, min_length=2)
    """External id that the role's trust policy asks for."""

    endpoint: str | None = None
    """URL of the token service, when it is not that of AWS."""


class S3Config(ConfigModel):
    """A bucket, and how to get at it. Without credentials here, the standard chain of AWS is asked for them."""

    bucket: str = Field(min_length=1)
    """Name of the bucket."""

    endpoint: str | None = None
    """URL of a store that speaks S3, such as `http://localhost:9000`; AWS when left out."""

    region: str | None = None
    """Region of the bucket; by default the one of the environment or the AWS profile."""

    path_style: bool | None = None
    """Whether the bucket stands in the path and not in the host; by default it does when `endpoint` is given."""

    profile: str | None = None
    """Profile of the AWS configuration files whose credentials are used."""

    access_key_id: Secret | None = None
    """Access key; goes with `secret_access_key`."""

    secret_access_key: Secret | None = None
    """Secret of the access key."""

    session_token: Secret | None = None
    """Token of temporary credentials."""

    assume_role: AssumeRole | None = None
    """Role to take on with these credentials."""

    anonymous: bool = False
    """Whether requests are sent without credentials, for public buckets."""

    max_connections: int = Field(default=8, ge=1, le=256)
    """Requests at a time."""


class S3Read(ConfigModel):
    """Which objects to read, and how."""

    path: str = Field(min_length=1)
    """Key, prefix of a data set that an export wrote, or pattern such as `in/*.csv` or `in/**/*.parquet`. `*` stands
    for any part of a name and `**` for any folders; names that begin with `.` or `_` are left out by both."""

    format: Format | None = None
    """Format of the objects; by default the path's ending says it."""

    select: list[str] = Field(default_factory=list)
    """Columns to read; all when left out. Of Parquet nothing else is fetched."""

    delimiter: str = Field(default=",", min_length=1, max_length=4)
    """CSV: text between two fields."""

    header: bool = True
    """CSV: whether the first line names the columns."""

    quote: str = Field(default='"', max_length=1)
    """CSV: character around fields that hold the delimiter; empty for none."""

    escape: str = Field(default='"', max_length=1)
    """CSV: character before a quote inside a quoted field."""

    null_values: list[str] = Field(default_factory=lambda: [""])
    """CSV: texts that stand for NULL."""

    encoding: TextEncoding = "utf-8"
    """CSV: encoding of the text: `utf-8`, `utf-16`, `latin-1`, or another one such as `windows-1252`."""

    all_text: bool = False
    """CSV: whether every column is text unless `columns` gives its type."""

    lines: bool | None = None
    """JSON: whether every line is an object of its own, or the object is one array; detected when left out."""

    compression: Literal["auto", "none", "gzip", "zstd"] = "auto"
    """CSV and JSON: compression; `auto` goes by the key's ending."""

    date_format: str | None = None
    """CSV and JSON: format of dates, such as `%d.%m.%Y`; detected when left out."""

    timestamp_format: str | None = None
    """CSV and JSON: format of timestamps, such as `%Y-%m-%d %H:%M:%S`; detected when left out."""

    sample_rows: int = Field(default=20480, ge=-1)
    """CSV and JSON: rows looked at to detect types; -1 for all."""

    hive_partitioning: bool = False
    """Whether folders named `key=value` become columns."""

    union_by_name: bool = False
    """Whether objects of one pattern may have different columns, which then meet by name."""


class S3Write(ConfigModel):
    """Where rows are written, and how."""

    path: str = Field(min_length=1)
    """Key to write; with `partition_by`, `max_rows_per_file` or another mode than replace the prefix of a data set of
    several objects."""

    format: Format | None = None
    """Format; by default the path's ending says it."""

    partition_by: list[str] = Field(default_factory=list)
    """Columns whose values become folders `key=value`."""

    max_rows_per_file: int | None = Field(default=None, ge=1)
    """Rows in one object at most."""

    compression: Literal["auto", "none", "gzip", "zstd", "snappy", "lz4"] = "auto"
    """Compression; `auto` is zstd for Parquet, and what the path's ending says for CSV and JSON."""

    delimiter: str = Field(default=",", min_length=1, max_length=1)
    """CSV: character between two fields."""

    header: bool = True
    """CSV: whether the first line names the columns."""

    null_value: str = ""
    """CSV: text that stands for NULL."""

    quote_all: bool = False
    """CSV: whether every field is quoted, which keeps empty text apart from NULL."""

    lines: bool | None = None
    """JSON: whether every row is a line of its own, or the object is one array; by default lines unless the path ends
    in `.json`."""

    date_format: str | None = None
    """CSV and JSON: format of dates, such as `%d.%m.%Y`."""

    timestamp_format: str | None = None
    """CSV and JSON: format of timestamps."""


_TEXT = {"compression", "date_format", "timestamp_format", "sample_rows"}
_CSV = {"delimiter", "header", "quote", "escape", "null_values", "null_value", "quote_all", "encoding", "all_text"}
_ONLY = {"csv": _CSV | _TEXT, "json": {"lines"} | _TEXT, "parquet": set[str]()}


def split_ending(path: str) -> tuple[Format | None, str]:
    """Return the format and the compression that a path's ending tells."""
    *_, name = path.rsplit("/", 1)
    parts = name.lower().split(".")[1:]
    packed = PACKED.get(parts[-1], "none") if parts else "none"
    if packed != "none":
        parts.pop()
    return (ENDINGS.get(parts[-1]) if parts else None), packed  # type: ignore[return-value]


def format_of(options: S3Read | S3Write) -> Format | None:
    """Return the format that is stated, else the one of the path's ending."""
    return options.format or split_ending(options.path)[0]


def is_pattern(path: str) -> bool:
    """Tell whether a path stands for several keys."""
    return "*" in path


def is_dataset(options: S3Write, mode: str) -> bool:
    """Tell whether a data set is written, or a single object."""
    return bool(options.partition_by or options.max_rows_per_file) or mode != "replace"


def is_partition_key(key: Sequence[str], partition_by: Sequence[str]) -> bool:
    """Tell whether a key names partitions, so that its rows are whole objects."""
    return {fold(name) for name in key} <= {fold(name) for name in partition_by}


def mode_objections(options: S3Write, mode: str, key: Sequence[str]) -> Iterator[Objection]:
    """Tell why rows cannot be written in a mode."""
    if mode not in ("merge", "delete_insert") or format_of(options) in (None, "parquet"):
        return
    if mode == "merge" or not is_partition_key(key, options.partition_by):
        told = f"mode {mode} writes objects anew, and only those of Parquet keep every value"
        hint = "write format: parquet, or mode: delete_insert with a key of columns under partition_by"
        yield Objection("mode", told, hint)


def config_objections(config: S3Config) -> Iterator[Objection]:
    """Tell which settings of a connection do not go together."""
    if (config.access_key_id is None) != (config.secret_access_key is None):
        lacking = "secret_access_key" if config.secret_access_key is None else "access_key_id"
        yield Objection(lacking, "access_key_id and secret_access_key go together", f"write {lacking} too")
    if config.session_token is not None and config.access_key_id is None:
        yield Objection("session_token", "session_token needs access_key_id and secret_access_key", "write them too")
    given = [n for n in ("profile", "access_key_id", "assume_role") if getattr(config, n) is not None]
    if config.anonymous and given:
        yield Objection("anonymous", f"anonymous: true makes {given[0]} ineffective", "remove one of the two")
    if config.profile is not None and config.access_key_id is not None:
        yield Objection("profile", "profile and access_key_id both bring credentials", "remove one of the two")
    if config.endpoint is not None:
        yield from _url_objections("endpoint", config.endpoint)
    if config.assume_role is not None and config.assume_role.endpoint is not None:
        yield from _url_objections("assume_role", config.assume_role.endpoint)


def _url_objections(option: str, url: str) -> Iterator[Objection]:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        parts, host = None, None
    if parts is None or parts.scheme not in ("http", "https") or not host:
        yield Objection(option, "an endpoint is a URL with http or https", "write for example https://minio.local:9000")
    elif parts.username or parts.password:
        yield Objection(option, "an endpoint holds no credentials", "write access_key_id and secret_access_key")
    elif parts.path.strip("/") or parts.query or parts.fragment:
        yield Objection(option, "an endpoint has no path", "the bucket has an option of its own, bucket")


def path_objections(options: S3Read | S3Write) -> Iterator[Objection]:
    """Tell what is wrong with the options of a source or target."""
    if options.path.startswith(("/", "s3://")):
        yield Objection("path", "a path is a key inside the bucket", "write it without the bucket and a first slash")
    known = format_of(options)
    if known is None:
        told = f"the ending of {options.path} does not tell the format"
        yield Objection("path", told, f"write format: one of {', '.join(get_args(Format))}")
        return
    reading = isinstance(options, S3Read)
    elsewhere = set().union(*_ONLY.values()) - _ONLY[known] - (set() if reading else {"compression"})
    for name in sorted(options.model_fields_set & elsewhere):
        yield Objection(name, f"{name} has no effect on {known}", "remove it, or write another format")
    if isinstance(options, S3Write):
        yield from _write_objections(options, known)


def _write_objections(options: S3Write, known: Format) -> Iterator[Objection]:
    if is_pattern(options.path):
        yield Objection("path", f"{options.path} is a pattern, not a key to write", "write a plain key", "SF512")
    if options.compression in ("snappy", "lz4") and known != "parquet":
        yield Objection("compression", f"{known} cannot be {options.compression}", "write gzip, zstd or none")
    doubled = sorted(
        {c for c in options.partition_by if [o.lower() for o in options.partition_by].count(c.lower()) > 1}
    )
    if doubled:
        yield Objection("partition_by", f"partition_by names {doubled[0]!r} twice", "name it once")
