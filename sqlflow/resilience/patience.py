"""Waiting for a call no longer than agreed. A call that does not come back is cancelled, and left behind."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Generic, TypeVar

from sqlflow.errors import RunInterrupted, TransientError
from sqlflow.sdk import format_duration

from .limits import TICK

T = TypeVar("T")


def silent(limit: float, what: str) -> TransientError:
    """Return the error of a system that has been silent for too long; `what` is what was asked of it."""
    told = f"{what}: no answer within {format_duration(timedelta(seconds=limit))}"
    hint = "see whether the system is well, or raise timeout of the connection"
    return TransientError(told, hint=hint, code="SF750")


def awaited(
    work: Callable[[], T],
    limit: float | None,
    what: str,
    *,
    cancel: Callable[[], None] | None = None,
    stopped: Callable[[], bool],
    discard: Callable[[T], object] = lambda _: None,
    failed: Callable[[], object] = lambda: None,
) -> T:
    """Return what a call returns.

    A call that takes longer than `limit` seconds, or whose run is stopped, is told by `cancel` and goes on in a thread
    of its own; what it returns then is handed to `discard`, and an error ends in `failed`. So it must be one that
    changes nothing.

    Raises:
        TransientError: it took longer.
        RunInterrupted: the run was stopped.

    """
    if limit is None:
        return work()
    call = _Call(work, discard, failed)
    deadline = time.monotonic() + limit
    while not call.done.wait(min(TICK, max(deadline - time.monotonic(), 0.001))):
        ended = stopped()
        late = time.monotonic() >= deadline
        if not ended and not late:
            continue
        if cancel is not None:
            cancel()
        call.abandon()
        if call.returned:
            break
        raise RunInterrupted("the run was stopped") if ended else silent(limit, what)
    return call.result()


class _Call(Generic[T]):
    """One call in a thread of its own."""

    def __init__(self, work: Callable[[], T], discard: Callable[[T], object], failed: Callable[[], object]) -> None:
        self.done = threading.Event()
        self._work = work
        self._discard = discard
        self._failed = failed
        self._value: T | None = None
        self._error: BaseException | None = None
        self._abandoned = False
        self._lock = threading.Lock()
        context = contextvars.copy_context()
        threading.Thread(target=lambda: context.run(self._run), name="sqlflow-call", daemon=True).start()

    def _run(self) -> None:
        value: T | None = None
        error: BaseException | None = None
        try:
            value = self._work()
        except BaseException as raised:  # noqa: BLE001 - handed to whoever waits
            error = raised
        with self._lock:
            self._value, self._error = value, error
            self.done.set()
            abandoned = self._abandoned
        if abandoned and error is None:
            self._discard(value)  # type: ignore[arg-type]
        elif abandoned:
            self._failed()

    def abandon(self) -> None:
        """Leave the call behind, unless it has just ended."""
        with self._lock:
            self._abandoned = not self.done.is_set()

    @property
    def returned(self) -> bool:
        """Whether it has come back with a value after all."""
        return self.done.is_set() and not self._abandoned and self._error is None

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]


class Watch:
    """Interrupts a write once the system has been silent for too long. A write is never left behind: it may commit."""

    def __init__(self, limit: float, interrupt: Callable[[], None]) -> None:
        self.fired = False
        self._limit = limit
        self._interrupt = interrupt
        self._left = limit
        self._held = 0
        self._ended = False
        self._lock = threading.Lock()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Watch for the length of a block."""
        thread = threading.Thread(target=self._watch, name="sqlflow-watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            with self._lock:  # so that no interrupt comes after the write
                self._ended = True
            thread.join()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Do not count the time of a block, in which the write waits for its rows; what comes after starts anew."""
        with self._lock:
            self._held += 1
        try:
            yield
        finally:
            with self._lock:
                self._held -= 1
                self._left = self._limit

    def _watch(self) -> None:
        last = time.monotonic()
        while True:
            time.sleep(min(TICK, self._limit))
            with self._lock:
                if self._ended:
                    return
                now = time.monotonic()
                if not self._held:
                    self._left -= now - last
                last = now
                if self._left <= 0:
                    self.fired = True
                    self._interrupt()  # again and again: one may come between two statements
