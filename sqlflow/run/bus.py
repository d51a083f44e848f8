"""One way for everything that happens: secrets masked, one observer after another, none able to fail a run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from sqlflow.sdk import Event, Observer, Redactor


class Bus:
    """Hands events to observers, in order, from one thread at a time."""

    def __init__(self, observers: Sequence[tuple[str, Observer]], redactor: Redactor) -> None:
        self._observers = list(observers)
        self._redactor = redactor
        self._lock = threading.Lock()
        self.broken: list[str] = []

    def join(self, name: str, make: Callable[[], Observer]) -> None:
        """Make an observer and tell it everything from now on; one that cannot be made is named in `broken`."""
        try:
            self._observers.append((name, make()))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - watching never fails a run
            self.broken.append(f"observer {name} could not be made: {type(error).__name__}: {error}")

    def send(self, kind: type[Event], **values: Any) -> None:
        """Tell every observer; one that raises is left out from then on and named in `broken`."""
        event = self._masked(kind(at=datetime.now(UTC), **values))
        with self._lock:
            for name, observer in list(self._observers):
                try:
                    observer.observe(event)
                except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it raises, watching fails no run
                    self._observers.remove((name, observer))
                    self.broken.append(f"observer {name} failed and was left out: {type(error).__name__}: {error}")

    def _masked(self, event: Event) -> Event:
        if self._redactor.idle:
            return event
        kept = ("at", "rows")
        values = {name: getattr(event, name) for name in event.__struct_fields__ if name not in kept}
        masked = {name: self._redactor.value(value) for name, value in values.items()}
        changed: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in masked.items()}
        return replace(event, **changed)
