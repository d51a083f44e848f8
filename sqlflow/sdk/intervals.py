"""The intervals of a batched transform: a grid in time, what of it is finished, and what is missing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta

from msgspec import Struct

from sqlflow.errors import StepError

DAY = timedelta(days=1)


class Span(Struct, frozen=True, order=True):
    """A stretch of time in UTC; `end` is not part of it."""

    start: datetime
    end: datetime


class Grid(Struct, frozen=True):
    """Intervals of one size, side by side from `origin` on. `whole_days`: its bounds are dates."""

    origin: datetime
    size: timedelta

    @property
    def whole_days(self) -> bool:
        """Whether every bound is a midnight, so that bounds are dates."""
        return not self.size % DAY and self.origin == self.origin.replace(hour=0, minute=0, second=0, microsecond=0)

    def bound(self, moment: datetime) -> date | datetime:
        """Return a bound as a query takes it."""
        return moment.date() if self.whole_days else moment

    def between(self, start: datetime, end: datetime, *, partial: bool = False) -> Iterator[Span]:
        """Yield the cells inside of a stretch; with `partial` also those that it only touches."""
        first = max((start - self.origin) // self.size, 0)
        cell = self.origin + first * self.size
        while cell < end:
            span = Span(cell, cell + self.size)
            inside = span.start >= start and span.end <= end
            if inside or (partial and span.end > start):
                yield span
            cell = span.end


def parse_moment(text: str, *, what: str) -> datetime:
    """Read a date or a timestamp as UTC without a zone.

    Raises:
        StepError: the text is neither.

    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        hint = "write it as 2024-01-31 or 2024-01-31T12:00:00"
        raise StepError(f"{what}: {text!r} is not a date or a timestamp", hint=hint, code="SF733") from None
    return naive(moment)


def naive(moment: datetime) -> datetime:
    """Return a moment in UTC without its zone."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def missing(cells: Iterable[Span], finished: Iterable[Span]) -> list[Span]:
    """Return the cells that finished spans, taken together, do not cover."""
    covered = merged(finished)
    return [cell for cell in cells if not any(s.start <= cell.start and cell.end <= s.end for s in covered)]


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return spans that cover the same, none of which touches another."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found
