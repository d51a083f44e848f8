"""`type: transform`: the rows of a query as a table or a view."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from sqlflow.sdk import (
    BoundStatement,
    CheckResult,
    Commit,
    Objection,
    Query,
    Select,
    SqlFile,
    StepContext,
    StepExecutionResult,
    StepInput,
    StepPlan,
    TableStep,
    ViewWrite,
    WriteConfig,
    refuse_failed,
)


class TransformConfig(WriteConfig):
    """The rows of a query as a table or a view."""

    sql: Query | None = None
    """A SELECT; `$name` is the value of a variable."""

    sql_file: SqlFile | None = None
    """File that holds the SELECT, in the place of `sql`."""

    materialize: Literal["table", "view"] = "table"
    """Whether the target is a table or a view."""


class TransformStep(TableStep):
    """Writes the rows of a query to a table, or makes a view of it."""

    name = "transform"
    Config = TransformConfig

    def plan(self, given: StepInput, folder: Path) -> StepPlan:
        """Say which tables are read and which is written."""
        config: TransformConfig = given.config
        plan = super().plan(given, folder)
        found = list(plan.objections)
        if (config.sql is None) == (config.sql_file is None):
            hint = "write sql: | and the SELECT below it"
            found.append(Objection("sql", "needs sql or sql_file, and not both", hint))
        view = config.materialize == "view"
        without_effect = {"mode": config.mode != "replace", "key": bool(config.key), "columns": bool(config.columns)}
        if view:
            found = [objection for objection in found if objection.option != "key"]
        for option, given_value in without_effect.items():
            if view and given_value:
                found.append(Objection(option, f"{option} has no effect on a view", "remove it, or materialize: table"))
        return replace(plan, mode=None if view else config.mode, makes_view=view, objections=tuple(found))

    def rows(self, given: StepInput, context: StepContext) -> Select:
        """Return the query with its values."""
        query = _query(given)
        return Select(context.session.dialect, query.sql, query.parameters)

    def execute(self, given: StepInput, context: StepContext) -> StepExecutionResult:
        """Publish the query's rows, or the view."""
        config: TransformConfig = given.config
        if config.materialize == "table":
            return super().execute(given, context)
        session = context.session
        sql = _query(given).literal_sql or ""
        results: tuple[CheckResult, ...] = ()
        if on_batch := [check for check in given.checks if check.scope == "batch"]:
            results = session.check(f"({sql})", on_batch)
            refuse_failed(results, kept=f"{config.target} stays as it was")
        on_target = tuple(check for check in given.checks if check.scope == "target")
        write = ViewWrite(config.target, sql, config.adopt)
        done = session.publish(Commit(context.token, write, config.target, on_target))
        return StepExecutionResult(done.rows, done.schema, (*results, *done.checks))


def _query(given: StepInput) -> BoundStatement:
    return given.query("sql" if given.config.sql is not None else "sql_file")
