"""The plan: a pipeline resolved to steps that can run, in order. A value; it opens nothing and runs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from sqlflow.problem import Mark, Problem
from sqlflow.sdk import Engine, Redactor, StepInput, StepPlan, StepType, StorageBackend, StorageLocation, Window
from sqlflow.spec import FailurePolicy, Resilience, Retry, Source

from .places import Places
from .request import Asked
from .scope import Value


class Condition(Struct, frozen=True):
    """A `when`. Without `reads` it is decided already, in `holds`; otherwise just before the step."""

    sql: str
    parameters: Mapping[str, Any]
    reads: frozenset[str]
    holds: bool | None


class PlannedStep(Struct, frozen=True):
    """One step, ready to run. `declared` is the id in the document, before `for_each` expanded it."""

    id: str
    declared: str
    position: int
    type_name: str
    step_type: StepType
    given: StepInput
    plan: StepPlan
    mark: Mark
    tags: tuple[str, ...] = ()
    meta: Mapping[str, str] = field(default_factory=dict)
    description: str | None = None
    depends_on: tuple[tuple[str, Mark], ...] = ()
    condition: Condition | None = None
    retry: Retry | None = None
    timeout: timedelta | None = None
    functions: frozenset[str] = frozenset()
    window: Window = field(default_factory=Window)
    check_marks: tuple[Mark, ...] = ()
    """Where the checks stand, in the order of `given.checks`."""
    skip: str | None = None
    """Why the step does not run, when that is known beforehand."""
    places: Places = field(default_factory=Places)
    """Where its parts stand in the document."""

    @property
    def reads(self) -> frozenset[str]:
        """Every table that the step reads, its condition and checks included."""
        return self.plan.reads | (self.condition.reads if self.condition else frozenset())


class EnginePlan(Struct, frozen=True):
    """What executes, and where tables are kept."""

    engine: Engine
    engine_config: Any
    storage: StorageBackend
    storage_config: Any
    default_name: str


class Plan(Struct, frozen=True):
    """A pipeline that can run. `steps` are in an order that respects `waits_for`."""

    pipeline: str
    description: str | None
    path: Path
    source: Source
    folder: Path
    target: Path
    profile: str | None
    run_id: str
    started_at: datetime
    steps: tuple[PlannedStep, ...]
    waits_for: Mapping[str, frozenset[str]]
    variables: Mapping[str, Value]
    engine: EnginePlan
    concurrency: int
    failure_policy: FailurePolicy
    redactor: Redactor
    function_folders: tuple[Path, ...]
    asked: Asked = field(default_factory=Asked)
    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    notes: tuple[Problem, ...] = ()
    """Warnings, and what could not be checked here."""
    partial: bool = False
    """Whether steps are missing that could not be planned."""
    meant: frozenset[str] = frozenset()
    """Tables that such steps name as their targets, in the form in which names are compared."""
    resilience: Mapping[str, Resilience] = field(default_factory=dict)
    """What core enforces around the calls of each named connection."""

    @property
    def location(self) -> StorageLocation:
        """Where its tables are kept, and whether there is anything yet, looked at now."""
        engine = self.engine
        return engine.storage.locate(engine.storage_config, self.folder, default_name=engine.default_name)

    def step(self, step_id: str) -> PlannedStep:
        """Return a step by its id."""
        return next(step for step in self.steps if step.id == step_id)
