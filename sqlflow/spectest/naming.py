"""What tests say of tables and columns that are not there, told without running them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from sqlflow.compile import Bench, Compiled
from sqlflow.errors import DocumentError
from sqlflow.pipeline import Draft, Pipeline
from sqlflow.plan import Plan
from sqlflow.problem import Problem
from sqlflow.registry import Catalog

from .declared import DeclaredTest
from .staging import Staging


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
            Staging(draft.plan, declared, draft.catalog, Path(folder), compiled, look).staged()
        except DocumentError as error:
            yield from error.problems
