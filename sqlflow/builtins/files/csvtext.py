"""Looking into the text of a CSV file: its columns, and what is wrong with it in words that help.

Reads the first and the last kilobytes. Types and values are the engine's work.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from sqlflow.sdk import ENCODING_HINT, StepError

from .csvformat import CsvRead
from .local import compression_of, not_packed

HEAD = 65_536
TAIL = 8_192
LONGEST_SEARCH = 50_000_000
_OTHERS = (";", "\t", "|", ",")
_NAMES = {";": '";"', "\t": '"\\t" (tab)', "|": '"|"', ",": '","'}


class CsvShape(Struct, frozen=True):
    """What the text shows: the names of the columns, and a fault that makes reading pointless."""

    columns: tuple[str, ...] = ()
    fatal: StepError | None = None


def inspect(path: Path, options: CsvRead) -> CsvShape:
    """Look at the head and the tail of a file."""
    try:
        if path.stat().st_size and (fault := not_packed(path, options.compression)):
            return CsvShape(fatal=fault)
        head, tail = _ends(path, options)
    except (gzip.BadGzipFile, zlib.error) as error:
        return CsvShape(fatal=_fault(f"{path.name} cannot be unpacked: {error}", "fetch the file again"))
    except OSError as error:
        return CsvShape(fatal=_fault(f"cannot read {path}: {error.strerror}", "check its permissions", "permission"))
    except EOFError:
        return CsvShape(fatal=_fault(f"{path.name} is cut off: its compression ends too early", "fetch the file again"))
    if not head.strip():
        return CsvShape(fatal=_fault(f"{path.name} is empty", "a CSV file needs at least its header line"))
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") and options.encoding != "utf-16":
        return CsvShape(fatal=_fault(f"{path.name} is UTF-16 text", "write encoding: utf-16"))
    try:
        text = head.decode("utf-8-sig" if options.encoding == "utf-8" else options.encoding, errors="ignore")
    except UnicodeDecodeError:
        text = ""
    rows = _rows(text, options)
    first = rows[0] if rows else []
    if len(first) == 1 and options.header:
        for other in _OTHERS:
            if other != options.delimiter and other in first[0]:
                shown = _NAMES[other]
                return CsvShape(
                    fatal=_fault(
                        f"{path.name} has one column named {first[0][:60]!r}: "
                        f"its fields are not separated by {options.delimiter!r}",
                        f"write delimiter: {shown.split(' ')[0]}",
                    )
                )
    if not options.header:
        width = len(str(max(len(first) - 1, 0)))
        return CsvShape(tuple(f"column{position:0{width}d}" for position in range(len(first))))  # as DuckDB names them
    whole = options.encoding != "utf-16" and (not options.quote or tail.count(options.quote.encode()) % 2 == 0)
    last = _rows(tail.decode(options.encoding, errors="ignore"), options, skip=0)[-1:] if tail and whole else []
    if last and last[0] and len(last[0]) < len(first) and not options.null_padding:
        number = _line_count(path) if len(head) == path.stat().st_size else None
        line = f"line {number}" if number else "the last line"
        return CsvShape(tuple(first), fatal=_short_line(path, line, len(last[0]), len(first)))
    return CsvShape(tuple(first))


def complaint(message: str, files: Sequence[str], options: CsvRead) -> StepError | None:
    """Turn the engine's error over CSV files into what a person can act on; the message names the file."""
    path = next((Path(f) for f in files if Path(f).name in message), Path(files[0]))
    name = path.name
    if "Maximum line size" in message:
        size = re.search(r"Actual Size: ?(\d+)", message)
        at = re.search(r"CSV Error on Line: (\d+)", message)
        where = f", line {at[1]}" if at else ""
        told = f"{name}{where} has {size[1] if size else 'too many'} bytes, more than max_line_size allows"
        return _fault(told, f"write max_line_size: {2 * int(size[1]) if size else 10_000_000}, or close an open quote")
    if "sniffing file" in message or "Expected Number of Columns" in message or "CSV Error on Line" in message:
        found = _first_ragged(path, options)
        if found is not None and not (found[1] < found[2] and options.null_padding):
            return _short_line(path, f"line {found[0]}", found[1], found[2])
    if re.search(r"invalid unicode|byte sequence|is not [\w-]+ encoded", message, re.IGNORECASE):
        return _fault(
            f"{name} is not {options.encoding} text",
            ENCODING_HINT,
        )
    if at := re.search(r"CSV Error on Line: (\d+)", message):
        original = re.search(r"Original Line: ?(.*)", message)
        why = re.search(r'(Error when converting column "[^"]+"\. .*?)(?:\n|$)', message)
        shown = f": {original[1].strip()[:120]}" if original else ""
        told = (
            why[1] if why else message.split("\n")[2] if message.count("\n") > 1 else message.split("\n", maxsplit=1)[0]
        )
        return _fault(
            f"{name}, line {at[1]}{shown}\n  {told}",
            "declare the column's type under columns, or name the text that means NULL under null_values",
        )
    packed = path.suffix in (".gz", ".zst") or options.compression in ("gzip", "zstd")
    if packed and re.search(r"gzip|zlib|zstd|decompress|inflate", message, re.IGNORECASE):
        what = message.splitlines()[0]
        return _fault(f"{name} cannot be unpacked: {what}", "it may have been cut off while copied; fetch it again")
    broken = "sniffing file" in message or "state machine" in message
    if broken and _mixed_ends(path):
        return _fault(f"{name} mixes two kinds of line ends", "convert it so that every line ends the same way")
    if broken:
        return _fault(
            f"{name} does not have the format that the options say",
            "check delimiter, quote, escape and skip; null_padding: true fills short lines",
        )
    return None


