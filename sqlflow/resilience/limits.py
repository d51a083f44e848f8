"""What the steps of a run share of one connection: its pace, its circuit breaker, and how many may use it at once.

Each is safe to use from several threads and knows nothing of connectors. Who waits is woken by nothing but time, so
that a stop of the run ends every wait.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from sqlflow.sdk import format_duration
from sqlflow.spec import CircuitBreaker, RateLimit

from .retry import CircuitOpen

TICK = 0.05
"""Seconds between two looks at whether a wait may end."""


class Pause(Protocol):
    """Waits so many seconds; raises RunInterrupted when the run is stopped meanwhile."""

    def __call__(self, seconds: float, /) -> None:
        """Wait."""


class Pace:
    """No more than so many calls begin within any stretch of time; whoever comes gets the next free moment."""

    def __init__(self, limit: RateLimit) -> None:
        self._per = limit.per.total_seconds()
        self._begun: deque[float] = deque(maxlen=limit.requests)
        self._lock = threading.Lock()

    def take(self, pause: Pause) -> None:
        """Wait for the moment at which one more call may begin."""
        with self._lock:
            now = time.monotonic()
            full = len(self._begun) == self._begun.maxlen
            mine = max(now, self._begun[0] + self._per) if full else now
            self._begun.append(mine)
        if mine > now:
            pause(mine - now)


class Breaker:
    """Lets calls through until too many in a row have failed; then none for a while; then one on trial."""

    def __init__(self, name: str, settings: CircuitBreaker) -> None:
        self._name = name
        self._settings = settings
        self._failures = 0
        self._opened_at: float | None = None
        self._trial = False
        self._lock = threading.Lock()

    def enter(self) -> None:
        """Ask to make a call.

        Raises:
            CircuitOpen: the circuit is open, or another call is on trial.

        """
        with self._lock:
            if self._opened_at is None:
                return
            left = self._settings.open_for.total_seconds() - (time.monotonic() - self._opened_at)
            if left <= 0 and not self._trial:
                self._trial = True
                return
            when = f"it is tried again in {left:.1f} s" if left > 0 else "one call is trying it just now"
            raise CircuitOpen(
                f"connection {self._name!r} has failed {self._failures} times in a row and is left alone for "
                f"{format_duration(self._settings.open_for)}; {when}",
                hint="see the failures before this one; a step whose retry waits longer than that tries it again",
                code="SF751",
            )

    def succeeded(self) -> None:
        """Note that the system has answered."""
        with self._lock:
            self._failures, self._opened_at, self._trial = 0, None, False

    def failed(self) -> None:
        """Note a failure that may pass."""
        with self._lock:
            self._failures += 1
            if self._trial or self._failures >= self._settings.failures:
                self._opened_at, self._trial = time.monotonic(), False

    def left(self) -> None:
        """Note that a call ended without telling anything of the system."""
        with self._lock:
            self._trial = False


class Slots:
    """How many may use a connection at once."""

    def __init__(self, most: int) -> None:
        self._free = threading.Semaphore(most)

    def take(self, pause: Pause) -> None:
        """Wait for a free one."""
        while not self._free.acquire(blocking=False):
            pause(TICK)

    def give(self) -> None:
        """Give one back."""
        self._free.release()


class Lease:
    """What one attempt of a step holds of the slots of its connections, however many of its calls overlap.

    All are taken together, in one order for everybody, and given back together, so that no two steps wait for each
    other: a step that uses two connections never holds one of them while it waits for the other.
    """

    def __init__(self, slots: Iterable[Slots]) -> None:
        self._slots = tuple(slots)
        self._uses = 0
        self._lock = threading.Lock()

    def take(self, pause: Pause) -> Callable[[], None]:
        """Begin a use; returns what ends it, which may be called more than once."""
        with self._lock:
            if not self._uses:
                self._take_all(pause)
            self._uses += 1
        ended = threading.Event()

        def end() -> None:
            with self._lock:
                if not ended.is_set():
                    ended.set()
                    self._uses -= 1
                    if not self._uses:
                        self._give(self._slots)

        return end

    def _take_all(self, pause: Pause) -> None:
        taken: list[Slots] = []
        try:
            for slots in self._slots:
                slots.take(pause)
                taken.append(slots)
        except BaseException:
            self._give(taken)
            raise

    @staticmethod
    def _give(taken: Iterable[Slots]) -> None:
        for slots in taken:
            slots.give()
