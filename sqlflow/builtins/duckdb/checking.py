"""Running checks: all row tests and aggregates of a relation in one scan, samples only when something failed.

Aggregates that look at some of the rows only have a scan of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlflow.sdk import Check, CheckResult, QueryTest, RowTest, StepError, TableTest, quote

from .connection import Connection

SAMPLE = 5
_SHOWN = 60


def run(db: Connection, relation: str, checks: Sequence[Check]) -> tuple[CheckResult, ...]:
    """Return a result for every check, in their order.

    Raises:
        StepError: the SQL of a check fails, whatever its severity.

    """
    results: dict[int, CheckResult] = {}
    scanned: dict[str, list[tuple[int, Check, RowTest | TableTest]]] = {}
    for position, check in enumerate(checks):
        compiled = check.kind.compile(check.config, _filtered(relation, check))
        if isinstance(compiled, QueryTest):
            results[position] = _query(db, check, compiled)
        else:  # an aggregate of some rows is taken of these alone: it may be any expression
            rows = _filtered(relation, check) if isinstance(compiled, TableTest) else relation
            scanned.setdefault(rows, []).append((position, check, compiled))
    for rows, tests in scanned.items():
        results.update(_scan(db, rows, tests))
    return tuple(results[position] for position in range(len(checks)))


def _filtered(relation: str, check: Check) -> str:
    return f"(SELECT * FROM {relation} WHERE {check.where})" if check.where else relation


def _scan(
    db: Connection, relation: str, scanned: list[tuple[int, Check, RowTest | TableTest]]
) -> dict[int, CheckResult]:
    """Count failures of all row tests and take all measures in one pass over the relation."""
    inner: list[str] = ["*"]
    outer: list[str] = []
    parameters: dict[str, Any] = {}
    for position, check, test in scanned:
        parameters |= check.parameters
        if isinstance(test, TableTest):
            outer.append(f"{test.measure}, count(*)")
            continue
        where = f"({check.where})" if check.where else "TRUE"
        inner.append(f"({where} AND ({test.fails})) AS sqlflow_fails_{position}")
        inner.append(f"({where}) AS sqlflow_looks_{position}")
        outer.append(f"count(*) FILTER (sqlflow_fails_{position}), count(*) FILTER (sqlflow_looks_{position})")
    sql = f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM {relation})"
    try:
        row = db.execute(sql, parameters)[0]
    except StepError as error:
        raise _broken([check for _, check, _ in scanned], error) from error
    found: dict[int, CheckResult] = {}
    for index, (position, check, test) in enumerate(scanned):
        value, total = row[2 * index], row[2 * index + 1]
        if isinstance(test, RowTest):
            found[position] = _row_result(db, relation, check, test, value, total)
        else:
            complaint = test.complaint(value)
            found[position] = CheckResult(
                check.name, check.kind.name, check.severity, complaint is None, None, total, complaint or ""
            )
    return found


def _row_result(db: Connection, relation: str, check: Check, test: RowTest, failures: int, total: int) -> CheckResult:
    passed = failures <= check.max_failures
    sample: tuple[Mapping[str, Any], ...] = ()
    if failures:
        where = f"({check.where}) AND ({test.fails})" if check.where else test.fails
        sample = _sample(db, f"SELECT * FROM {relation} WHERE {where}", check.parameters)
    return CheckResult(
        check.name,
        check.kind.name,
        check.severity,
        passed,
        failures,
        total,
        _message(failures, total, sample, test.shows) if failures else "",
        sample,
    )


def _query(db: Connection, check: Check, test: QueryTest) -> CheckResult:
    try:
        failures = db.execute(f"SELECT count(*) FROM ({test.sql}\n)", check.parameters)[0][0]
    except StepError as error:
        raise _broken([check], error) from error
    sample = _sample(db, test.sql, check.parameters) if failures else ()
    passed = failures <= check.max_failures
    return CheckResult(
        check.name,
        check.kind.name,
        check.severity,
        passed,
        failures,
        None,
        _message(failures, None, sample, ()) if failures else "",
        sample,
    )


def _sample(db: Connection, sql: str, parameters: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    relation = f"({sql}\n)"
    schema = db.schema_of(relation, parameters)
    rows = db.execute(
        "SELECT "
        + ", ".join(f"CAST({quote(n)} AS VARCHAR)" for n in schema.names)
        + f" FROM {relation} LIMIT {SAMPLE}",
        parameters,
    )
    names = [n for n in schema.names if not n.startswith("sqlflow_")]
    return tuple(dict(zip(names, row, strict=False)) for row in rows)


def _message(failures: int, total: int | None, sample: Sequence[Mapping[str, Any]], shows: Sequence[str]) -> str:
    """Say how many of how many rows fail, and show some of them."""
    head = f"{failures} of {total} rows" if total is not None else f"{failures} rows"
    lines = []
    for row in sample:
        wanted = {n.lower() for n in shows}
        first = [n for n in row if n.lower() in wanted]
        shown = [*first, *(n for n in row if n not in first)][:6]
        lines.append("  " + ", ".join(f"{n} = {_short(row[n])}" for n in shown))
    more = [f"  ... and {failures - len(sample)} more"] if failures > len(sample) else []
    return "\n".join([head, *lines, *more])


def _short(value: Any) -> str:
    text = "NULL" if value is None else str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _broken(checks: Sequence[Check], error: StepError) -> StepError:
    names = ", ".join(check.name for check in checks)
    first = error.message.split("\n", 1)[0]  # what follows shows SQL that nobody wrote
    return StepError(f"the SQL of check {names} fails: {first}", hint=error.hint, code="SF702")
