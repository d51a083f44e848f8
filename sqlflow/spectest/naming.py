"""What tests say of tables, columns and types that is not so, told without running them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sqlflow.compile import Bench, Compiled
from sqlflow.errors import DocumentError
from sqlflow.pipeline import Draft, Pipeline
from sqlflow.plan import Plan
from sqlflow.problem import Problem
from sqlflow.registry import Catalog
from sqlflow.sdk import StepError

from .declared import DeclaredTest
from .fixtures import Given
from .staging import Staging

_ROW = re.compile(r"\brow (\d+):")
_COLUMN = re.compile(r"^(?P<value>\S+) in column (?P<column>\S+) ")


def misnamed(
    tests: Iterable[DeclaredTest],
    plan: Plan,
    compiled: Compiled,
    catalog: Catalog,
    bench: Bench,
    profile: str | None = None,
) -> tuple[Problem, ...]:
    """Return what is wrong with the names of tests; nothing where the pipeline itself is wrong, which comes first.

    `plan` and `compiled` are those of the pipeline without the variables that a test may set.
    """
    if any(problem.severity == "error" for problem in compiled.problems):
        return ()
    found: dict[Problem, None] = {}
    for test in (test for test in tests if test.test.is_finished):  # the others are told anyway
        found |= dict.fromkeys(_told(test, Draft(catalog, plan, ()), compiled, bench, profile))
    return tuple(plan.redactor.problems(found))


def _told(
    declared: DeclaredTest, draft: Draft, compiled: Compiled, bench: Bench, profile: str | None
) -> Iterator[Problem]:
    test = declared.test
    if test.vars:
        own = Pipeline(declared.pipeline.path, draft.catalog, document=declared.pipeline.afresh())
        draft = own.draft(profile=profile, vars=test.vars, written=declared.written)
        compiled = draft.compile(bench, around=compiled.around)
        if wrong := [problem for problem in compiled.problems if problem.severity == "error"]:
            yield from wrong if all(problem.code != test.error for problem in wrong) else ()
            return
    if draft.plan is None:
        return
    look = partial(bench.columns, draft.plan.engine)
    with tempfile.TemporaryDirectory(prefix="sqlflow-test-") as folder:
        try:
            staging = Staging(draft.plan, declared, draft.catalog, Path(folder), compiled, look)
            staging.staged()
        except DocumentError as error:
            yield from error.problems
            return
        if test.error is not None:  # it may be about such values
            return
        for path, given in staging.given.items():
            try:
                bench.hold_rows(draft.plan.engine, given.select(frozenset({draft.plan.engine.engine.dialect}), {}))
            except StepError as error:
                yield _unfit(declared, path, given, error)


def _unfit(declared: DeclaredTest, path: tuple[str, str], given: Given, error: StepError) -> Problem:
    """Tell a value that does not fit its column, at the place where what is told of it stands."""
    part, name = path
    rows = (declared.test.given if part == "given" else declared.test.state)[name].rows or []
    row, column = _place(rows, error.message)
    hint = error.hint
    if (known := given.schema.get(column) if given.schema is not None and column else None) is not None:
        hint = f"column {known.name} is {known.type}: write a value of that type"
    where = declared.place(*path, "rows", row, *([column] if column else []))
    return Problem("SF760", f"test {declared.test.name!r}: {error.message}", where, hint)


def _place(rows: Sequence[Mapping[str, Any]], told: str) -> tuple[int, str]:
    """Find the row and the column of a value that a message speaks of; the first row where it does not say."""
    numbered, named = _ROW.search(told), _COLUMN.search(told)
    for number, row in enumerate(rows):
        for column, value in row.items():
            if numbered and int(numbered[1]) == number + 1 and f'"{value}"' in told:
                return number, column
            if (
                named
                and named["column"].strip('"') == column
                and str(value) in (named["value"], _whole(named["value"]))
            ):
                return number, column
    return (int(numbered[1]) - 1 if numbered and int(numbered[1]) <= len(rows) else 0), ""


def _whole(text: str) -> str:
    """Return a whole number without the point that engines write behind it."""
    return text.removesuffix(".0")
