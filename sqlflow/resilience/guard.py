"""One connection of a run: every call to its system goes through its guard, whichever step makes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Self, TypeVar

from msgspec import Struct

from sqlflow.errors import RunInterrupted, StepError, TransientError
from sqlflow.sdk import FileVersion
from sqlflow.spec import Resilience

from .limits import TICK, Breaker, Lease, Pace, Slots
from .patience import awaited
from .retry import CircuitOpen, attempted

T = TypeVar("T")

Listings = dict[str, Sequence[FileVersion] | None]
"""What was listed ahead of an attempt, by the name of the endpoint."""


class Surroundings(Struct, frozen=True):
    """The attempt that makes calls: whether it was stopped, how its session is interrupted, where it warns."""

    stopped: Callable[[], bool]
    interrupt: Callable[[], None] = lambda: None
    warn: Callable[[str], None] = lambda _: None

    def pause(self, seconds: float) -> None:
        """Wait, unless the run is stopped.

        Raises:
            RunInterrupted: it was.

        """
        until = time.monotonic() + seconds
        while not self.stopped():
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, TICK))
        raise RunInterrupted("the run was stopped while it waited for a connection")


class Guard:
    """What the steps of a run share of one connection."""

    def __init__(self, name: str, settings: Resilience, effective: frozenset[str]) -> None:
        self.name = name
        self.retry = settings.retry if "retry" in effective else None
        timed = settings.timeout is not None and "timeout" in effective
        self.limit = settings.timeout.total_seconds() if settings.timeout is not None and timed else None
        limits, breaks = settings.rate_limit, settings.circuit_breaker
        most = settings.max_connections
        self.pace = Pace(limits) if limits is not None and "rate_limit" in effective else None
        self.breaker = Breaker(name, breaks) if breaks is not None and "circuit_breaker" in effective else None
        self.slots = Slots(most) if most is not None and "max_connections" in effective else None

    def doing(self, what: str) -> str:
        """Say what is asked of whom, for messages."""
        return f"{what} through connection {self.name!r}"


class Calls(Struct):
    """The calls of one attempt to one connection. Without a guard they are made as they are."""

    guard: Guard | None
    around: Surroundings
    lease: Lease

    def tried(self, what: str, work: Callable[[int], T], *, again: Callable[[], bool] = lambda: True) -> T:
        """Make a call, again and again where the connection has a retry and `again` allows it."""
        guard = self.guard
        if guard is None:
            return work(1)

        def waiting(number: int, delay: float, error: str) -> None:
            told = error.split("\n", 1)[0]
            self.around.warn(f"{guard.doing(what)}: try {number} failed, the next one in {delay:.1f} s: {told}")

        return attempted(
            guard.retry,
            work,
            waiting=waiting,
            pause=self.around.pause,
            stopped=self.around.stopped,
            again=lambda error: isinstance(error, TransientError) and not isinstance(error, CircuitOpen) and again(),
        )

    def once(
        self,
        what: str,
        work: Callable[[], T],
        *,
        cancel: Callable[[], None] | None = None,
        discard: Callable[[T], object] = lambda _: None,
        paced: bool = True,
        tells: Callable[[T], bool] = lambda _: True,
        patient: bool = True,
    ) -> T:
        """Make one call within the limits, and learn from how it ends.

        `tells`: whether a value shows that the system has answered. `patient` false: nobody limits its time here.
        """
        guard = self.guard
        if guard is None:
            return work()
        self.enter(paced=paced)
        limit = guard.limit if patient else None
        with self.learning() as learn:
            found = awaited(work, limit, guard.doing(what), cancel=cancel, stopped=self.around.stopped, discard=discard)
            learn.told = tells(found)
            return found

    def pull(self, work: Callable[[], T], *, cancel: Callable[[], None], late: Callable[[], None]) -> T:
        """Fetch the next rows of a stream; they belong to a call that was let through, and are never fetched again."""
        guard = self.guard
        with self.learning():
            limit, what = (guard.limit, guard.doing("reading")) if guard is not None else (None, "")
            return awaited(
                work, limit, what, cancel=cancel, stopped=self.around.stopped, discard=lambda _: late(), failed=late
            )

    def enter(self, *, paced: bool = True) -> None:
        """Ask the breaker, then wait for the moment to call."""
        guard = self.guard
        if guard is None:
            return
        if guard.breaker is not None:
            guard.breaker.enter()
        if paced:
            try:
                self.wait_turn()
            except BaseException:
                if guard.breaker is not None:
                    guard.breaker.left()
                raise

    def wait_turn(self) -> None:
        """Wait until the rate limit allows one more request."""
        if self.guard is not None and self.guard.pace is not None:
            self.guard.pace.take(self.around.pause)

    def learning(self) -> _Learning:
        """Tell the breaker how a block ended."""
        return _Learning(self.guard.breaker if self.guard is not None else None)

    def use(self) -> Callable[[], None]:
        """Take what `max_connections` asks for; returns what gives it back."""
        return self.lease.take(self.around.pause) if self.guard is not None else lambda: None


class _Learning:
    """Tells a breaker how a block ended. An error that is not transient is an answer of the system, too."""

    def __init__(self, breaker: Breaker | None) -> None:
        self.told = True
        self._breaker = breaker

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._breaker is None:
            return
        if isinstance(error, TransientError):
            self._breaker.failed()
        elif (error is None and self.told) or (isinstance(error, StepError) and error.kind != "internal"):
            self._breaker.succeeded()
        else:
            self._breaker.left()
