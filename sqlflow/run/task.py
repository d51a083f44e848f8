"""One step at work: its attempts, its session, and the ways to stop it from outside."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Event, Lock
from typing import Any

from msgspec import Struct, field

from sqlflow.errors import RunInterrupted, SQLFlowError, StepError, TransientError, raised_in
from sqlflow.plan import Plan, PlannedStep, table_key
from sqlflow.project import display
from sqlflow.resilience import Guards, Listings, Surroundings, attempted
from sqlflow.sdk import (
    Redactor,
    Session,
    StepContext,
    StepExecutionResult,
    StepFinished,
    StepInput,
    StepMemory,
    StepRetried,
    StepStarted,
    StepWarned,
    Token,
    format_duration,
)

from .bus import Bus
from .fingerprint import Fingerprints, differences
from .impact import may_use
from .record import StepRecord


class Left(Exception):
    """The step need not run, as it turned out just before it; says why."""


class Task(Struct):
    """One step being executed in a thread of its own. The record is filled in; nothing is raised."""

    plan: Plan
    step: PlannedStep
    session: Session
    bus: Bus
    record: StepRecord
    stop: Event
    prints: Fingerprints
    guards: Guards
    deadline: float | None = None
    timed_out: bool = False
    _listed: Listings = field(default_factory=dict)
    """Listings made to know what the step reads; the attempt that follows takes them."""
    _current: Session | None = None
    _lock: Lock = field(default_factory=Lock)

    def run(self) -> None:
        """Execute the step to its end, whichever."""
        started, cpu = time.perf_counter(), time.thread_time()
        record = self.record
        record.status, record.started_at = "running", datetime.now(UTC)
        try:
            if self.step.condition is not None and self.step.condition.holds is None:
                self._decide()
            if self.plan.asked.changed:
                self._compare()
            result = attempted(
                self.step.retry, self._attempt, waiting=self._waiting, pause=self._pause, stopped=self.stop.is_set
            )
            self._succeed(result)
        except Left as left:
            record.status, record.reason = "skipped", str(left)
        except RunInterrupted:
            self._interrupted()
        except SQLFlowError as error:
            self._fail(error)
        except BaseException as error:  # noqa: BLE001 - a plugin may raise anything; it fails its step and nothing else
            hint = f"raised in {raised_in(error)}: a bug there; tell its authors"
            self._fail(StepError(f"{type(error).__name__}: {error}", kind="internal", code="SF790", hint=hint))
        finally:
            record.duration_ms = (time.perf_counter() - started) * 1000
            record.cpu_ms = (time.thread_time() - cpu) * 1000
        self.tell()

    def tell(self) -> None:
        """Announce how the step ended."""
        record = self.record
        summary: dict[str, Any] = {"checks": len(record.checks)} if record.checks else {}
        if record.because and record.status != "skipped":
            summary["because"] = list(record.because)
        if record.note:
            summary["note"] = record.note
        if tolerated := sum((c.failures or 0) - c.quarantined for c in record.checks if c.passed):
            summary["tolerated"] = tolerated
        if self.step.plan.makes_view:
            summary["view"] = True
        if record.outputs:
            summary["outputs"] = [self.plan.redactor.text(place) for place in record.outputs]
        if record.error:
            summary["error"] = dict(record.error)
        self.bus.send(
            StepFinished,
            step=record.id,
            type=record.type,
            state=record.status,
            reason=record.reason,
            duration_ms=record.duration_ms,
            attempts=record.attempts,
            rows=record.rows,
            summary=summary,
        )

    def interrupt(self) -> None:
        """Stop the running statement. May come between two statements, so it is repeated until the step ends."""
        with self._lock:
            if self._current is not None:
                self._current.interrupt()

    def _decide(self) -> None:
        condition = self.step.condition
        if condition is None:
            return
        with self._working() as session:
            found = session.fetch(f"SELECT ({condition.sql}\n)", condition.parameters)[0][0]
        if found is not None and not isinstance(found, bool):
            raise StepError(f"when: expected true or false, found {found!r}", hint="write a SQL boolean", code="SF405")
        if not found:
            raise Left("when is false")

    def _compare(self) -> None:
        """Leave the step out when it is what it was and reads what it read; else note why it runs."""
        with self._working() as session:
            text = session.fingerprint(self.plan.pipeline, self.step.id)
            try:
                now = self.prints.full(self.step, session, self._given(session))
            except TransientError as error:  # the attempts that follow may have more luck
                self.record.because = (f"what it reads cannot be looked at: {error.message}",)
                return
        if text is None:
            self.record.because = ("it has not run before, or its target is gone",)
            return
        self.record.because = tuple(differences(json.loads(text), now))
        if not self.record.because:
            raise Left("unchanged")

    def _attempt(self, number: int) -> StepExecutionResult:
        """Run one attempt in a session of its own."""
        if self.stop.is_set():
            raise RunInterrupted("the run was stopped")
        self.record.attempts += 1
        self.record.warnings.clear()
        self.bus.send(StepStarted, step=self.step.id, type=self.step.type_name, attempt=number)
        if number > 1:
            self._listed.clear()
        with self._working() as session:
            given = self._given(session)
            parts = json.dumps(self.prints.full(self.step, session, given, done=True))
            token = Token(self.plan.run_id, self.step.id, self.record.attempts, self.plan.pipeline, fingerprint=parts)
            memory = StepMemory(lambda: session.state(self.plan.pipeline, self.step.id))
            context = StepContext(
                session, token, self.plan.folder, self.plan.started_at, self._warn, memory, self.step.window, self._over
            )
            result = self.step.step_type.execute(given, context)
            self._hold_to_plan(session, result)
            return result

    def _given(self, session: Session) -> StepInput:
        """Return the step's input with connectors whose calls go through the guards of their connections."""
        return self.guards.given(self.step.given, Surroundings(self._over, session.interrupt, self._warn), self._listed)

    def _pause(self, seconds: float) -> None:
        self.stop.wait(seconds)

    def _over(self) -> bool:
        return self.timed_out or self.stop.is_set()

    @contextlib.contextmanager
    def _working(self) -> Iterator[Session]:
        """Open a session that can be interrupted from outside, and whose time is limited."""
        session = self.session.fork()
        with self._lock:
            self._current = session
            timeout = self.step.timeout
            self.deadline = time.monotonic() + timeout.total_seconds() if timeout else None
        try:
            yield session
        finally:
            with self._lock:
                self._current, self.deadline = None, None
            session.close()

    def _hold_to_plan(self, session: Session, result: StepExecutionResult) -> None:
        """Refuse a green step that did not commit, wrote what it had not announced, or left checks out."""
        hint = "this is a bug in the step type; tell its authors"
        if told := _misformed(result):
            raise StepError(f"step type {self.step.type_name!r} {told}", code="SF791", kind="internal", hint=hint)
        announced = {table_key(table) for table in self.step.plan.writes}
        strange = sorted(t for t in session.commits if t is not None and table_key(t) not in announced)
        idle = result.rows.read == 0 and result.note is not None  # nothing came that a check of the batch could see
        due = [c for c in self.step.given.checks if not (idle and c.scope == "batch")]
        left = len(due) - len(result.checks)
        told = None
        if not session.commits:
            told = "returned without committing anything"
            hint += ": execute has to publish what it wrote, or Commit(context.token, None) where that is no table"
        elif strange:
            told = f"wrote {', '.join(strange)}, which its plan does not name"
        elif left > 0:
            told = f"left {left} of {len(self.step.given.checks)} checks out"
        if told:
            raise StepError(f"step type {self.step.type_name!r} {told}", code="SF791", kind="internal", hint=hint)

    def _succeed(self, result: StepExecutionResult) -> None:
        record = self.record
        record.status = "succeeded"
        record.rows, record.schema, record.checks = result.rows, result.schema, result.checks
        record.outputs, record.bytes, record.note = result.outputs, result.bytes, result.note
        for check in result.checks:
            if not check.passed:
                self._warn(f"check {check.name} does not hold: {check.message}")

    def _fail(self, error: SQLFlowError) -> None:
        masked: Redactor = self.plan.redactor
        self.record.status = "failed"
        self.record.reason = masked.text(error.message.split("\n", 1)[0])
        hint = error.hint
        if error.code == "SF708" and (skipped := self._skipped_writers()):
            hint = f"nothing wrote it: {', '.join(skipped)} did not run"
        self.record.checks = getattr(error, "results", ())
        message = "\n".join((error.message, *may_use(self.plan, self.step, getattr(error, "changes", ()))))
        self.record.error = {
            "code": error.code or "SF700",
            "kind": getattr(error, "kind", "internal"),
            "message": masked.text(message),
            "hint": masked.text(self._addressed(hint)) if hint else None,
        }

    def _addressed(self, hint: str) -> str:
        """Fill in the document and the step of commands, which who writes a hint does not know."""
        return re.sub(r"(?<= )SPEC\b", display(self.plan.path), re.sub(r"(?<= )STEP\b", self.step.id, hint))

    def _skipped_writers(self) -> list[str]:
        """Return the steps that would have written what this one reads, where none of them runs."""
        found: list[str] = []
        for table in self.step.reads:
            writers = [s for s in self.plan.steps if table_key(table) in {table_key(t) for t in s.plan.writes}]
            if writers and all(s.skip for s in writers):
                found += [f"{s.id} ({s.skip})" for s in writers]
        return found

    def _interrupted(self) -> None:
        if self.timed_out and self.step.timeout:
            limit = format_duration(self.step.timeout)
            self._fail(
                StepError(
                    f"timed out after {limit}; the query was interrupted and rolled back",
                    code="SF704",
                    kind="internal",
                    hint="raise timeout, or make the step smaller",
                )
            )
        elif self.stop.is_set():
            self.record.status, self.record.reason = "cancelled", "the run was stopped"
        else:
            told = "the query was interrupted from outside the run, and rolled back"
            self._fail(StepError(told, code="SF704", kind="internal", hint="run the pipeline again"))

    def _waiting(self, attempt: int, delay: float, error: str) -> None:
        self.bus.send(StepRetried, step=self.step.id, attempt=attempt, delay_s=delay, error=error)

    def _warn(self, message: str) -> None:
        message = self.plan.redactor.text(message)
        self.record.warnings.append(message)
        self.bus.send(StepWarned, step=self.step.id, message=message)


def _misformed(result: Any) -> str | None:
    """Return what is wrong with the type of what a step type answers."""
    if not isinstance(result, StepExecutionResult):
        return f"returned {type(result).__name__}, expected {StepExecutionResult.__name__}"
    return None
