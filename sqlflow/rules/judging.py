"""Asking the rules of a project, and finding the place in the documents that each row speaks of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from sqlflow.plan import table_key
from sqlflow.problem import Mark, Problem, Severity
from sqlflow.spec import Document, Project, Rule, Scalar, find
from sqlflow.sql import SqlSyntaxError, answer
from sqlflow.validation import Held

from .metadata import TABLES


def judge(project: Document[Project], held: Sequence[Held], tables: Mapping[str, pa.Table]) -> Iterator[Problem]:
    """Yield a problem for every row that a rule returns, and for every rule that cannot be asked."""
    rules = project.model.rules if project.model is not None else {}
    for name, rule in rules.items():
        if rule.level == "off":
            continue
        try:
            rows = answer(rule.sql, tables)
        except SqlSyntaxError as error:
            hint = "query " + ", ".join(f"{table} ({', '.join(columns)})" for table, columns in TABLES.items())
            yield Problem("SF814", f"rule {name!r}: {error.message}", _within(project, name, error.offset), hint)
            continue
        for row in rows:
            mark = _place(row, held) or _within(project, name, 0)
            severity: Severity = "error" if rule.level == "error" else "warning"
            hint = rule.description or f"do what rule {name!r} of {project.source.file} asks for, or silence it here"
            yield Problem("SF813", f"{name}: {_words(name, rule, row)}", mark, hint, severity)


def _within(project: Document[Project], name: str, offset: int) -> Mark:
    node = find(project.root, ("rules", name, "sql"))[0]
    return project.source.within(node, offset) if isinstance(node, Scalar) else project.source.at(node)


def _words(name: str, rule: Rule, row: Mapping[str, Any]) -> str:
    """Word a finding: its own message, or what it names."""
    if row.get("message"):
        return str(row["message"])
    named = [f"{key} {value}" for key, value in row.items() if key not in ("file", "line") and value is not None]
    return ", ".join(named) or rule.description or name


def _place(row: Mapping[str, Any], held: Sequence[Held]) -> Mark | None:
    """Find what a row speaks of: a step, the step that writes a table, a line of a document, or a document."""
    step, pipeline, table = row.get("step"), row.get("pipeline"), row.get("table_name")
    for one in held:
        plan = one.plan
        if plan is None or (pipeline is not None and plan.pipeline != pipeline):
            continue
        file, line = row.get("file"), row.get("line")
        if file == plan.source.file and isinstance(line, int) and 0 < line <= len(plan.source.lines):
            return plan.source.mark(line - 1, _indent(plan.source.lines[line - 1]))
        for planned in plan.steps:
            written = {table_key(name) for name in planned.plan.writes}
            if planned.id == step or (step is None and table is not None and table_key(str(table)) in written):
                return planned.mark
        if step is None and table is None and (pipeline is not None or file == plan.source.file):
            return plan.source.mark(0, 0)
    return None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
