"""Rows that were set aside: where they are, how many, which, and how to be rid of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from sqlflow.errors import DocumentError
from sqlflow.plan import Plan, PlannedStep
from sqlflow.problem import Problem
from sqlflow.sdk import (
    Commit,
    ScriptWrite,
    Session,
    TableStep,
    Token,
    quarantine_table,
    quote_target,
    split_name,
)

#: Columns that tell of a row; the others are the row.
TOLD = frozenset({"sqlflow_check", "sqlflow_raw", "sqlflow_pipeline", "sqlflow_step", "sqlflow_run_id", "sqlflow_at"})
MINE = "sqlflow_pipeline = $pipeline AND sqlflow_step = $step"


class Heap(Struct, frozen=True):
    """The rows of one step that failed one check. `unread` are lines of a source that could not be read as rows."""

    pipeline: str
    step: str
    table: str
    check: str
    rows: int
    unread: int
    first: datetime
    last: datetime
    run_id: str
    """The run that brought the last of them."""


def heaps(session: Session, pipeline: str | None) -> Iterator[Heap]:
    """Yield what is set aside in a warehouse, of one pipeline or of all."""
    for name in sorted(session.tables()):
        if split_name(name)[0] != "quarantine":
            continue
        info = session.describe(name)
        if info is None or not all(info.schema.get(column) for column in TOLD):
            continue
        where = "" if pipeline is None else "WHERE sqlflow_pipeline = $pipeline "
        found = session.arrow(  # pure Python values of this type need a package that need not be there
            "SELECT sqlflow_pipeline, sqlflow_step, sqlflow_check, count(*), count(sqlflow_raw), min(sqlflow_at), "
            f"max(sqlflow_at), arg_max(sqlflow_run_id, sqlflow_at) FROM {quote_target(name)} {where}"
            "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
            {} if pipeline is None else {"pipeline": pipeline},
        )
        for row in zip(*(column.to_pylist() for column in found.columns), strict=True):
            owner, step, check, rows, unread, first, last, run = row
            yield Heap(owner, step, name, check, rows, unread, first, last, run)


def rows_aside(session: Session, plan: Plan, step: PlannedStep, limit: int) -> list[Mapping[str, Any]]:
    """Return the rows of a step that are set aside, the newest first; `limit` 0 for all."""
    table = table_of(step)
    if not session.exists(table):
        return []
    most = f" LIMIT {limit}" if limit else ""
    found = session.arrow(
        f"SELECT * FROM {quote_target(table)} WHERE {MINE} ORDER BY sqlflow_at DESC, rowid{most}",
        {"pipeline": plan.pipeline, "step": step.id},
    )
    shown = [n for n in found.column_names if n in TOLD or found.column(n).null_count < found.num_rows]
    rows: list[Mapping[str, Any]] = found.select(shown).to_pylist()
    return rows


def drop(session: Session, plan: Plan, step: PlannedStep) -> int:
    """Delete what a step has set aside; returns how many rows that was."""
    table = table_of(step)
    if not session.exists(table):
        return 0
    mine = {"pipeline": plan.pipeline, "step": step.id}
    count = int(session.fetch(f"SELECT count(*) FROM {quote_target(table)} WHERE {MINE}", mine)[0][0])
    if count:
        script = ScriptWrite(((f"DELETE FROM {quote_target(table)} WHERE {MINE}", mine),), (table,))
        session.publish(Commit(Token(plan.run_id, step.id, 1, plan.pipeline, "drop"), script, table))
    return count


def table_of(step: PlannedStep) -> str:
    """Return the quarantine table of a step. Raises DocumentError when it has none."""
    if not isinstance(step.step_type, TableStep):
        told, hint = "sets no rows aside", "name a load or a transform whose checks have quarantine: true"
        raise DocumentError([Problem("SF745", f"step {step.id!r} ({step.type_name}) {told}", step.mark, hint)])
    return quarantine_table(step.given.config.target)
