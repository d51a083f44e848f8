"""Problems, errors and tables as text. Colour only where a person looks."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from sqlflow.errors import DocumentError, SQLFlowError
from sqlflow.problem import Mark, Problem

_CODES = {"red": "31", "yellow": "33", "green": "32", "blue": "34", "dim": "2", "bold": "1"}
MAX_LINE = 160


def coloured(stream: TextIO) -> bool:
    """Tell whether a stream takes colour: a terminal, unless NO_COLOR is set; FORCE_COLOR overrides."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def paint(text: str, colour: str, stream: TextIO | None = None) -> str:
    """Colour a text for a stream."""
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if coloured(stream or sys.stdout) else text


def problem_text(problem: Problem, stream: TextIO) -> str:
    """Return a problem as it is shown: place, code, message, the source line with a caret, the hint."""
    where = f"{problem.mark}: " if problem.mark else ""
    colour = {"error": "red", "warning": "yellow"}.get(problem.severity, "blue")
    kind = "" if problem.severity == "error" else f"{problem.severity}: "
    lines = [f"{paint(where, 'bold', stream)}{paint(problem.code, colour, stream)} {kind}{problem.message}"]
    if problem.mark and problem.mark.text.strip():
        lines += excerpt(problem.mark, stream)
    lines += [f"   also at {mark}" for mark in problem.related]
    if problem.hint:
        first, *rest = problem.hint.split("\n")
        lines.append(f"   {paint('hint:', 'green', stream)} {first}")
        lines += [f"         {line}" for line in rest]
    return "\n".join(lines)


def excerpt(mark: Mark, stream: TextIO) -> list[str]:
    """Return the line of a place with a caret below its word; a long line is shown around it."""
    text, column, start = mark.text, mark.column, 0
    if len(text) > MAX_LINE:
        start = max(0, min(column - MAX_LINE // 2, len(text) - MAX_LINE))
    shown = text[start : start + MAX_LINE].expandtabs(1)
    position = column - 1 - start
    width = min(mark.width, max(1, len(shown) - position))
    number = f"{mark.line:5}"
    return [
        f"{number} | {shown}",
        f"{' ' * len(number)} | {' ' * position}{paint('^' * width, 'red', stream)}",
    ]


def show_problems(problems: Iterable[Problem], stream: TextIO) -> None:
    """Print problems one after another."""
    for problem in problems:
        print(problem_text(problem, stream), file=stream)


def show_error(error: SQLFlowError, *, machine: bool = False) -> None:
    """Print an error to standard error; for a machine as JSON, to where its answer would be."""
    stream = sys.stderr
    if machine:
        own = (Problem(error.code or "SF700", error.message, None, error.hint),)
        problems = error.problems if isinstance(error, DocumentError) else own
        files = dict.fromkeys(problem.mark.file for problem in problems if problem.mark is not None)
        show_json({"files": list(files), "problems": [problem_data(problem) for problem in problems]})
        return
    if isinstance(error, DocumentError):
        show_problems(error.problems, stream)
        count = sum(p.severity == "error" for p in error.problems)
        print(plural(count, "problem"), file=stream)
        return
    code = f"{paint(error.code, 'red', stream)} " if error.code else ""
    print(f"{paint('error:', 'red', stream)} {code}{error.message}", file=stream)
    if error.hint:
        print(f"   {paint('hint:', 'green', stream)} {error.hint}", file=stream)


def problem_data(problem: Problem) -> dict[str, Any]:
    """Return a problem as JSON-ready data."""
    mark = problem.mark
    return {
        "code": problem.code,
        "severity": problem.severity,
        "message": problem.message,
        "file": mark.file if mark else None,
        "line": mark.line if mark else None,
        "column": mark.column if mark else None,
        "hint": problem.hint,
        "related": [{"file": m.file, "line": m.line, "column": m.column} for m in problem.related],
    }


def show_json(data: Any) -> None:
    """Print data as JSON."""
    print(json.dumps(data, indent=2, default=str))


def plural(count: int, noun: str) -> str:
    """Say how many there are of something."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def duration(milliseconds: float) -> str:
    """Say how long something took."""
    if milliseconds < 1000:  # noqa: PLR2004 - a second
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds // 60:.0f} min {seconds % 60:.0f} s"  # noqa: PLR2004


def table(rows: Sequence[Sequence[Any]], head: Sequence[str], *, align_right: Sequence[int] = ()) -> str:
    """Return rows as aligned columns below their heads."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(head), *cells]) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        shown = [
            c.rjust(w) if i in align_right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(shown).rstrip()

    return "\n".join([line(head), line(["-" * w for w in widths]), *(line(row) for row in cells)])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return " ".join(str(value).split("\n"))
