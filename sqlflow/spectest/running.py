"""Running one test: plan, execute in memory, compare."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from threading import local

from msgspec.structs import replace

from sqlflow.compile import Bench, Table, compile_plan
from sqlflow.errors import DocumentError, SQLFlowError
from sqlflow.pipeline import Pipeline, run_plan
from sqlflow.plan import Plan
from sqlflow.problem import Problem
from sqlflow.registry import Catalog
from sqlflow.result import RunResult
from sqlflow.sdk import Column, Select, Session, StepError, TableSchema, did_you_mean
from sqlflow.spec import ExpectedRows, SpecTest, expects_nothing

from .declared import DeclaredTest
from .fixtures import names_of
from .outcome import Difference, Outcome, Row, compared
from .staging import Staging
from .standins import all_rows

Tables = Callable[[Plan], Mapping[str, Table]]


def run_tests(
    tests: Sequence[DeclaredTest],
    catalog: Catalog,
    profile: str | None = None,
    *,
    jobs: int | None = None,
    record: bool = False,
    around: Tables = lambda _: {},
) -> Iterator[Outcome]:
    """Run tests, as many at once as there are cores, and yield what came of them in their order.

    What keeps a test from running is told in its outcome. `record`: where a test does not say yet what it expects,
    the rows that come are in the outcome. `around` gives the tables that other documents make for a pipeline, as far
    as their columns are known; it is called by several threads.
    """
    mine = local()
    with ExitStack() as benches:

        def prepare() -> None:
            mine.bench = benches.enter_context(closing(Bench()))

        with ThreadPoolExecutor(jobs or os.cpu_count() or 1, initializer=prepare) as pool:
            yield from pool.map(lambda test: _outcome(test, catalog, profile, mine.bench, around, record=record), tests)


def _outcome(
    declared: DeclaredTest, catalog: Catalog, profile: str | None, bench: Bench, around: Tables, *, record: bool
) -> Outcome:
    started = time.perf_counter()
    test, problem = declared.test, ""
    problems: Sequence[Problem] = ()
    differences: Sequence[Difference] = ()
    rows: Mapping[str, Sequence[Row]] = {}
    try:
        if not test.is_finished and not record:
            raise DocumentError([expects_nothing(test, declared.mark)])
        differences, problem, rows = _run(declared, catalog, profile, bench, around)
    except SQLFlowError as error:
        expected = isinstance(error, DocumentError) and any(p.code == test.error for p in error.problems)
        if not expected and (test.error is None or error.code != test.error):
            problem, problems = str(error), error.problems if isinstance(error, DocumentError) else ()
    took = (time.perf_counter() - started) * 1000
    place = declared.place("expect", differences[0].name) if differences else declared.mark
    return Outcome(test.name, tuple(differences), problem, tuple(problems), place, took, {} if differences else rows)


def _run(
    declared: DeclaredTest, catalog: Catalog, profile: str | None, bench: Bench, around: Tables
) -> tuple[Sequence[Difference], str, Mapping[str, Sequence[Row]]]:
    test = declared.test
    pipeline = Pipeline(declared.pipeline.path, catalog, document=declared.pipeline.afresh())
    plan = pipeline.plan(profile=profile, vars=test.vars, offline=True, sources=False, written=declared.written)
    with tempfile.TemporaryDirectory(prefix="sqlflow-test-") as folder:
        look = partial(bench.columns, plan.engine)
        compiled = compile_plan(plan, catalog, bench, around=around(plan))
        staging = Staging(plan, declared, catalog, Path(folder), compiled, look)
        staged = staging.staged()
        with run_plan(staged, catalog, keep_open=True) as result:
            problem = _verdict(test, result)
            if problem or result.session is None:
                return (), problem, {}
            session, wanted = result.session, {name: test.expect.get(name) for name in staging.names}
            found = [_held(staging, name, rows, session) for name, rows in wanted.items() if rows is not None]
            rows = {name: _rows(staging, name, session) for name, rows in wanted.items() if rows is None}
    return [difference for difference in found if difference], "", rows


def _verdict(test: SpecTest, result: RunResult) -> str:
    """Say how the run ended otherwise than expected."""
    failed = [step for step in result.steps if step.status == "failed"]
    codes = {(step.error or {}).get("code") for step in failed}
    if test.error is None:
        return "\n".join(f"step {s.id!r}: {s.error['code']} {s.error['message']}" for s in failed if s.error)
    if test.error in codes:
        return ""
    ended = "; ".join(f"step {s.id!r} failed with {(s.error or {}).get('code')}" for s in failed) or "no step failed"
    return f"expected {test.error}, and {ended}"


def _held(staging: Staging, name: str, expected: ExpectedRows, session: Session) -> Difference:
    """Hold the rows of a table, or of an export, against those expected."""
    made = _made(staging, name, session)
    if isinstance(made, str):
        return Difference(name, (), note=made)
    sql, schema = made
    file = staging.expected.get(name)
    columns = names_of(expected.rows or ()) if file is None else file.held.names
    own = {column: found for column in columns if (found := schema.get(column)) is not None}
    if unknown := [column for column in columns if column not in own]:
        hint = did_you_mean(unknown[0], schema.names, noun="column")
        return Difference(name, (), note=f"it has no column {unknown[0]!r}; {hint}")
    wanted = expected.rows or []
    if file is not None:
        typed = TableSchema(tuple(Column(column, found.type) for column, found in own.items()))
        read = replace(file, schema=typed).select(frozenset({session.dialect}), {})
        wanted = session.arrow(read.sql, read.parameters).to_pylist()
    shown = {column: found.name for column, found in own.items()} or {column: column for column in schema.names}
    rows = [{column: row[name] for column, name in shown.items()} for row in session.arrow(sql).to_pylist()]
    return compared(name, list(shown), wanted, rows, subset=expected.match == "subset", ordered=expected.ordered)


def _rows(staging: Staging, name: str, session: Session) -> Sequence[Row]:
    """Return the rows of a table or an export, those of a table in the order of their values.

    Raises:
        StepError: there are none to speak of.

    """
    made = _made(staging, name, session)
    if isinstance(made, str):
        raise StepError(f"{name}: {made}")
    order = "" if name in staging.outputs else " ORDER BY ALL"
    rows: list[Row] = session.arrow(f"FROM ({made[0]}){order}").to_pylist()
    return rows


def _made(staging: Staging, name: str, session: Session) -> tuple[str, TableSchema] | str:
    """Return the query of what a table or an export has come to, and its columns; a text says why there is none."""
    path = staging.outputs.get(name)
    if path is not None and not path.exists():
        return "the export did not run"
    if path is None and not session.exists(name):
        return "nothing wrote it"
    dialects = frozenset({session.dialect})
    sql = all_rows(name) if path is None else staging.fixtures.of_file(name, "parquet", path).read(dialects).sql
    return sql, session.columns(Select(session.dialect, sql))
