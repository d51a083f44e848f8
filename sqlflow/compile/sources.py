"""The columns of what a step reads from outside: a local file's own, those declared, those of the last good run."""

from __future__ import annotations

from sqlflow.plan import Plan, PlannedStep
from sqlflow.sdk import BoundEndpoint, Column, TableSchema

from .bench import Bench


class Sources:
    """Finds out the columns of sources without asking a network."""

    def __init__(self, plan: Plan, bench: Bench) -> None:
        self.plan = plan
        self.bench = bench

    def columns(self, step: PlannedStep, endpoint: BoundEndpoint) -> TableSchema | None:
        """Return the columns of a source."""
        declared = step.given.config.columns
        if declared:
            return TableSchema(tuple(Column(name, spec.type) for name, spec in declared.items()))
        return None
