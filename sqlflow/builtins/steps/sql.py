"""`type: sql`: statements, in one transaction."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from sqlflow.sdk import (
    Commit,
    ConfigModel,
    Objection,
    ScriptWrite,
    Statements,
    StepContext,
    StepExecutionResult,
    StepInput,
    StepPlan,
    StepType,
)


class SqlConfig(ConfigModel):
    """SQL statements."""

    sql: Statements
    """Statements, each ended by a semicolon; they succeed or fail together. `$name` is the value of a variable."""


class SqlStep(StepType):
    """Runs SQL statements in one transaction."""

    name = "sql"
    Config = SqlConfig
    check_scopes = frozenset({"target"})

    def plan(self, given: StepInput, folder: Path) -> StepPlan:
        """Say which tables the statements read and write."""
        plan = super().plan(given, folder)
        if given.checks and len(plan.writes) != 1:
            found = Objection(
                "checks",
                f"checks need one table, and this step writes {len(plan.writes)}",
                "use a step of type check with table: NAME",
            )
            return replace(plan, objections=(found,))
        return plan

    def execute(self, given: StepInput, context: StepContext) -> StepExecutionResult:
        """Run them and record it, all or nothing."""
        statements = given.sql["sql"]
        writes = sorted({table for statement in statements for table in statement.writes})
        target = writes[0] if len(writes) == 1 else None
        script = ScriptWrite(tuple((s.sql, s.parameters) for s in statements), tuple(writes))
        done = context.session.publish(Commit(context.token, script, target, given.checks))
        return StepExecutionResult(done.rows, None, done.checks)
