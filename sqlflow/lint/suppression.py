"""Comments that silence a rule at a line: `# sqlflow: ignore[SF801] the reason`. In SQL they start with two dashes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlflow.problem import Mark
from sqlflow.spec import Source

_ANY = re.compile(r"(?:#|--)[ \t]*sqlflow:[ \t]*ignore\b")
_WHOLE = re.compile(r"(?:#|--)[ \t]*sqlflow:[ \t]*ignore\[(?P<codes>[A-Z]+\d+(?:[ \t]*,[ \t]*[A-Z]+\d+)*)\]"
                    r"(?P<reason>.*)")  # fmt: skip
_COMMENT = re.compile(r"\s*(#|--|$)")


@dataclass
class Suppression:
    """One comment: what it silences, and at which line. `codes` is empty when it is not written as it must be."""

    mark: Mark
    line: int
    codes: tuple[str, ...]
    reason: str
    used: set[str]


def suppressions(source: Source) -> Iterator[Suppression]:
    """Yield the comments of a text. One that stands alone speaks of the next line that is no comment."""
    for number, line in enumerate(source.lines, 1):
        started = _ANY.search(line)
        if started is None:
            continue
        mark = source.mark(number - 1, started.start())
        found = _WHOLE.match(line, started.start())
        meant = number
        if not line[: started.start()].strip():
            rest = enumerate(source.lines[number:], number + 1)
            meant = next((n for n, text in rest if not _COMMENT.match(text)), number)
        codes = tuple(code.strip() for code in found["codes"].split(",")) if found else ()
        yield Suppression(mark, meant, codes, found["reason"].strip(" \t-:") if found else "", set())
