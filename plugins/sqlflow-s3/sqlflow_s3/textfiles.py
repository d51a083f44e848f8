"""CSV and JSON: fetched objects as SQL that DuckDB runs itself.

Every part of the format is stated, so that nothing but the types of columns is ever guessed.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlflow.sdk import (
    ENCODING_HINT,
    ENGINE_ENCODINGS,
    UNKNOWN_KEY,
    ReadRequest,
    Select,
    StepError,
    fold,
    literal,
    quote,
    recode,
    refuse_unknown_keys,
)

from .access import url
from .config import S3Config, S3Read, split_ending
from .spool import Spool, check_size

HEAD = 65_536
TAIL = 8_192
_OTHERS = (";", "\t", "|", ",")


def read_csv(request: ReadRequest, spool: Spool) -> Select:
    """Say how DuckDB reads the spooled files as CSV."""
    options: S3Read = request.options
    config: S3Config = request.config
    for source in spool.objects:
        check_size(source, config, "a CSV file needs at least its header line")
    ordered = True
    names: tuple[str, ...] = ()
    if options.encoding not in ENGINE_ENCODINGS:
        options = _in_utf8(spool, config, options)
    for file in spool.files:
        _unpad(file, options)
    if options.header:
        ordered, names = _same_columns(spool, config, options)
    declared = {fold(name): kind for name, kind in request.delta.types.items()}
    declared |= {fold(name): spec.type for name, spec in request.columns.items()}
    types = {name: declared[fold(name)] for name in names if fold(name) in declared}
    settings = {
        "delim": options.delimiter,
        "header": options.header,
        "quote": options.quote,
        "escape": options.escape,
        "skip": 0,
        "comment": "",
        "encoding": options.encoding,
        "nullstr": options.null_values,
        "dateformat": options.date_format,
        "timestampformat": options.timestamp_format,
        "all_varchar": options.all_text or None,
        "hive_partitioning": options.hive_partitioning,
        "union_by_name": options.union_by_name or not ordered or None,
        "sample_size": options.sample_rows,
        "compression": None if options.compression == "auto" else options.compression,
    }

    def scan(known: Mapping[str, str]) -> str:
        return f"{_selected(options)} FROM read_csv({_files(spool)}{_arguments({**settings, 'types': known or None})})"

    folders = _partitions(spool) if options.hive_partitioning else frozenset()

    def typed(known: Mapping[str, str]) -> str:
        return scan({name: kind for name, kind in known.items() if fold(name) not in folders})

    return Select(
        "duckdb",
        scan(types),
        explain=lambda text: _csv_fault(text, spool, config),
        cleanup=spool.remove,
        typed=None if options.all_text else typed,
        textual=True,
    )


def read_json(request: ReadRequest, spool: Spool) -> Select:
    """Say how DuckDB reads the spooled files as JSON."""
    options: S3Read = request.options
    config: S3Config = request.config
    for source in spool.objects:
        check_size(source, config, "a JSON file without rows is []")
    settings = {
        "format": {None: "auto", True: "newline_delimited", False: "array"}[options.lines],
        "dateformat": options.date_format,
        "timestampformat": options.timestamp_format,
        "hive_partitioning": options.hive_partitioning,
        "union_by_name": options.union_by_name or None,
        "sample_size": options.sample_rows,
        "compression": None if options.compression == "auto" else options.compression,
    }

    def scan(types: Mapping[str, str] | None = None) -> str:
        sql = f"{_selected(options)} FROM read_json({_files(spool)}{_arguments({**settings, 'columns': types})})"
        if not types or options.sample_rows == -1 or options.select:
            return sql
        objects = {name: settings[name] for name in ("format", "compression")}
        return f"{sql} WHERE {refuse_unknown_keys(f'read_json_objects({_files(spool)}{_arguments(objects)})', types)}"

    explain = lambda text: _json_fault(text, spool, config)  # noqa: E731 - it is handed over, not called here
    return Select("duckdb", scan(), explain=explain, cleanup=spool.remove, typed=scan)


def _partitions(spool: Spool) -> frozenset[str]:
    """Return the folded names of the columns that stand in the names of folders."""
    return frozenset(fold(part.partition("=")[0]) for file in spool.files for part in file.parts if "=" in part)


def _selected(options: S3Read) -> str:
    return f"SELECT {', '.join(quote(name) for name in options.select) or '*'}"


def _files(spool: Spool) -> str:
    """Write the files as a list; characters that the engine would expand are escaped."""
    names = ["".join(f"[{c}]" if c in "*?[" else c for c in str(file)) for file in spool.files]
    return literal(names)


def _arguments(values: Mapping[str, Any]) -> str:
    return "".join(f", {name} = {_argument(value)}" for name, value in values.items() if value is not None)


def _argument(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    return literal(value)


def packing(file: Path, options: S3Read) -> str | None:
    """Return how a file is compressed, as Arrow calls it; None when it is not."""
    kind = split_ending(file.name)[1] if options.compression == "auto" else options.compression
    return None if kind == "none" else kind


def _in_utf8(spool: Spool, config: S3Config, options: S3Read) -> S3Read:
    """Turn the spooled files into UTF-8 that is not compressed, and return the options that read them."""
    import pyarrow as pa

    for file, source in zip(spool.files, spool.objects, strict=True):
        target = file.with_name(f"{file.name}.utf-8")
        try:
            with pa.input_stream(str(file), compression=packing(file, options)) as stream:
                recode(stream, target, options.encoding, url(config, source.key))
        except (OSError, pa.ArrowException) as error:
            told = f"{url(config, source.key)} cannot be unpacked: {error}"
            raise StepError(told, hint="it may have been cut off while it was copied", code="SF511") from error
        target.replace(file)
    return options.model_copy(update={"encoding": "utf-8", "compression": "none"})


def _unpad(file: Path, options: S3Read) -> None:
    """Cut spaces off the end of a file that does not end in a newline: they are no part of its last field."""
    if options.encoding == "utf-16" or packing(file, options) is not None:
        return
    with file.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(size - TAIL, 0))
        tail = stream.read()
    stripped = tail.rstrip(bytes(set(b" \t") - set(options.delimiter.encode())))
    if stripped and not stripped.endswith((b"\n", b"\r")):
        os.truncate(file, size - len(tail) + len(stripped))


def _header(file: Path, what: str, options: S3Read) -> list[str]:
    """Read the names of the columns."""
    import pyarrow as pa

    try:
        with pa.input_stream(str(file), compression=packing(file, options)) as stream:
            head = stream.read(HEAD)
    except (OSError, pa.ArrowException) as error:
        hint = "it may have been cut off while it was copied, or compression does not fit"
        raise StepError(f"{what} cannot be unpacked: {error}", hint=hint, code="SF511") from error
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") and options.encoding != "utf-16":
        raise StepError(f"{what} is UTF-16 text", hint="write encoding: utf-16", code="SF511")
    text = head.decode("utf-8-sig" if options.encoding == "utf-8" else options.encoding, errors="ignore")
    lines = (line for line in text.splitlines(keepends=True) if line.strip())
    found = csv.reader(
        lines,
        delimiter=options.delimiter[0],
        quotechar=options.quote or None,
        quoting=csv.QUOTE_MINIMAL if options.quote else csv.QUOTE_NONE,
    )
    try:
        first = next(found, [])
    except csv.Error:
        return []
    if not first:
        raise StepError(f"{what} has no header line", hint="write header: false, or mend it", code="SF511")
    if len(first) == 1:
        for other in _OTHERS:
            if other != options.delimiter and other in first[0]:
                told = f"{what} has one column named {first[0][:60]!r}: no {options.delimiter!r} is in its first line"
                raise StepError(told, hint=f"write delimiter: {other!r}", code="SF511")
    return first


def _same_columns(spool: Spool, config: S3Config, options: S3Read) -> tuple[bool, tuple[str, ...]]:
    """Return whether all files have their columns in one order, and the names of all columns."""
    whats = [url(config, source.key) for source in spool.objects]
    headers = [_header(file, what, options) for file, what in zip(spool.files, whats, strict=True)]
    if len(options.delimiter) > 1:  # not split here, so nothing can be said of the names
        return True, ()
    first = headers[0]
    for what, header in zip(whats, headers, strict=True):
        differ = sorted(set(first) ^ set(header))
        if differ and not options.union_by_name:
            raise StepError(
                f"{what} has other columns than {whats[0]}: {', '.join(differ)}",
                hint="write union_by_name: true to let columns meet by name, NULL where one lacks",
                code="SF511",
            )
    return all(header == first for header in headers), tuple(dict.fromkeys(n for h in headers for n in h))


def _csv_fault(message: str, spool: Spool, config: S3Config) -> StepError | None:
    """Turn the engine's error over CSV into what a person can act on."""
    shown = spool.named(message, config)
    file = re.search(r"(?:file|File Name|path)\s*:?\s*\"?(s3://[^\"\n]*)", shown)
    what = file[1].strip() if file else url(config, spool.objects[0].key)
    if re.search(r"invalid unicode|byte sequence|is not [\w-]+ encoded", message, re.IGNORECASE):
        return StepError(f"{what} is not the text that encoding says", hint=ENCODING_HINT, code="SF511")
    if at := re.search(r"CSV Error on Line: (\d+)", message):
        original = re.search(r"Original Line: ?(.*)", message)
        why = re.search(r'(Error when converting column "[^"]+"\. .*?)(?:\n|$)', message)
        told = why[1] if why else next(iter(message.split("\n")[2:3]), "")
        line = f": {original[1].strip()[:120]}" if original else ""
        hint = "declare the column's type under columns, name the text that means NULL under null_values, or mend it"
        return StepError(f"{what}, line {at[1]}{line}\n  {told}", hint=hint, code="SF511")
    if "sniffing file" in message:
        told = f"{what} is not CSV with delimiter, quote and header as stated: its lines differ in their fields"
        return StepError(told, hint="mend the line that is short or long, or correct the options", code="SF511")
    if re.search(r"gzip|zlib|zstd|decompress|inflate", message, re.IGNORECASE):
        hint = "it may have been cut off while it was copied"
        return StepError(f"{what} cannot be unpacked: {shown.splitlines()[0]}", hint=hint, code="SF511")
    return StepError(shown, code="SF511") if shown != message else None


def _json_fault(message: str, spool: Spool, config: S3Config) -> StepError | None:
    """Turn the engine's error over JSON into what a person can act on."""
    shown = spool.named(message, config).splitlines()[0].split(" Try ")[0]
    if UNKNOWN_KEY in message:
        told = f"an object of {url(config, spool.objects[0].key)} has {shown[shown.index(UNKNOWN_KEY) :]}"
        return StepError(told, hint="write sample_rows: -1 to look at every object first", code="SF511")
    if "sample_size" in message or "ignore_errors" in message:
        hint = "write sample_rows: -1 to look at every object first, or declare the column's type under columns"
        return StepError(shown, hint=hint, code="SF511")
    if str(spool.folder) in message or "JSON" in message:
        return StepError(shown, hint="mend the file; with lines: true every line is one object", code="SF511")
    return None
