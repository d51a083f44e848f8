"""Records on their way into a local file, one line each, and back from a line to the page that it came in."""

from __future__ import annotations

import bisect
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlflow.sdk import StepError, normal_type

from . import jsontext
from .paging import Pages
from .shape import Shape

_INTERNAL = re.compile(r" to (U?INT(?:8|16|32|64|128)|FLOAT|DOUBLE|BOOL)\b")
_KEY = re.compile(r"has unknown key \S+|does not have key \S+")
_NAMES = {
    "INT8": "TINYINT",
    "INT16": "SMALLINT",
    "INT32": "INTEGER",
    "INT64": "BIGINT",
    "INT128": "HUGEINT",
    "UINT8": "UTINYINT",
    "UINT16": "USMALLINT",
    "UINT32": "UINTEGER",
    "UINT64": "UBIGINT",
    "UINT128": "UHUGEINT",
    "BOOL": "BOOLEAN",
}
"""What DuckDB's errors call a type, and what it is called in SQL."""


@dataclass
class Spool:
    """A file of records: each line holds the fields of one, each field as the JSON text that it came as."""

    file: Path
    what: str
    longest: int = 0
    """Bytes of the longest line."""
    _starts: list[int] = field(default_factory=list)
    _pages: list[int] = field(default_factory=list)

    def fill(self, pages: Pages, shape: Shape, *, flatten: bool) -> None:
        """Write every record of every page.

        Raises:
            StepError: a record is no object, has a field twice, or holds what is no text.

        """
        lines = 0
        with self.file.open("w", encoding="ascii") as out:
            for number, records in pages:
                self._starts.append(lines)
                self._pages.append(number)
                for position, (value, text) in enumerate(records, 1):
                    where = f"{self.what}, page {number}, record {position}"
                    written = json.dumps(_line(value, text, where, shape, flatten=flatten))
                    self.longest = max(self.longest, len(written))
                    out.write(written + "\n")
                lines += len(records)

    def complaint(self, text: str, types: Mapping[str, str]) -> StepError | None:
        """Say which field of which record a failed cast is about; None when it cannot be told."""
        internal = _INTERNAL.search(text)
        wanted = _NAMES.get(internal[1], internal[1]) if internal else None
        casts = {
            name: normal_type(kind) for name, kind in types.items() if normal_type(kind) not in ("VARCHAR", "JSON")
        }
        key = _KEY.search(text)
        why = f", which {key[0]}" if key else ""
        suspects = {name: kind for name, kind in casts.items() if wanted in (None, kind)}
        with self.file.open(encoding="ascii") as lines:
            for at, line in enumerate(lines):
                for name, raw in json.loads(line).items():
                    if raw is None or name not in suspects:
                        continue
                    if _told(raw, text):
                        loose = "json" if raw.startswith(("{", "[")) else "varchar"
                        return StepError(
                            f"column {name!r} is to be {suspects[name]} but holds {raw[:100]}{why} ({self._where(at)})",
                            hint=f"write columns: {{{name}: {loose}}}, and cast it in a transform",
                            code="SF710",
                        )
        return None

    def _where(self, line: int) -> str:
        page = bisect.bisect_right(self._starts, line) - 1
        return f"{self.what}, page {self._pages[page]}, record {line - self._starts[page] + 1}"


def _told(raw: str, text: str) -> bool:
    """Tell whether an error quotes this value."""
    if raw.startswith(("{", "[")):
        return json.dumps(json.loads(raw), separators=(",", ":"), ensure_ascii=False) in text
    value = json.loads(raw) if raw.startswith('"') else raw
    return f"'{value}'" in text or f'"{value}"' in text


def _line(value: Any, text: str, where: str, shape: Shape, *, flatten: bool) -> dict[str, str | None]:
    if not isinstance(value, dict):
        raise StepError(f"{where} is {jsontext.kind(value)}, not an object", hint="check records", code="SF511")
    if "\\u" in text:
        _all_text(value, where)
    line: dict[str, str | None] = {}
    for name, inner, raw in _fields(text, flatten=flatten):
        if not name:
            raise StepError(f"{where} has a field without a name", hint="check records", code="SF511")
        if name in line:
            hint = "leave flatten out, so that objects stay JSON" if flatten else "this is a fault of the API"
            raise StepError(f"{where} has the field {name!r} twice", hint=hint, code="SF511")
        shape.see(name, inner, raw, where)
        line[name] = None if inner is None else raw
    return line


def _all_text(value: dict[str, Any], where: str) -> None:
    for name, inner in value.items():
        try:
            json.dumps([name, inner], ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            half = f"\\u{ord(error.object[error.start]):x}"
            told = f"{where}: the field {name!a} holds {half}, half of a character"
            raise StepError(told, hint="this is a fault of the API; it cuts text in the middle", code="SF511") from None


def _fields(text: str, *, flatten: bool, prefix: str = "") -> Iterator[tuple[str, Any, str]]:
    for key, inner, raw, _ in jsontext.members(text):
        if flatten and isinstance(inner, dict) and inner:
            yield from _fields(raw, flatten=True, prefix=f"{prefix}{key}__")
        else:
            yield prefix + key, inner, raw
