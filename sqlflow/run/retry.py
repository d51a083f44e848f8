"""Trying again: only after a TransientError, each attempt from the start. The only file that knows tenacity."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import TypeVar

from sqlflow.errors import TransientError
from sqlflow.spec import Retry

T = TypeVar("T")


def attempted(
    retry: Retry | None, work: Callable[[int], T], *, waiting: Callable[[int, float, str], None], stop: Event
) -> T:
    """Call `work` with the number of the attempt, from 1, until it returns or may not be tried again.

    `waiting` is told the attempt that failed, the seconds until the next one, and the error. A stop ends the wait.
    """
    if retry is None or retry.attempts == 1:
        return work(1)
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential, wait_fixed

    first, longest = retry.delay.total_seconds(), retry.max_delay.total_seconds()
    pause = (
        wait_fixed(first) if retry.backoff == "constant" else wait_exponential(multiplier=first, min=first, max=longest)
    )
    number = 0

    def once() -> T:
        nonlocal number
        number += 1
        return work(number)

    def pause_unless_stopped(seconds: float) -> None:
        stop.wait(seconds)

    trying = Retrying(
        stop=lambda state: stop.is_set() or stop_after_attempt(retry.attempts)(state),
        wait=pause,
        retry=retry_if_exception_type(TransientError),
        sleep=pause_unless_stopped,
        before_sleep=lambda state: waiting(
            state.attempt_number,
            state.next_action.sleep if state.next_action else 0.0,
            str(state.outcome.exception()) if state.outcome else "",
        ),
        reraise=True,
    )
    return trying(once)
