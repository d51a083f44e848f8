"""Observers: none of them, at any time, fails a run."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlflow.run.bus import Bus
from sqlflow.sdk import Event, Observer, Redactor


class Seen(Observer):
    """Keeps what it sees."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def observe(self, event: Event) -> None:
        """Keep it."""
        self.events.append(event)


class Late(Observer):
    """Cannot be made."""

    def __init__(self) -> None:
        raise ValueError("no place to write to")

    def observe(self, event: Event) -> None:
        """Never comes."""


def test_an_observer_that_cannot_be_made_is_left_out_and_named() -> None:
    """The others are told everything, and the record says who is missing and why."""
    seen = Seen()
    bus = Bus([("seen", seen)], Redactor())
    bus.join("late", Late)
    bus.send(Event)
    assert bus.broken == ["observer late could not be made: ValueError: no place to write to"]
    assert [event.at <= datetime.now(UTC) for event in seen.events] == [True]
