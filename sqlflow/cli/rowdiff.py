"""How rows differ, as a table that can be read: not all of a thousand rows, and not all of fifty columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .render import plural, table

if TYPE_CHECKING:
    from sqlflow.spectest import Difference

ROWS = 10
"""Rows that are shown; a row that has changed stands there twice, as expected and as found."""
WIDTH = 120
"""Characters of a line above which columns are left out."""
CELL = 40
"""Characters of a value above which it is cut."""

_Line = tuple[str, ...]


def told_rows(difference: Difference) -> Iterator[str]:
    """Show rows as a table; `-` was expected, `+` is there, and what differs between two of them is marked."""
    yield f"{difference.name}: {difference.note or _counted(difference)}"
    lines, columns = list(_lines(difference)), difference.columns
    if not lines:
        return
    shown = _chosen(difference, lines)
    head = ("", *(columns[at] for at in shown))
    yield from table([(line[0], *(line[at + 1] for at in shown)) for line in lines], head).splitlines()
    if more := len(difference.changed) + len(difference.missing) + len(difference.unexpected) - ROWS:
        yield from [f"… and {more:,} more"] if more > 0 else []
    if hidden := [column for at, column in enumerate(columns) if at not in shown]:
        yield f"… and {plural(len(hidden), 'more column')}: {_cut(', '.join(hidden), WIDTH)}"


def _counted(difference: Difference) -> str:
    counts = ((difference.changed, "changed"), (difference.missing, "missing"), (difference.unexpected, "unexpected"))
    return ", ".join(f"{plural(len(rows), 'row')} {word}" for rows, word in counts if rows)


def _lines(difference: Difference) -> Iterator[_Line]:
    columns, left = difference.columns, ROWS
    for expected, found in difference.changed[:left]:
        pairs = [_pair(expected.get(column), found.get(column)) for column in columns]
        yield ("-", *(one for one, _ in pairs))
        yield ("+", *(other for _, other in pairs))
    left -= len(difference.changed[:left])
    for sign, rows in (("-", difference.missing), ("+", difference.unexpected)):
        for row in rows[:left]:
            yield (sign, *(_cut(_shown(row.get(column))) for column in columns))
        left -= len(rows[:left])


def _chosen(difference: Difference, lines: Sequence[_Line]) -> list[int]:
    """Return the columns that fit on a line by their positions: those in which rows differ, then the first ones."""
    names = difference.columns
    widths = [2 + max(len(line[at + 1]) for line in [("", *names), *lines]) for at in range(len(names))]
    differs = [any(line[at + 1].endswith(" <") for line in lines) for at in range(len(names))]
    ranked = sorted(range(len(names)), key=lambda at: (not differs[at], at))
    chosen: list[int] = []
    for at in ranked:
        if not chosen or 1 + sum(widths[other] for other in chosen) + widths[at] <= WIDTH:
            chosen.append(at)
    return sorted(chosen)


def _pair(expected: Any, found: Any) -> tuple[str, str]:
    """Show two values of one cell, long ones from where they differ."""
    from sqlflow.spectest import same

    one, other = _shown(expected), _shown(found)
    if same(expected, found):
        return _cut(one), _cut(other)
    if one == other:
        one, other = repr(expected), repr(found)
    start = 0
    if max(len(one), len(other)) > CELL:
        alike = (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
        start = max(next(alike, min(len(one), len(other))) - CELL // 4, 0)
    dots = "…" if start else ""
    return _cut(dots + one[start:]), f"{_cut(dots + other[start:])} <"


def _shown(value: Any) -> str:
    if isinstance(value, str) and (not value.isprintable() or value != value.strip() or value in ("", "NULL")):
        return json.dumps(value, ensure_ascii=False)
    return "NULL" if value is None else str(value)


def _cut(text: str, most: int = CELL) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
