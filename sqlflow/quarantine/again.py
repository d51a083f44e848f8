"""A run of one step over the rows that it has set aside: those that pass now go to its target, the others stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec.structs import replace

from sqlflow.errors import DocumentError
from sqlflow.plan import Plan, PlannedStep
from sqlflow.problem import Problem
from sqlflow.sdk import (
    Column,
    Commit,
    Delta,
    RowCounts,
    ScriptWrite,
    Select,
    Session,
    StepContext,
    StepExecutionResult,
    StepInput,
    StepPlan,
    TableSchema,
    TableStep,
    WriteConfig,
    fold,
    normal_type,
    quarantine_table,
    quote,
    quote_target,
)

from .heaps import MINE, TOLD, table_of

_WHOLE = f"{MINE} AND sqlflow_raw IS NULL"


def retrying(plan: Plan, step: PlannedStep) -> Plan:
    """Return a plan that runs one step over the rows that it has set aside, and nothing else.

    Raises:
        DocumentError: the step's mode does not allow it.

    """
    config = step.given.config
    table_of(step)
    if config.mode in ("replace", "delete_insert"):
        told = f"mode {config.mode} cannot take single rows: they would put out the others of "
        told += "the table" if config.mode == "replace" else "their group"
        hint = "mend the source or the check and run the step again, which reads them with the rest"
        raise DocumentError([Problem("SF745", f"step {step.id!r}: {told}", step.mark, hint)])
    again = Again()
    given = replace(step.given, endpoints={}, sql={})
    retried = replace(
        step, step_type=again, given=given, plan=again.plan(given, plan.folder), condition=None, skip=None
    )
    others = [replace(other, skip=other.skip or "not selected") for other in plan.steps]
    steps = tuple(retried if other.id == step.id else other for other in others)
    return replace(plan, steps=steps, asked=replace(plan.asked, retry=True), select=(step.id,))


class Again(TableStep):
    """Stands in for a step whose rows come from its quarantine. No document can name it."""

    name = "quarantine retry"
    Config = WriteConfig

    def plan(self, given: StepInput, folder: Path) -> StepPlan:
        """Say that the quarantine is read and written."""
        table = quarantine_table(given.config.target)
        plan = super().plan(given, folder)
        return replace(plan, reads=plan.reads | {table}, writes=plan.writes | {table})

    def rows(self, given: StepInput, context: StepContext, delta: Delta) -> Select:
        """Read the rows as the target has them; what it does not have comes along where there is a value in it."""
        session, mine = context.session, _mine(context)
        table, target = quarantine_table(given.config.target), given.config.target
        source = quote_target(table)
        there = _columns(session, target)
        columns = [c for c in _columns(session, table) if c.name not in TOLD]
        counts = ", ".join(f"count({quote(c.name)})" for c in columns) or "0"
        values = session.fetch(f"SELECT {counts} FROM {source} WHERE {_WHOLE}", mine)[0]
        written = []
        for column, count in zip(columns, values, strict=True):
            wanted = there.get(column.name)
            if wanted is None and not count:
                continue
            name = quote(column.name)
            differs = wanted is not None and normal_type(wanted.type) != normal_type(column.type)
            written.append(f"CAST({name} AS {wanted.type}) AS {name}" if wanted and differs else name)
        return Select(
            session.dialect,
            f"SELECT {', '.join(written)} FROM {source} WHERE {_WHOLE}{_not_outdated(given.config, there, columns)}",
            mine,
        )

    def execute(self, given: StepInput, context: StepContext) -> StepExecutionResult:
        """Write the rows that pass now; the others stay set aside."""
        session, mine = context.session, _mine(context)
        table = quarantine_table(given.config.target)
        waiting, unread = 0, 0
        if session.exists(table):
            counted = f"count(*) FILTER (sqlflow_raw IS NULL), count(sqlflow_raw) FROM {quote_target(table)}"
            waiting, unread = session.fetch(f"SELECT {counted} WHERE {MINE}", mine)[0]
        left = f"; {unread} that could not be read {'stay' if unread > 1 else 'stays'}" if unread else ""
        token = replace(context.token, part="retry", fingerprint=None)
        if not waiting:
            on_target = tuple(check for check in given.checks if check.scope == "target")
            done = session.publish(Commit(token, None, given.config.target, on_target, rows=0))
            return StepExecutionResult(RowCounts(read=0), checks=done.checks, note=f"no row to try again{left}")
        config = given.config
        deletes = config.deletes and config.deletes.model_copy(update={"missing": None})
        calm = given.config.model_copy(update={"deletes": deletes, **({"batches": None} if _cut(config) else {})})
        result = self.landing(
            replace(given, config=calm),
            context,
            token=token,
            keeps_baseline=False,
            selects=False,
            first=ScriptWrite(((f"DELETE FROM {quote_target(table)} WHERE {_WHOLE}", mine),)),
        ).land()
        taken = result.rows.read or 0
        outdated = waiting - taken
        old = f"; {outdated} older than what {config.target} has now, dropped" if outdated else ""
        passed = taken - (result.rows.quarantined or 0)
        return replace(result, note=f"{passed} of {waiting} rows pass now{old}{left}")


def _mine(context: StepContext) -> dict[str, Any]:
    return {"pipeline": context.token.pipeline, "step": context.token.step}


def _columns(session: Session, table: str) -> TableSchema:
    info = session.describe(table)
    return info.schema if info else TableSchema(())


def _cut(config: WriteConfig) -> bool:
    return getattr(config, "batches", None) is not None


def _not_outdated(config: WriteConfig, there: TableSchema, columns: list[Column]) -> str:
    """Leave out rows whose key has a newer row in the target already, where a cursor tells."""
    if config.cursor is None or config.mode != "merge":
        return ""
    cursor = there.get(config.cursor.column)
    names = {fold(column.name) for column in columns}
    if cursor is None or not all(fold(name) in names for name in (*config.key, cursor.name)):
        return ""
    kept = quote_target(quarantine_table(config.target))
    same = " AND ".join(f"newer.{quote(name)} = {kept}.{quote(name)}" for name in config.key)
    later = f"newer.{quote(cursor.name)} > CAST({kept}.{quote(cursor.name)} AS {cursor.type})"
    return f" AND NOT EXISTS (SELECT 1 FROM {quote_target(config.target)} AS newer WHERE {same} AND {later})"
