"""Executing a plan: each step starts as soon as what it waits for has ended. Handed all it needs."""

from __future__ import annotations

import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Event

from sqlflow.plan import Plan, PlannedStep
from sqlflow.resilience import Guards
from sqlflow.sdk import RunStatus, Session

from .bus import Bus
from .fingerprint import Fingerprints
from .record import RunRecord
from .resume import DONE
from .task import Task

TICK = 0.1
"""Seconds between two looks at timeouts and the stop signal."""


class Orchestrator:
    """Runs the steps of one plan in threads, one session each."""

    def __init__(
        self, plan: Plan, session: Session, bus: Bus, record: RunRecord, stop: Event, prints: Fingerprints
    ) -> None:
        self.plan = plan
        self.session = session
        self.bus = bus
        self.record = record
        self.stop = stop
        self.prints = prints
        self.guards = Guards(plan.resilience)
        for step in plan.steps:
            self.guards.prepare(step.given.endpoints)
        self.records = {step.id: step for step in record.steps}
        self.waiting: dict[str, set[str]] = {step.id: set(plan.waits_for[step.id]) for step in plan.steps}
        self.followers: dict[str, list[str]] = {step.id: [] for step in plan.steps}
        for step_id, others in self.waiting.items():
            for other in others:
                self.followers[other].append(step_id)
        self.by_id = {step.id: step for step in plan.steps}
        self.ready = [step for step in plan.steps if not self.waiting[step.id]]
        self.first_failure: str | None = None

    def run(self) -> RunStatus:
        """Execute everything that can be executed and return how the run ended."""
        running: dict[Future[None], Task] = {}
        with ThreadPoolExecutor(self.plan.concurrency, thread_name_prefix="sqlflow") as pool:
            while True:
                self._start(running, pool)
                if not running:
                    break
                done, _ = wait(running, timeout=TICK, return_when=FIRST_COMPLETED)
                for future in done:
                    task = running.pop(future)
                    future.result()
                    self._ended(task.step)
                self._watch(running)
        self._leave()
        states = {step.status for step in self.record.steps}
        if self.stop.is_set() and "cancelled" in states:
            return "cancelled"
        return "failed" if "failed" in states else "succeeded"

    def _start(self, running: dict[Future[None], Task], pool: ThreadPoolExecutor) -> None:
        """Start what is ready, as far as there is room; settle at once what does not run."""
        while self.ready:
            step = self.ready[0]
            reason = self._skip_reason(step)
            if reason is None and (self._held() or len(running) >= self.plan.concurrency):
                return
            self.ready.pop(0)
            task = self._task(step)
            if reason is not None:
                task.record.status, task.record.reason = "succeeded" if reason == DONE else "skipped", reason
                task.tell()
                self._ended(step)
            else:
                running[pool.submit(task.run)] = task

    def _held(self) -> bool:
        return self.stop.is_set() or (self.plan.failure_policy == "fail_fast" and self.first_failure is not None)

    def _skip_reason(self, step: PlannedStep) -> str | None:
        if step.skip is not None:
            return step.skip
        for other in sorted(self.plan.waits_for[step.id]):
            record = self.records[other]
            if record.status == "failed" or (
                record.status == "skipped" and (record.reason or "").startswith("upstream")
            ):
                return f"upstream failed: {other}"
        return None

    def _ended(self, step: PlannedStep) -> None:
        if self.records[step.id].status == "failed" and self.first_failure is None:
            self.first_failure = step.id
        for follower in self.followers[step.id]:
            self.waiting[follower].discard(step.id)
            if not self.waiting[follower]:
                self.ready.append(self.by_id[follower])

    def _watch(self, running: dict[Future[None], Task]) -> None:
        """Interrupt what has run out of time, and everything once the run is to stop."""
        now = time.monotonic()
        for task in running.values():
            deadline = task.deadline
            if deadline is not None and now > deadline:
                task.timed_out = True
            if task.timed_out or self.stop.is_set():
                task.interrupt()

    def _leave(self) -> None:
        """Say of what never started why it did not."""
        for step in self.plan.steps:
            record = self.records[step.id]
            if record.status != "pending":
                continue
            if self.stop.is_set():
                record.status, record.reason = "cancelled", "the run was stopped"
            else:
                record.status, record.reason = "skipped", f"fail_fast: {self.first_failure} failed"
            self._task(step).tell()

    def _task(self, step: PlannedStep) -> Task:
        return Task(self.plan, step, self.session, self.bus, self.records[step.id], self.stop, self.prints, self.guards)
