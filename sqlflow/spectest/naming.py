"""What tests say of tables, columns and types that is not so, told without running them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from sqlflow.codes import explain
from sqlflow.compile import Bench, Compiled
from sqlflow.errors import DocumentError
from sqlflow.pipeline import Draft, Pipeline
from sqlflow.plan import Plan
from sqlflow.problem import Problem
from sqlflow.registry import Catalog
from sqlflow.sdk import StepError, normal_type

from .declared import DeclaredTest
from .fixtures import Given
from .staging import Staging

MOST = 500
"""Values of given rows that are held one by one, where all at once do not fit."""


def misnamed(
    tests: Iterable[DeclaredTest],
    plan: Plan,
    compiled: Compiled,
    catalog: Catalog,
    bench: Bench,
    profile: str | None = None,
) -> tuple[Problem, ...]:
    """Return what is wrong with the names of tests; nothing where steps could not be planned, which comes first.

    `plan` and `compiled` are those of the pipeline without the variables that a test may set.
    """
    if plan.partial:
        return ()
    found: dict[Problem, None] = {}
    for test in (test for test in tests if test.test.is_finished):  # the others are told anyway
        found |= dict.fromkeys(_told(test, Draft(catalog, plan, ()), compiled, bench, profile))
    return tuple(plan.redactor.problems(found))


def _told(
    declared: DeclaredTest, draft: Draft, compiled: Compiled, bench: Bench, profile: str | None
) -> Iterator[Problem]:
    test = declared.test
    if test.error is not None and explain(test.error) is None:
        hint = "`sqlflow explain` with a code says when it is told"
        yield Problem(
            "SF760", f"test {test.name!r}: no problem has the code {test.error}", declared.place("error"), hint
        )
    if test.vars:
        own = Pipeline(declared.pipeline.path, draft.catalog, document=declared.pipeline.afresh())
        draft = own.draft(profile=profile, vars=test.vars, written=declared.written)
        known, compiled = compiled.problems, draft.compile(bench, around=compiled.around)
        if wrong := [p for p in compiled.problems if p.severity == "error" and p not in known]:
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
        hold = partial(_hold, bench, draft.plan)
        for path, given in staging.given.items():
            if hold(given) is not None or _any_cut(declared, path, given):
                yield from _unfit(declared, path, given, staging, hold)


Hold = Callable[[Given], StepError | None]


def _hold(bench: Bench, plan: Plan, given: Given) -> StepError | None:
    """Read given rows with the types of their columns; returns why that cannot be."""
    try:
        bench.hold_rows(plan.engine, given.select(frozenset({plan.engine.engine.dialect}), {}))
    except StepError as error:
        return error
    return None


def _any_cut(declared: DeclaredTest, path: tuple[str, str], given: Given) -> bool:
    part, name = path
    rows = (declared.test.given if part == "given" else declared.test.state)[name].rows or ()
    kinds = {column.name: column.type for column in given.schema or ()}
    return any(_is_cut(value, kinds.get(column, "")) for row in rows for column, value in row.items())


def _is_cut(value: Any, kind: str) -> bool:
    """Tell whether an amount has more places than its decimal keeps; a run refuses it, too."""
    found = re.fullmatch(r"DECIMAL\(\d+,(\d+)\)", normal_type(kind))
    if found is None or isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        return False
    try:
        exponent = Decimal(str(value)).normalize().as_tuple().exponent
    except ArithmeticError:  # no number, which is told otherwise
        return False
    return isinstance(exponent, int) and -exponent > int(found[1])


def _unfit(
    declared: DeclaredTest, path: tuple[str, str], given: Given, staging: Staging, hold: Hold
) -> Iterator[Problem]:
    """Yield every value of some rows that does not fit its column, each held by itself."""
    part, name = path
    rows = (declared.test.given if part == "given" else declared.test.state)[name]
    told = False
    values = [(n, *pair) for n, row in enumerate(rows.rows or ()) for pair in row.items()]
    for number, column, value in values[:MOST]:
        one = staging.read(path, rows.model_copy(update={"rows": [{column: value}]}), given.schema)
        known = given.schema.get(column) if given.schema is not None else None
        if one is not None and known is not None and (_is_cut(value, known.type) or hold(one) is not None):
            told = True
            message = f"test {declared.test.name!r}: {value!r} does not fit {column}, which is {known.type}"
            yield Problem("SF760", message, declared.place(*path, "rows", number, column), "write a value of that type")
    if not told and (error := hold(given)) is not None:
        yield Problem("SF760", f"test {declared.test.name!r}: {error.message}", declared.place(*path), error.hint)
