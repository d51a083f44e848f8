"""Comments that silence a rule at a line: `# sqlflow: ignore[SF801] the reason`. In SQL they start with two dashes.

What looks like one within a text, of YAML or of SQL, is no comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate

from msgspec import Struct

from sqlflow.problem import Mark
from sqlflow.spec import Node, Source, scalars

_ANY = re.compile(r"(?:#|--)[ \t]*sqlflow:[ \t]*ignore\b")
_WHOLE = re.compile(r"(?:#|--)[ \t]*sqlflow:[ \t]*ignore\[(?P<codes>[A-Z]+\d+(?:[ \t]*,[ \t]*[A-Z]+\d+)*)\]"
                    r"(?P<reason>.*)")  # fmt: skip
_COMMENT = re.compile(r"\s*(#|--|$)")
_SQL = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|/\*.*?\*/|(?P<comment>--[^\n]*)""", re.DOTALL)
"""What holds any characters in SQL."""


class Suppression(Struct):
    """One comment: what it silences, and at which line. `codes` is empty when it is not written as it must be."""

    mark: Mark
    line: int
    codes: tuple[str, ...]
    reason: str
    used: set[str]


def suppressions(source: Source, root: Node | None = None) -> Iterator[Suppression]:
    """Yield the comments of a text. One that stands alone speaks of the next line that is no comment.

    `root` is what the text says as YAML; without it, it is SQL.
    """
    if _ANY.search(source.text) is None:
        return
    starts = [0, *accumulate(len(line) for line in source.text.splitlines(keepends=True))]
    comments = list(_sql_comments(source.text) if root is None else _comments(source.text, starts, root))
    for number, line in enumerate(source.lines, 1):
        started = _ANY.search(line)
        if started is None or not any(a <= starts[number - 1] + started.start() < b for a, b in comments):
            continue
        mark = source.mark(number - 1, started.start())
        found = _WHOLE.match(line, started.start())
        meant = number
        if not line[: started.start()].strip():
            rest = enumerate(source.lines[number:], number + 1)
            meant = next((n for n, text in rest if not _COMMENT.match(text)), number)
        codes = tuple(code.strip() for code in found["codes"].split(",")) if found else ()
        yield Suppression(mark, meant, codes, found["reason"].strip(" \t-:") if found else "", set())


def _comments(text: str, starts: list[int], root: Node) -> Iterator[tuple[int, int]]:
    """Yield where comments can be in YAML: anywhere between its values, and in the SQL of these."""
    position = 0
    for start, node in sorted(((starts[n.line] + n.column, n) for n in scalars(root)), key=lambda found: found[0]):
        yield position, start
        inner = start + (node.style in ("'", '"'))
        if node.style in ("|", ">"):  # which may have a comment of its own
            inner = text.find("\n", start, node.end)
            yield start, inner
        yield from ((inner + a, inner + b) for a, b in _sql_comments(text[inner : node.end]))
        position = max(position, node.end)
    yield position, len(text)


def _sql_comments(sql: str) -> Iterator[tuple[int, int]]:
    for found in _SQL.finditer(sql):
        if found["comment"] is not None:
            yield found.span()
