"""Whoever watches a run: a terminal, a journal, a tracer, a plugin."""

from __future__ import annotations

from typing import Protocol

from .events import Event


class Observer(Protocol):
    """Receives every event of one run, in order, from one thread at a time.

    Texts in events are already free of secrets. An observer that raises is reported once and then left out;
    it never fails a run.
    """

    def observe(self, event: Event) -> None:
        """Take note of one event."""
