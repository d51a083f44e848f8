"""What came of a test: rows that differ, as values. Knows neither documents nor engines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from msgspec import Struct, field

from sqlflow.problem import Mark, Problem

Row = Mapping[str, Any]


class Difference(Struct, frozen=True):
    """How the rows of one table are not those expected. `columns` are those that were compared.

    A pair in `changed` is a row expected and the row nearest to it.
    """

    name: str
    columns: tuple[str, ...]
    missing: tuple[Row, ...] = ()
    unexpected: tuple[Row, ...] = ()
    changed: tuple[tuple[Row, Row], ...] = ()
    note: str = ""

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.missing or self.unexpected or self.changed or self.note)


class Outcome(Struct, frozen=True):
    """What came of one test. `problem` says why it could not be run, or how it failed, `problems` where that stands."""

    name: str
    differences: tuple[Difference, ...] = ()
    problem: str = ""
    problems: tuple[Problem, ...] = ()
    place: Mark | None = None
    """Where the test stands, or the rows that it expects in vain."""
    duration_ms: float = 0.0
    recorded: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    """Rows that came where the test did not say yet what it expects, by table or export."""

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.problem and not self.differences


def compared(
    name: str, columns: Sequence[str], expected: Sequence[Row], found: Sequence[Row], *, subset: bool, ordered: bool
) -> Difference:
    """Hold rows against rows, on some columns."""
    names = tuple(columns)
    if ordered and not subset:
        return _in_order(name, names, expected, found)
    left, missing, places = list(found), [], []
    for row in expected:
        at = next((n for n, other in enumerate(left) if _same_row(row, other, names)), None)
        if at is None:
            missing.append(row)
        else:
            left.pop(at)
    note = ""
    if ordered and not missing:
        start = 0
        for row in expected:
            places = [n for n in range(start, len(found)) if _same_row(row, found[n], names)]
            if not places:
                note = "the rows are there, and not in this order"
                break
            start = places[0] + 1
    changed, missing, left = _paired(missing, left, names)
    return Difference(name, names, tuple(missing), () if subset else tuple(left), tuple(changed), note)


def _in_order(name: str, names: tuple[str, ...], expected: Sequence[Row], found: Sequence[Row]) -> Difference:
    changed = [(row, other) for row, other in zip(expected, found, strict=False) if not _same_row(row, other, names)]
    missing, more = expected[len(found) :], found[len(expected) :]
    return Difference(name, names, tuple(missing), tuple(more), tuple(changed))


def _paired(
    missing: list[Row], left: list[Row], names: tuple[str, ...]
) -> tuple[list[tuple[Row, Row]], list[Row], list[Row]]:
    """Take rows together that differ in the fewest columns, if they agree in half of them."""
    pairs: list[tuple[Row, Row]] = []
    rest: list[Row] = []
    left = list(left)
    for row in missing:
        scores = [sum(same(row.get(n), other.get(n)) for n in names) for other in left]
        best = max(scores, default=0)
        if best and best * 2 >= len(names):
            pairs.append((row, left.pop(scores.index(best))))
        else:
            rest.append(row)
    return pairs, rest, left


def _same_row(one: Row, other: Row, names: Sequence[str]) -> bool:
    return all(same(one.get(name), other.get(name)) for name in names)


def same(expected: Any, found: Any) -> bool:
    """Tell whether a value of a document is one of the database: numbers by value, times as text without their `T`."""
    if expected is None or found is None:
        return expected is None and found is None
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    numbers = (int, float, Decimal)
    if isinstance(found, numbers) and isinstance(expected, (*numbers, str)):
        try:
            left = Decimal(str(expected))
        except ArithmeticError:
            return False
        right = Decimal(str(found))
        if isinstance(found, float) or isinstance(expected, float):
            return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12) or (left.is_nan() and right.is_nan())
        return left == right
    if isinstance(found, (datetime, date, time)):
        return _moment(expected) == _moment(found)
    if isinstance(found, Mapping) and isinstance(expected, Mapping):
        return set(found) == set(expected) and all(same(expected[key], found[key]) for key in found)
    if isinstance(found, (list, tuple)) and isinstance(expected, (list, tuple)):
        return len(found) == len(expected) and all(map(same, expected, found))
    return str(expected) == str(found)


def _moment(value: Any) -> str:
    text = value.isoformat(sep=" ") if isinstance(value, datetime) else str(value)
    text = text.strip().replace("T", " ").removesuffix("Z").removesuffix("+00:00").removesuffix("+00")
    return text.removesuffix(" 00:00:00")
