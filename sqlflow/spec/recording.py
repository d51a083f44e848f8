"""Writing the rows that a test expects into its document: comments and layout of all the rest stay as they are.

Pure text; writes no file. Where rows come from, and what they mean, is not its business.
"""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as Map
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from .concrete import Piece, pieces
from .editing import CannotEdit
from .node import Source, to_data
from .text import parse, resolve

Rows = Sequence[Map[str, Any]]
WIDTH = 118
"""Characters of a line above which a row is written as a block."""
_PLAIN = re.compile(r"[^\W\d][\w./@+-]*( [\w./@+-]+)*")
_BREAK = re.compile(r"\r\n|\n|\r")
_STEP = 2


def recorded(source: Source, position: int, rows: Map[str, Rows]) -> str:
    """Return the text in which a test expects these rows, by table; no name may have rows there already.

    Raises:
        CannotEdit: it cannot be done without touching something else.

    """
    root, problems = parse(source)
    tests = _value(pieces(source.text), "tests", source.text) if root is not None and not problems else None
    if root is None or tests is None or tests.kind != "seq" or tests.items[position].kind != "map":
        raise CannotEdit("the test is an alias, or the document has problems of its own")
    text = _inserted(source.text, tests.items[position], rows)
    expected: Any = copy.deepcopy(to_data(root))
    holder = expected["tests"][position]
    wished = {name: [_data(row) for row in of] for name, of in rows.items()}
    if any((holder.get("expect") or {}).get(name) is not None for name in wished):
        raise CannotEdit("it has rows already")
    holder["expect"] = {**(holder.get("expect") or {}), **wished}
    after, problems = parse(Source(source.file, text))
    if after is None or problems or not _alike(to_data(after), expected):
        raise CannotEdit("it is laid out in a way that is not understood")
    return text


def _inserted(text: str, test: Piece, rows: Map[str, Rows]) -> str:
    expect = _value(test, "expect", text)
    if expect is None:
        last = test.items[-1]
        if test.flow:
            return f"{text[: last.end]}, expect: {_flow(rows)}{text[last.end :]}"
        return _below(text, last, _block({"expect": rows}, test.column))
    names = expect.pairs() if expect.kind == "map" else []
    if not names or (not test.flow and len(names) == len(rows)):  # none of them has rows
        if test.flow:
            return f"{text[: expect.start]}{_apart(text, expect)}{_flow(rows)}{text[expect.end :]}"
        if not expect.flow and expect.kind == "map":
            return _each(text, expect, rows)
        if "#" in text[expect.start : expect.end]:
            raise CannotEdit("a comment may stand where its rows would")
        key = next(key for key, value in test.pairs() if value is expect)
        return _under(text, key, expect, _block(rows, test.column + _STEP))
    return _each(text, expect, rows)


def _each(text: str, expect: Piece, rows: Map[str, Rows]) -> str:
    """Put rows behind each name of a mapping, the last one first, so that places stay what they are."""
    for key, value in reversed(expect.pairs()):
        name = _word(text[key.start : key.end])
        if name not in rows:
            continue
        if expect.flow:
            text = f"{text[: value.start]}{_apart(text, value)}{_flow(rows[name])}{text[value.end :]}"
        elif rows[name]:
            text = _under(text, key, value, _items(rows[name], expect.column + _STEP))
        else:
            text = f"{text[: value.start]}{_apart(text, value)}[]{text[value.end :]}"
    return text


def _apart(text: str, value: Piece) -> str:
    return "" if text[value.start - 1].isspace() else " "


def _under(text: str, key: Piece, value: Piece, lines: Iterable[str]) -> str:
    """Take the value of a key away, and put lines below it."""
    if value.end > value.start:
        colon = text.index(":", key.end) + 1
        return _below(text[:colon] + text[value.end :], Piece("scalar", key.start, colon, 0), lines)
    return _below(text, key, lines)


def _below(text: str, piece: Piece, lines: Iterable[str]) -> str:
    """Put lines below the line on which a piece ends."""
    end = piece.end
    while piece.block and text[end - 1] in "\r\n":
        end -= 1
    found = _BREAK.search(text, end)
    usual = (_BREAK.search(text) or ["\n"])[0]
    stop = found.end() if found else len(text)
    head = text[:stop] if found else text + usual
    return head + "".join(line + usual for line in lines) + text[stop:]


def _value(piece: Piece | None, name: str, text: str) -> Piece | None:
    pairs = piece.pairs() if piece is not None and piece.kind == "map" else []
    return next((value for key, value in pairs if _word(text[key.start : key.end]) == name), None)


def _word(written: str) -> str:
    if written[:1] == '"':
        return str(json.loads(written))
    return written[1:-1].replace("''", "'") if written[:1] == "'" else written


# --- rows as text


def _block(values: Map[str, Any], indent: int) -> Iterator[str]:
    """Write a mapping of tables to rows, or one such mapping under a key."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield f"{' ' * indent}{name}:"
            yield from _block(value, indent + _STEP)
        elif value:
            yield f"{' ' * indent}{_scalar(name)}:"
            yield from _items(value, indent + _STEP)
        else:
            yield f"{' ' * indent}{_scalar(name)}: []"


def _items(rows: Rows, indent: int) -> Iterator[str]:
    for row in rows:
        line = f"{' ' * indent}- {_flow(row)}"
        if len(line) <= WIDTH:
            yield line
            continue
        for number, (name, value) in enumerate(row.items()):
            yield f"{' ' * indent}{'  ' if number else '- '}{_scalar(name)}: {_flow(value)}"


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(str(key))}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_flow(inner) for inner in value) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    """Write a value so that YAML reads what a comparison takes for it."""
    data = _data(value)
    if isinstance(value, Decimal) and isinstance(data, float) and resolve(f"{value:f}") == data:
        return f"{value:f}"
    if data is None or isinstance(data, bool):
        return {None: "null", True: "true", False: "false"}[data]
    if isinstance(data, (int, float)):
        return _number(data)
    plain = type(value) is date or _PLAIN.fullmatch(data) is not None  # not every parser takes 10:00 in braces
    return data if plain and resolve(data) == data else _quoted(data)


def _number(data: float) -> str:
    if not math.isfinite(data):
        return ".nan" if data != data else ".inf" if data > 0 else "-.inf"  # noqa: PLR0124 - not a number
    return repr(data)


def _quoted(text: str) -> str:
    def shown(c: str) -> str:
        return c if c.isprintable() else f"\\u{ord(c):04x}" if ord(c) < 2**16 else f"\\U{ord(c):08x}"

    return "".join(map(shown, json.dumps(text, ensure_ascii=False)))


def _data(value: Any) -> Any:
    """Return what YAML holds of a value: a decimal is a number where that is exact, a time is its text."""
    if isinstance(value, Decimal):
        number = float(value)
        if value == value.to_integral_value() and value.as_tuple().exponent == 0:
            return int(value)
        return number if value.is_finite() and Decimal(repr(number)) == value else str(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, dict):
        return {str(key): _data(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_data(inner) for inner in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    return type(one) is type(other) and (one == other or one != one)  # noqa: PLR0124 - not a number
