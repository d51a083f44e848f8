"""What a step is handed while it executes: its session, its folder, and a way to be heard."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from .commit import Token
from .connector import never
from .engine import Session
from .state import StepMemory


class Window(Struct, frozen=True):
    """Which rows a run was asked for. `since` and `until` are half-open and do not move a watermark."""

    full_refresh: bool = False
    """Whether what is remembered does not count."""
    rebuild: bool = False
    """Whether the target is made anew; of several steps that write one table only the first does so."""
    since: str | None = None
    until: str | None = None

    @property
    def bounded(self) -> bool:
        """Whether a range was asked for."""
        return self.since is not None or self.until is not None


ALWAYS = Window()
"""Nothing was asked for: what is new is read."""


class StepContext(Struct, frozen=True):
    """One attempt of one step. The session is this attempt's own; relative paths start at `folder`."""

    session: Session
    token: Token
    folder: Path
    started_at: datetime
    warn: Callable[[str], None]
    state: StepMemory
    window: Window = ALWAYS
    stopped: Callable[[], bool] = never
    """Whether the run was stopped or the step is out of time."""

    def memory(self, target: str) -> StepMemory:
        """Return what the step remembers of a table; nothing when that is gone, whatever the state says."""
        if not self.session.exists(target):
            return StepMemory(lambda: ())
        return self.state.of(target)
