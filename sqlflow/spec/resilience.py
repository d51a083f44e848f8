"""What makes a system that fails now and then usable: the keys of a connection that core enforces, and a step's retry.

A connection's keys are about single calls to its system: one listing, one opening of a stream together with its
first rows, one write whose first row has not been taken. A step's `retry` and `timeout` are about whole attempts. So
a call is tried again within an attempt, and when that is used up, the step's retry starts the whole attempt anew.
A stream that has delivered rows is never taken up in the middle, which would double or lose some.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from sqlflow.sdk import ConfigModel, Duration


def _some_time(value: timedelta) -> timedelta:
    if not value:
        raise ValueError("a timeout of zero would let nothing run; write for example 10m, or remove it")
    return value


Timeout = Annotated[Duration, AfterValidator(_some_time)]


class Retry(ConfigModel):
    """How often something is tried when it fails in a way that may pass."""

    attempts: int = Field(default=3, ge=1, le=100)
    """How many times it is tried in all."""

    delay: Duration = timedelta(seconds=1)
    """Wait before the second attempt."""

    backoff: Literal["exponential", "constant"] = "exponential"
    """Whether the wait doubles with every attempt or stays."""

    max_delay: Duration = timedelta(minutes=1)
    """Longest wait between two attempts."""


class RateLimit(ConfigModel):
    """How many calls may be made in a stretch of time."""

    requests: int = Field(ge=1)
    """Most calls that begin within any stretch of that length, by all steps of the run together."""

    per: Timeout = timedelta(seconds=1)
    """Length of the stretch."""


def _per_second(value: Any) -> Any:
    """Read the short form: a number of calls a second, at even distances."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    if value <= 0:
        raise ValueError("a rate_limit of nothing would let nothing run; write for example 5, which is 5 a second")
    return {"requests": 1, "per": f"{1 / value:.6f}s"}


_RATE_SCHEMA = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0, "examples": [5]},
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["requests"],
            "properties": {
                "requests": {"type": "integer", "minimum": 1},
                "per": {"type": "string", "examples": ["1s", "1m"]},
            },
        },
    ]
}


class CircuitBreaker(ConfigModel):
    """When a system that keeps failing is left alone for a while."""

    failures: int = Field(default=5, ge=1)
    """How many calls in a row must fail, in a way that may pass, for the circuit to open: then calls fail at once."""

    open_for: Timeout = timedelta(seconds=30)
    """How long it stays open. Then a single call is let through on trial: it closes the circuit, or opens it again."""


class Resilience(BaseModel):
    """The keys of a connection that core enforces around every call, whatever the connector is."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    retry: Retry | None = None
    """Retries of single calls that fail in a way that may pass: a listing, a write none of whose rows has been taken,
    an opening up to its first rows. When they are used up, or rows have been taken, a step's own retry starts over."""

    timeout: Timeout | None = None
    """Longest time that the system may be silent: until a listing, an opening or the next rows are there, and with a
    write from the last rows it took. A connector that fetches everything before it hands out rows needs it for all."""

    rate_limit: Annotated[RateLimit | None, BeforeValidator(_per_second), WithJsonSchema(_RATE_SCHEMA)] = None
    """Most calls in a stretch of time by all steps of a run: `5` is one every 200 ms, or {requests: 100, per: 1m}."""

    circuit_breaker: CircuitBreaker | None = None
    """After how many failures in a row calls fail at once for a while, without asking the system."""

    max_connections: int | None = Field(default=None, ge=1)
    """How many reads, writes and listings of all steps of the run may be under way at the same time."""


RESILIENCE = frozenset(Resilience.model_fields)
