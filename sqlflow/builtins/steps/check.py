"""`type: check`: checks of a table as a step of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sqlflow.sdk import (
    CheckFailed,
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
        failed = [r for r in results if not r.passed and r.severity == "error"]
        if failed:
            told = "\n".join(f"check {r.name} failed: {r.message}" for r in failed)
            raise CheckFailed(told, hint=f"mend the rows of {config.table}, or the check", code="SF701")
        context.session.publish(Commit(context.token, None))
        return StepExecutionResult(checks=results)
