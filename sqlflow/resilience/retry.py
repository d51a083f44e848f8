"""Trying again: only after a TransientError, each time from the start. The only file that knows tenacity."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlflow.errors import TransientError
from sqlflow.spec import Retry

T = TypeVar("T")


class CircuitOpen(TransientError):
    """A call that was not made, since the system has failed too often; only a step's own retry waits for its turn."""


def attempted(
    retry: Retry | None,
    work: Callable[[int], T],
    *,
    waiting: Callable[[int, float, str], None],
    pause: Callable[[float], None],
    stopped: Callable[[], bool],
    again: Callable[[BaseException], bool] = lambda error: isinstance(error, TransientError),
) -> T:
    """Call `work` with the number of the attempt, from 1, until it returns or may not be tried again.

    `waiting` is told the attempt that failed, the seconds until the next one, and the error. `pause` waits, and ends
    early when the run is stopped; what is `stopped` is not tried again.
    """
    if retry is None or retry.attempts == 1:
        return work(1)
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_fixed

    first, longest = retry.delay.total_seconds(), retry.max_delay.total_seconds()
    wait = (
        wait_fixed(first) if retry.backoff == "constant" else wait_exponential(multiplier=first, min=first, max=longest)
    )
    number = 0

    def once() -> T:
        nonlocal number
        number += 1
        return work(number)

    trying = Retrying(
        stop=lambda state: stopped() or stop_after_attempt(retry.attempts)(state),
        wait=wait,
        retry=retry_if_exception(again),
        sleep=pause,
        before_sleep=lambda state: waiting(
            state.attempt_number,
            state.next_action.sleep if state.next_action else 0.0,
            str(state.outcome.exception()) if state.outcome else "",
        ),
        reraise=True,
    )
    return trying(once)
