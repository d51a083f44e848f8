"""Running one test: plan, execute in memory, compare."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlflow.errors import DocumentError, SQLFlowError
from sqlflow.pipeline import Pipeline, run_plan
from sqlflow.problem import Mark
from sqlflow.registry import Catalog
from sqlflow.result import RunResult
from sqlflow.sdk import ReadRequest, Select, Session
from sqlflow.spec import ExpectedRows, Mapping, SpecTest, read_pipeline
from sqlflow.spec import Sequence as Items

from .outcome import Difference, Outcome, compared
from .staging import Staging
from .standins import Given, all_rows


def declared_tests(path: Path) -> list[tuple[SpecTest, Mark]]:
    """Return the tests of a document, each with its place.

    Raises:
        DocumentError: the document cannot be read.

    """
    read = read_pipeline(path)
    if isinstance(read, list):
        raise DocumentError(read)
    if read.model is None:
        raise DocumentError(read.diagnosis.problems)
    node = read.node("tests")
    nodes = node.items if isinstance(node, Items) else []
    places = [item.values.get("name", item) if isinstance(item, Mapping) else item for item in nodes]
    return [(test, read.source.at(place)) for test, place in zip(read.model.tests, places, strict=True)]


def run_test(path: Path, test: SpecTest, mark: Mark, catalog: Catalog, profile: str | None = None) -> Outcome:
    """Run a test; what keeps it from running is told in the outcome."""
    started = time.perf_counter()
    try:
        differences, problem = _run(path, test, mark, catalog, profile)
    except SQLFlowError as error:
        expected = isinstance(error, DocumentError) and any(p.code == test.error for p in error.problems)
        differences, problem = (), "" if expected or (test.error and error.code == test.error) else str(error)
    return Outcome(test.name, tuple(differences), problem, (time.perf_counter() - started) * 1000)


def _run(
    path: Path, test: SpecTest, mark: Mark, catalog: Catalog, profile: str | None
) -> tuple[Sequence[Difference], str]:
    plan = Pipeline(path, catalog).plan(profile=profile, vars=test.vars, offline=True, sources=False)
    with tempfile.TemporaryDirectory(prefix="sqlflow-test-") as folder:
        staging = Staging(plan, test, catalog, Path(folder), mark)
        with run_plan(staging.staged(), catalog, keep_open=True) as result:
            problem = _verdict(test, result)
            if problem or result.session is None:
                return (), problem
            found = [_held(staging, name, rows, result.session) for name, rows in test.expect.items()]
    return [difference for difference in found if difference], ""


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
    path = staging.outputs.get(name)
    if path is not None and not path.exists():
        return Difference(name, (), note="the export did not run")
    if path is None and session.describe(name) is None:
        return Difference(name, (), note="nothing wrote it")
    sql = all_rows(name) if path is None else _select(staging.output(name, path), session).sql
    wanted = _rows(staging, name, expected, session)
    columns = list(dict.fromkeys(column for row in wanted for column in row))
    there = session.columns(Select(session.dialect, sql)).names
    folded = {column.lower(): column for column in there}
    if unknown := [column for column in columns if column.lower() not in folded]:
        return Difference(name, (), note=f"it has no column {unknown[0]!r}; it has: {', '.join(there)}")
    shown = {column: folded[column.lower()] for column in columns} or {column: column for column in there}
    found = [{c: row[own] for c, own in shown.items()} for row in session.arrow(sql).to_pylist()]
    return compared(name, list(shown), wanted, found, subset=expected.match == "subset", ordered=expected.ordered)


def _rows(staging: Staging, name: str, expected: ExpectedRows, session: Session) -> list[dict[str, Any]]:
    if expected.rows is not None:
        return expected.rows
    given = staging.given(f"expected {name}", expected, staging.plan.path.parent)
    read = _select(given, session)
    rows: list[dict[str, Any]] = session.arrow(read.sql, read.parameters).to_pylist()
    return rows


def _select(given: Given, session: Session) -> Select:
    return given.select(ReadRequest(None, None, given.folder, {}, frozenset({session.dialect})))
