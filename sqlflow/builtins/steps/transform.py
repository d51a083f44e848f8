"""`type: transform`: the rows of a query as a table or a view."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from sqlflow.sdk import (
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
    StepType,
    ViewWrite,
)

from .writing import WriteConfig, objections, refuse, write_table


class TransformConfig(WriteConfig):
    """The rows of a query as a table or a view."""

    sql: Query | None = None
    """A SELECT; `$name` is the value of a variable."""

    sql_file: SqlFile | None = None
    """File that holds the SELECT, in the place of `sql`."""

    materialize: Literal["table", "view"] = "table"
    """Whether the target is a table or a view."""


class TransformStep(StepType):
    """Writes the rows of a query to a table, or makes a view of it."""

    name = "transform"
    Config = TransformConfig
    check_scopes = frozenset({"batch", "target"})

    def plan(self, given: StepInput, folder: Path) -> StepPlan:
        """Say which tables are read and which is written."""
        config: TransformConfig = given.config
        plan = super().plan(given, folder)
        found = list(objections(config))
        if (config.sql is None) == (config.sql_file is None):
            found.append(
                Objection("sql", "needs sql or sql_file, and not both", "write sql: | and the SELECT below it")
            )
        view = config.materialize == "view"
        if view:
            for option, given_value in (
                ("mode", config.mode != "replace"),
                ("columns", bool(config.columns)),
            ):
                if given_value:
                    found.append(
                        Objection(option, f"{option} has no effect on a view", "remove it, or materialize: table")
                    )
        return replace(plan, mode=None if view else config.mode, makes_view=view, objections=tuple(found))

    def execute(self, given: StepInput, context: StepContext) -> StepExecutionResult:
        """Publish the query's rows, or the view."""
        config: TransformConfig = given.config
        query = given.query("sql" if config.sql is not None else "sql_file")
        session = context.session
        if config.materialize == "table":
            return write_table(config, given, Select(session.dialect, query.sql, query.parameters), context)
        sql = query.literal_sql or query.sql
        results: tuple[CheckResult, ...] = ()
        if on_batch := [check for check in given.checks if check.scope == "batch"]:
            results = session.check(f"({sql})", on_batch)
            refuse(results, config.target)
        on_target = tuple(check for check in given.checks if check.scope == "target")
        done = session.publish(
            Commit(context.token, ViewWrite(config.target, sql, config.adopt), config.target, on_target)
        )
        return StepExecutionResult(done.rows, done.schema, (*results, *done.checks))
