"""What a step remembers from one run to the next, kept beside the data and committed with it.

Knows no database: an engine keeps the entries, appends and never changes them, and the newest one counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from msgspec import Struct

from sqlflow.errors import StepError

from .sqltext import fold_name

WATERMARK = "watermark"  #: the highest cursor that was committed
FILE = "file"  #: a file that was loaded; its name is the path
INTERVAL = "interval"  #: a finished batch of a transform; its name is the start
SCHEMA = "schema"  #: the columns that the source had at the last good run
KINDS = (WATERMARK, FILE, INTERVAL, SCHEMA)


class Memory(Struct, frozen=True):
    """Something to remember. `value` is JSON-ready; None forgets what was remembered under that name."""

    kind: str
    name: str
    value: Mapping[str, Any] | None


class StateEntry(Struct, frozen=True):
    """Something remembered: of whom, what, and by which run. `value` None: forgotten on purpose.

    `fault` says why a value cannot be read; then it is None too.
    """

    pipeline: str
    step: str
    target: str
    kind: str
    name: str
    value: Mapping[str, Any] | None
    run: str
    at: datetime
    fault: str | None = None

    @property
    def key(self) -> str:
        """The words by which a person names the entry."""
        return "/".join(part for part in (self.pipeline, self.step, self.kind, self.name) if part)


class StepMemory:
    """What one step remembers of one target; read from the warehouse when somebody first asks."""

    def __init__(self, read: Callable[[], tuple[StateEntry, ...]], target: str | None = None) -> None:
        self._read = read
        self._target = target

    def of(self, target: str) -> StepMemory:
        """Return what is remembered of one target."""
        return StepMemory(lambda: self._entries, fold_name(target))

    @cached_property
    def _entries(self) -> tuple[StateEntry, ...]:
        return tuple(e for e in self._read() if self._target is None or e.target == self._target)

    def get(self, kind: str, name: str = "") -> Mapping[str, Any] | None:
        """Return a remembered value, or None when there is none.

        Raises:
            StepError: the entry cannot be read.

        """
        return self.all(kind).get(name)

    def all(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """Return every remembered value of a kind, by name. Raises StepError as `get` does."""
        found: dict[str, Mapping[str, Any]] = {}
        for entry in self._entries:
            if entry.kind != kind:
                continue
            if entry.fault is not None:
                raise unreadable(entry)
            if entry.value is not None:
                found[entry.name] = entry.value
        return found


def unreadable(entry: StateEntry) -> StepError:
    """Return the error of a damaged entry."""
    return StepError(
        f"the {entry.kind} of step {entry.step!r} in the warehouse's state cannot be read: {entry.fault}",
        hint=f"look at it with `sqlflow state show SPEC {entry.step}`, and forget it with "
        f"`sqlflow state reset SPEC {entry.step} --kind {entry.kind}`",
        code="SF730",
    )
