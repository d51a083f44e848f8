"""What happens during a run, as values. Whoever watches a run sees these and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal

from msgspec import Struct, field
from msgspec.structs import asdict

from .answers import hold

StepState = Literal["pending", "running", "succeeded", "failed", "skipped", "cancelled"]
RunStatus = Literal["running", "succeeded", "failed", "cancelled"]


class RowCounts(Struct, frozen=True):
    """Rows that a step read and what it did to its target; None where it cannot be known."""

    read: int | None = None
    inserted: int | None = None
    updated: int | None = None
    deleted: int | None = None
    quarantined: int | None = None

    def __post_init__(self) -> None:
        """Hold it to its types."""
        hold(self, optional=True, read=int, inserted=int, updated=int, deleted=int, quarantined=int)

    def __add__(self, other: RowCounts) -> RowCounts:
        """Add two counts up; what neither knows stays unknown."""
        names = ("read", "inserted", "updated", "deleted", "quarantined")
        pairs = ((getattr(self, name), getattr(other, name)) for name in names)
        return RowCounts(*(None if a is None and b is None else (a or 0) + (b or 0) for a, b in pairs))


class Event(Struct, frozen=True):
    """Something that happened, and when (UTC)."""

    name: ClassVar[str]
    at: datetime

    def as_dict(self) -> dict[str, Any]:
        """Return the event as JSON-ready data, its name first."""
        data = {k: asdict(v) if isinstance(v, RowCounts) else v for k, v in asdict(self).items()}
        return {"event": self.name, **data, "at": self.at.isoformat()}


class RunStarted(Event, frozen=True):
    """The plan is made and the first step is about to start."""

    name: ClassVar[str] = "run_started"
    run_id: str
    pipeline: str
    profile: str | None
    steps: tuple[str, ...]


class StepStarted(Event, frozen=True):
    """An attempt of a step begins; attempts count from 1."""

    name: ClassVar[str] = "step_started"
    step: str
    type: str
    attempt: int


class StepRetried(Event, frozen=True):
    """An attempt failed in a way that may pass; the next one comes after `delay_s` seconds."""

    name: ClassVar[str] = "step_retried"
    step: str
    attempt: int
    delay_s: float
    error: str


class StepWarned(Event, frozen=True):
    """Something the user should know that does not stop the step."""

    name: ClassVar[str] = "step_warned"
    step: str
    message: str


class StepFinished(Event, frozen=True):
    """A step reached its end, whichever. `reason` says why it was skipped or what failed."""

    name: ClassVar[str] = "step_finished"
    step: str
    type: str
    state: StepState
    reason: str | None = None
    duration_ms: float = 0.0
    attempts: int = 0
    rows: RowCounts = field(default_factory=RowCounts)
    summary: Mapping[str, Any] = field(default_factory=dict)


class RunFinished(Event, frozen=True):
    """Everything has ended and been recorded."""

    name: ClassVar[str] = "run_finished"
    run_id: str
    status: RunStatus
    duration_ms: float
