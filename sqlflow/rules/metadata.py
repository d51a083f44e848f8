"""What the documents of a project say, as tables that rules may query.

The tables and their columns are a promise to whoever writes rules: `TABLES` is the one place that names them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from sqlflow.compile import Compiled
from sqlflow.lineage import trace
from sqlflow.plan import Plan, PlannedStep, table_key
from sqlflow.problem import Problem
from sqlflow.validation import Held

TEXT, TEXTS, NUMBER = pa.string(), pa.list_(pa.string()), pa.int64()
WORDS = pa.map_(pa.string(), pa.string())

TABLES: Mapping[str, Mapping[str, pa.DataType]] = {
    "pipelines": {"pipeline": TEXT, "file": TEXT, "description": TEXT, "profile": TEXT, "steps": NUMBER},
    "steps": {
        "pipeline": TEXT, "step": TEXT, "type": TEXT, "description": TEXT, "tags": TEXTS, "meta": WORDS, "mode": TEXT,
        "key": TEXTS, "cursor": TEXT, "reads": TEXTS, "writes": TEXTS, "inputs": TEXTS, "outputs": TEXTS,
        "connectors": TEXTS, "file": TEXT, "line": NUMBER,
    },
    "columns": {"pipeline": TEXT, "table_name": TEXT, "column_name": TEXT, "type": TEXT, "position": NUMBER},
    "lineage": {"table_name": TEXT, "column_name": TEXT, "source_name": TEXT, "source_column": TEXT},
    "checks": {"pipeline": TEXT, "step": TEXT, "name": TEXT, "kind": TEXT, "severity": TEXT, "scope": TEXT,
               "options": TEXT, "file": TEXT, "line": NUMBER},
    "problems": {"file": TEXT, "line": NUMBER, "col": NUMBER, "code": TEXT, "severity": TEXT, "message": TEXT},
}  # fmt: skip


def metadata(held: Sequence[Held], findings: Sequence[Problem] = ()) -> dict[str, pa.Table]:
    """Return the tables. `findings` join what is wrong with the documents in `problems`."""
    planned = [(one.plan, one.compiled) for one in held if one.plan is not None]
    problems = [*(problem for one in held for problem in one.compiled.problems), *findings]
    rows: dict[str, list[tuple[Any, ...]]] = {
        "pipelines": [_pipeline(plan) for plan, _ in planned],
        "steps": [_step(plan, step) for plan, _ in planned for step in plan.steps],
        "columns": [row for plan, compiled in planned for row in _columns(plan, compiled)],
        "lineage": sorted((*column, *origin) for column, found in trace(planned).columns.items() for origin in found),
        "checks": [row for plan, _ in planned for step in plan.steps for row in _checks(plan, step)],
        "problems": [_problem(problem) for problem in problems],
    }
    return {name: _table(name, found) for name, found in rows.items()}


def _table(name: str, rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    columns = TABLES[name]
    values = zip(*rows, strict=True) if rows else [()] * len(columns)
    arrays = [pa.array(found, kind) for found, kind in zip(values, columns.values(), strict=True)]
    return pa.Table.from_arrays(arrays, list(columns))


def _pipeline(plan: Plan) -> tuple[Any, ...]:
    return plan.pipeline, plan.source.file, plan.description, plan.profile, len(plan.steps)


def _step(plan: Plan, step: PlannedStep) -> tuple[Any, ...]:
    config = step.given.config
    cursor = getattr(config, "cursor", None)
    mode = "view" if step.plan.makes_view else step.plan.mode
    return (
        plan.pipeline, step.id, step.type_name, step.description, step.tags, list(step.meta.items()), mode,
        list(getattr(config, "key", ())), cursor.column if cursor is not None else None, sorted(step.reads),
        sorted(step.plan.writes), step.plan.inputs, step.plan.outputs,
        sorted({endpoint.connector.name for endpoint in step.given.endpoints.values()}), step.mark.file, step.mark.line,
    )  # fmt: skip


def _columns(plan: Plan, compiled: Compiled) -> Iterator[tuple[Any, ...]]:
    written = {table_key(name) for step in plan.steps for name in step.plan.writes}
    for key, table in compiled.tables.items():
        if key in written and table.schema is not None and not table.gone:
            for position, column in enumerate(table.schema, 1):
                yield plan.pipeline, table.name, column.name, column.type, position


def _checks(plan: Plan, step: PlannedStep) -> Iterator[tuple[Any, ...]]:
    for check, mark in zip(step.given.checks, step.check_marks, strict=True):
        options = plan.redactor.text(check.config.model_dump_json(exclude_defaults=True))
        yield (
            plan.pipeline, step.id, check.name, check.kind.name, check.severity, check.scope, options, mark.file,
            mark.line,
        )  # fmt: skip


def _problem(problem: Problem) -> tuple[Any, ...]:
    mark = problem.mark
    place = (mark.file, mark.line, mark.column) if mark is not None else (None, None, None)
    return (*place, problem.code, problem.severity, problem.message)
