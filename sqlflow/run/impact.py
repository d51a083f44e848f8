"""Whom a changed column concerns: the steps further down whose SQL names it. A guess by its name, and told as one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from sqlflow.plan import Plan, PlannedStep, table_key


def may_use(plan: Plan, step: PlannedStep, changes: Iterable[Any]) -> Iterator[str]:
    """Yield a line for each step that reads what a step writes and names columns that changed."""
    names = list(dict.fromkeys(change.column for change in changes))
    written = {table_key(table) for table in step.plan.writes}
    for other in plan.steps if names else ():
        if other.id == step.id or not written & {table_key(table) for table in other.reads}:
            continue
        text = "\n".join(statement.sql for statements in other.given.sql.values() for statement in statements)
        if used := [name for name in names if _names(text, name)]:
            yield f"  step {other.id} may use {', '.join(used)}"


def _names(text: str, column: str) -> bool:
    """Tell whether a column stands in a text as a word of its own."""
    return re.search(rf"(?<![\w$]){re.escape(column)}(?!\w)", text, re.IGNORECASE) is not None
