"""What a run leaves behind, as values: the shape of `run.json`. Writes nothing itself."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, field
from msgspec.structs import asdict

from sqlflow.sdk import CheckResult, RowCounts, RunStatus, StepState, TableSchema


class StepRecord(Struct):
    """What became of one step."""

    id: str
    type: str
    status: StepState = "pending"
    reason: str | None = None
    attempts: int = 0
    rows: RowCounts = field(default_factory=RowCounts)
    started_at: datetime | None = None
    duration_ms: float = 0.0
    cpu_ms: float = 0.0
    bytes: int | None = None
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    schema: TableSchema | None = None
    checks: tuple[CheckResult, ...] = ()
    warnings: list[str] = field(default_factory=list)
    note: str | None = None
    because: tuple[str, ...] = ()
    """Why a step ran though only what has changed was to run."""
    error: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {
            "id": self.id,
            "type": self.type,
            "status": self.status,
            "reason": self.reason,
            "attempts": self.attempts,
            "rows": asdict(self.rows),
            "started_at": self.started_at.isoformat() if self.started_at else None,
            "duration_ms": round(self.duration_ms, 3),
            "cpu_ms": round(self.cpu_ms, 3),
            "bytes": self.bytes,
            "reads": list(self.reads),
            "writes": list(self.writes),
            "outputs": list(self.outputs),
            "schema": [asdict(column) for column in self.schema] if self.schema else None,
            "checks": [{**asdict(check), "sample": [dict(row) for row in check.sample]} for check in self.checks],
            "warnings": list(self.warnings),
            "note": self.note,
            "because": list(self.because),
            "error": dict(self.error) if self.error else None,
        }


class RunRecord(Struct):
    """What became of a run."""

    run_id: str
    pipeline: str
    profile: str | None
    started_at: datetime
    file: str
    steps: list[StepRecord]
    variables: Mapping[str, Any] = field(default_factory=dict)
    status: RunStatus = "running"
    finished_at: datetime | None = None
    duration_ms: float = 0.0
    cpu_ms: float = 0.0
    peak_memory_bytes: int = 0
    version: str = ""
    asked: Mapping[str, Any] = field(default_factory=dict)
    """The flags and selectors of the run."""
    resumed: int = 0
    """How often the run was taken up again."""
    pid: int = field(default_factory=os.getpid)
    host: str = field(default_factory=socket.gethostname)

    def step(self, step_id: str) -> StepRecord:
        """Return the record of a step."""
        return next(step for step in self.steps if step.id == step_id)

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-ready data, the keys in the order that readers rely on."""
        return {
            "run_id": self.run_id,
            "pipeline": self.pipeline,
            "profile": self.profile,
            "status": self.status,
            "started_at": self.started_at.isoformat(),
            "finished_at": self.finished_at.isoformat() if self.finished_at else None,
            "duration_ms": round(self.duration_ms, 3),
            "steps": [step.as_dict() for step in self.steps],
            "file": self.file,
            "variables": {name: _json(value) for name, value in self.variables.items()},
            "cpu_ms": round(self.cpu_ms, 3),
            "peak_memory_bytes": self.peak_memory_bytes,
            "sqlflow_version": self.version,
            "asked": dict(self.asked),
            "resumed": self.resumed,
            "pid": self.pid,
            "host": self.host,
        }


def _json(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, list, type(None))) else str(value)