def same_columns(files: Sequence[str], first: CsvShape, options: CsvRead) -> tuple[bool, StepError | None]:
    """Tell whether all files name their columns in the order of the first, or why they cannot be read as one table."""
    ordered = True
    for file in files[1:]:
        shape = inspect(Path(file), options)
        if shape.fatal is not None:
            return ordered, shape.fatal
        differ = sorted(set(first.columns) ^ set(shape.columns))
        if differ and not options.union_by_name:
            where = "only there" if set(differ) <= set(shape.columns) else "not there"
            told = f"{Path(file).name} has other columns than {Path(files[0]).name}: {', '.join(differ)} ({where})"
            return ordered, _fault(told, "write union_by_name: true to let columns meet by name, NULL where one lacks")
        ordered = ordered and shape.columns == first.columns
    return ordered, None


def _mixed_ends(path: Path) -> bool:
    if path.suffix in (".gz", ".zst") or path.stat().st_size > LONGEST_SEARCH:
        return False
    data = path.read_bytes()
    return 0 < data.count(b"\r\n") < data.count(b"\n")


def _short_line(path: Path, line: str, found: int, expected: int) -> StepError:
    fewer = found < expected
    hint = (
        "write null_padding: true to fill short lines with NULL, or mend the line"
        if fewer
        else ("quote fields that hold the delimiter, or mend the line")
    )
    return _fault(f"{path.name}, {line}: {found} fields, expected {expected}", hint)


def _fault(message: str, hint: str, kind: str = "bad_data") -> StepError:
    return StepError(message, hint=hint, code="SF511", kind=kind)  # type: ignore[arg-type]


def _ends(path: Path, options: CsvRead) -> tuple[bytes, bytes]:
    """Return the first bytes, and the last ones of a file that is not compressed."""
    packed = compression_of(options.compression, path.name)
    if packed == "gzip":
        with gzip.open(path) as stream:
            return stream.read(HEAD), b""
    if packed == "zstd":
        return (b"\x00" if path.stat().st_size else b""), b""  # not looked into; the engine reads it
    with path.open("rb") as stream:
        head = stream.read(HEAD)
        size = stream.seek(0, io.SEEK_END)
        stream.seek(max(size - TAIL, 0))
        tail = stream.read()
    return head, (b"" if tail.endswith((b"\n", b"\r")) else tail[tail.rfind(b"\n") + 1 :])


def _rows(text: str, options: CsvRead, skip: int | None = None) -> list[list[str]]:
    """Split text into fields as the options say; comments and skipped lines left out."""
    lines = text.splitlines(keepends=True)[options.skip if skip is None else skip :]
    if options.comment:
        lines = [line for line in lines if not line.startswith(options.comment)]
    reader = csv.reader(
        iter(lines),
        delimiter=options.delimiter[0],
        quotechar=options.quote or None,
        quoting=csv.QUOTE_MINIMAL if options.quote else csv.QUOTE_NONE,
    )
    try:
        return [row for row in reader if row]
    except csv.Error:
        return []


def _first_ragged(path: Path, options: CsvRead) -> tuple[int, int, int] | None:
    """Find the first line whose number of fields is not the header's: line, found, expected."""
    if path.stat().st_size > LONGEST_SEARCH or path.suffix == ".zst":
        return None
    opener = gzip.open if path.suffix == ".gz" else Path.open
    with opener(path, "rt", encoding=options.encoding, errors="replace", newline="") as stream:
        for _ in range(options.skip):
            next(stream, None)
        reader = csv.reader(
            stream,
            delimiter=options.delimiter[0],
            quotechar=options.quote or None,
            quoting=csv.QUOTE_MINIMAL if options.quote else csv.QUOTE_NONE,
        )
        expected = 0
        try:
            for row in reader:
                expected = expected or len(row)
                if row and len(row) != expected:
                    return reader.line_num + options.skip, len(row), expected
        except csv.Error:
            return None
    return None


def _line_count(path: Path) -> int:
    data = path.read_bytes()
    return data.count(b"\n") + (0 if data.endswith(b"\n") else 1)
