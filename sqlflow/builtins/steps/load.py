"""`type: load`: rows from a source into a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlflow.sdk import ReadRequest, Source, StepContext, StepExecutionResult, StepInput, StepPlan, StepType

from .writing import WriteConfig, objections, write_table


class LoadConfig(WriteConfig):
    """Rows from a source into a table."""

    source: Source
    """Where the rows come from."""


class LoadStep(StepType):
    """Loads rows from a connector into a table."""

    name = "load"
    Config = LoadConfig
    check_scopes = frozenset({"batch", "target"})

    def plan(self, given: StepInput, folder: Path) -> StepPlan:
        """Say which table is written and how."""
        plan = super().plan(given, folder)
        config: LoadConfig = given.config
        return replace(plan, mode=config.mode, objections=tuple(objections(config)))

    def execute(self, given: StepInput, context: StepContext) -> StepExecutionResult:
        """Read, stage, check, publish."""
        config: LoadConfig = given.config
        endpoint = given.endpoints["source"]
        request: Any = ReadRequest(
            endpoint.config,
            endpoint.options,
            context.folder,
            config.columns,
            frozenset({context.session.dialect}),
        )
        return write_table(config, given, endpoint.connector.read(request), context)
