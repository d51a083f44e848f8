"""`type: check`: checks of a table as a step of their own."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from sqlflow.sdk import (
    Commit,
    ConfigModel,
    Objection,
    ReadsTable,
    StepContext,
    StepExecutionResult,
    StepInput,
    StepPlan,
    StepType,
    quote_name,
    refuse_failed,
)


class CheckConfig(ConfigModel):
    """Checks of a table."""

    table: ReadsTable
    """Table that the checks hold on."""


class CheckStep(StepType):
    """Checks a table without writing anything."""

    name = "check"
    Config = CheckConfig
    check_scopes = frozenset({"target"})

    def plan(self, given: StepInput, folder: Path) -> StepPlan:
        """Say which table is read; a step without checks would say nothing and be green."""
        plan = super().plan(given, folder)
        if not given.checks:
            found = Objection(
                "checks", "it has no checks, so it would check nothing", "add checks: [not_null: [column]]"
            )
            return replace(plan, objections=(found,))
        return plan

    def execute(self, given: StepInput, context: StepContext) -> StepExecutionResult:
        """Run the checks and record that they hold."""
        config: CheckConfig = given.config
        results = context.session.check(quote_name(config.table), given.checks)
        refuse_failed(results, kept=f"{config.table} has not been touched")
        context.session.publish(Commit(context.token, None))
        return StepExecutionResult(checks=results)
