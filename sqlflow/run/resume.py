"""Going on with a run that ended early: what of it stands, and whether it may go on with the document as it is now.

Believes the commit ledger and not the record of the run: a process may have been killed between the two.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from sqlflow.errors import SQLFlowError
from sqlflow.plan import Plan, PlannedStep
from sqlflow.problem import did_you_mean
from sqlflow.sdk import RowCounts, Session

from .fingerprint import Fingerprints
from .journal import recorded_runs, runs_folder
from .record import RunRecord

KEPT = ("when is false", "not selected", "unchanged")
DONE = "committed before"


class Interrupted(Struct, frozen=True):
    """A run as its record tells it."""

    data: Mapping[str, Any]

    @property
    def run_id(self) -> str:
        """The id of the run, which it keeps."""
        return str(self.data["run_id"])

    @property
    def started_at(self) -> datetime:
        """When the run began; what is asked of the clock is asked of this."""
        return datetime.fromisoformat(self.data["started_at"])

    def step(self, step_id: str) -> Mapping[str, Any]:
        """Return what is recorded of a step."""
        return next((step for step in self.data["steps"] if step["id"] == step_id), {})


def find_run(target: Path, pipeline: str, run_id: str | None) -> Interrupted:
    """Find the run to go on with: the one named, else the last one of the pipeline.

    Raises:
        SQLFlowError: there is none, or it is one of another pipeline.

    """
    every = list(recorded_runs(target))
    runs = [run for run in every if run["status"] != "unreadable"]
    mine = [run for run in runs if run["pipeline"] == pipeline and not _is_retry(run)]
    if run_id is not None:
        found = next((run for run in runs if run["run_id"] == run_id), None)
        if found is None:
            hint = did_you_mean(run_id, [run["run_id"] for run in mine], noun="run")
            raise SQLFlowError(f"there is no record of run {run_id} in {runs_folder(target)}", hint=hint, code="SF714")
        if found["pipeline"] != pipeline:
            raise SQLFlowError(f"run {run_id} is one of pipeline {found['pipeline']!r}", hint="name its document")
        if _is_retry(found):
            hint = "its rows are still set aside: run `sqlflow quarantine retry` again"
            raise SQLFlowError(f"run {run_id} tried rows of the quarantine again", hint=hint, code="SF714")
        return Interrupted(found)
    if not mine:
        hint = "run it without --resume"
        raise SQLFlowError(f"pipeline {pipeline!r} has no recorded run to resume", hint=hint, code="SF714")
    damaged = [run["run_id"] for run in every if run["status"] == "unreadable" and run["run_id"] > mine[0]["run_id"]]
    if damaged:  # it may be one of this pipeline, and then an older one is not what is meant
        told = f"the record of run {damaged[0]} cannot be read; the last one of {pipeline!r} with a record is older"
        hint = f"name the run that is meant: --resume {mine[0]['run_id']}, or run without --resume"
        raise SQLFlowError(told, hint=hint, code="SF714")
    return Interrupted(mine[0])


def _is_retry(run: Mapping[str, Any]) -> bool:
    return bool((run.get("asked") or {}).get("retry"))


def resumed(plan: Plan, record: RunRecord, run: Interrupted, session: Session, prints: Fingerprints) -> Plan:
    """Return the plan of what is left, and fill in the record with what stands.

    Raises:
        SQLFlowError: the document has changed so that the rest would not go with what is committed.

    """
    committed = session.committed(plan.run_id)
    _refuse_changed(plan, run, committed, prints)
    steps = []
    for step in plan.steps:
        old = run.step(step.id)
        mine = record.step(step.id)
        mine.attempts = int(old.get("attempts") or 0)
        if step.id in committed:
            mine.rows = RowCounts(**(old.get("rows") or {}))
            mine.duration_ms = float(old.get("duration_ms") or 0)
            steps.append(replace(step, skip=DONE))
        elif old.get("status") == "skipped" and old.get("reason") in KEPT:
            steps.append(replace(step, skip=old["reason"]))
        else:
            steps.append(step)
    return replace(plan, steps=tuple(steps))


def _refuse_changed(plan: Plan, run: Interrupted, committed: Mapping[str, str | None], prints: Fingerprints) -> None:
    by_id = {step.id: step for step in plan.steps}
    told = []
    for name, fingerprint in committed.items():
        step = by_id.get(name)
        if step is None:
            told.append(f"step {name!r} has committed and is not in the document any more")
            continue
        told += _changes(step, fingerprint, prints)
        for other in sorted(plan.waits_for[name]):
            if other not in committed and run.step(other).get("reason") not in KEPT:
                told.append(f"step {name!r} has committed and reads now what {other!r} is still to write")
    if told:
        raise SQLFlowError(
            f"run {plan.run_id} cannot go on with the document as it is now:\n  " + "\n  ".join(told),
            hint="bring these steps back to what they were, or start a new run without --resume",
            code="SF714",
        )


def _changes(step: PlannedStep, fingerprint: str | None, prints: Fingerprints) -> list[str]:
    try:
        was = json.loads(fingerprint or "{}")
    except ValueError:
        was = {}
    now = prints.definition(step)
    edited = [name for name in now if name in was and was[name] != now[name] and name != "code"]
    return [f"step {step.id!r} has committed with another {_word(name)}" for name in edited]


def _word(name: str) -> str:
    return {"sql": "SQL"}.get(name, name) if name not in ("options", "checks") else f"set of {name}"
