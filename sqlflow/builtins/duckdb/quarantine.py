"""Rows that are set aside: taken out of a batch by its checks, and kept in a table of their own with the reason.

The table of a target grows with what it meets: a new column is added, one whose type no longer fits becomes text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from sqlflow.sdk import (
    Check,
    CheckResult,
    Column,
    RowTest,
    SetAside,
    Staged,
    TableSchema,
    TableWrite,
    Token,
    columns_list,
    literal,
    normal_type,
    quote,
    quote_target,
    widens,
)

from . import checking
from .connection import Connection
from .exact import INEXACT

#: What is told of a row beside its own columns.
TOLD = (
    Column("sqlflow_check", "VARCHAR"),
    Column("sqlflow_raw", "VARCHAR"),
    Column("sqlflow_pipeline", "VARCHAR"),
    Column("sqlflow_step", "VARCHAR"),
    Column("sqlflow_run_id", "VARCHAR"),
    Column("sqlflow_at", "TIMESTAMP WITH TIME ZONE"),
)


def sift(
    db: Connection, staged: Staged, checks: Sequence[Check], table: str
) -> tuple[Staged, SetAside | None, tuple[CheckResult, ...]]:
    """Take the rows that fail a check out of a staged table."""
    results = checking.run(db, staged.relation, checks)
    failing = [(check, result) for check, result in zip(checks, results, strict=True) if result.failures]
    if not failing:
        return staged, None, results
    tests: list[tuple[str, str]] = []
    parameters: dict[str, Any] = {}
    for check, _ in failing:
        compiled = check.kind.compile(check.config, staged.relation)
        if isinstance(compiled, RowTest):
            where = f"({check.where}) AND " if check.where else ""
            tests.append((check.name, f"coalesce({where}({compiled.fails}), FALSE)"))
            parameters |= check.parameters
    names = ", ".join(f"CASE WHEN {fails} THEN {literal(name)} END" for name, fails in tests)
    bad = " OR ".join(fails for _, fails in tests)
    staging = "temp.sqlflow_aside"
    caught = f"SELECT concat_ws('; ', {names}) AS sqlflow_check, * FROM {staged.relation} WHERE {bad}"
    count = db.make(staging, caught, parameters, kind="TEMP TABLE")
    db.execute(f"DELETE FROM {staged.relation} WHERE {bad}", parameters)
    left = replace(staged, rows=None if staged.rows is None else staged.rows - count)
    told = tuple(_told(check, result, table) for check, result in zip(checks, results, strict=True))
    return left, SetAside(table, staging, staged.schema, count), told


def _told(check: Check, result: CheckResult, table: str) -> CheckResult:
    """Return the result of a check whose failing rows are out of the way; too many of them still fail it."""
    failures = result.failures or 0
    if not failures:
        return result
    passed = not check.max_failures or failures <= check.max_failures
    return replace(result, passed=passed, quarantined=failures, message=f"{result.message}\n  set aside in {table}")


def keep(db: Connection, aside: SetAside, token: Token, *, anew: bool = False) -> bool:
    """Add the rows to their table, inside the transaction; tells whether that had to be made.

    A row that is read again is kept once; `anew`: none of them has been read before.
    """
    table = quote_target(aside.table)
    entry = db.warehouse.entry(aside.table)
    if entry is None:
        told = ", ".join(f"{column.name} {column.type}" for column in TOLD)
        db.execute(f"CREATE TABLE IF NOT EXISTS {table} ({told})")
    _widen(db, table, aside.schema)
    present = db.schema_of(aside.relation)
    own = [c.name for c in aside.schema]
    shown = [c.name for c in TOLD[:2] if present.get(c.name) is not None]
    names = columns_list([*shown, *own, *(c.name for c in TOLD[2:])])
    values = columns_list([*shown, *own])
    known = f"SELECT {values} FROM {table} WHERE sqlflow_pipeline = $pipeline AND sqlflow_step = $step"
    new = f"SELECT {values} FROM {aside.relation}" + ("" if anew else f" EXCEPT ALL {known}")
    mine = {"pipeline": token.pipeline, "step": token.step}
    own_rows = f"SELECT *, $pipeline, $step, $run, now() FROM ({new})"
    db.execute(f"INSERT INTO {table} ({names}) {own_rows}", {**mine, "run": token.run})
    return entry is None


def clear(db: Connection, table: str, token: Token) -> None:
    """Take out what a step has set aside, because it reads everything anew."""
    if db.warehouse.entry(table) is not None:
        db.execute(
            f"DELETE FROM {quote_target(table)} WHERE sqlflow_pipeline = $pipeline AND sqlflow_step = $step",
            {"pipeline": token.pipeline, "step": token.step},
        )


def supersede(db: Connection, table: str, token: Token, write: TableWrite) -> None:
    """Take out the rows whose key comes with a good row now that is no older: it stands in their place."""
    if write.mode not in ("merge", "scd2") or not write.key or db.warehouse.entry(table) is None:
        return
    known, batch = db.schema_of(quote_target(table)), write.staged.schema
    since = write.staged.batch.since
    conditions = ["q.sqlflow_pipeline = $sqlflow_p", "q.sqlflow_step = $sqlflow_s", "q.sqlflow_raw IS NULL"]
    for name, sign in [*((k, "=") for k in write.key), *([(since.column, "<=")] if since is not None else [])]:
        old, new = known.get(name), batch.get(name)
        if old is None or new is None:
            return
        conditions.append(f"TRY_CAST(q.{quote(old.name)} AS {new.type}) {sign} b.{quote(new.name)}")
    db.execute(
        f"DELETE FROM {quote_target(table)} q USING {write.staged.relation} b WHERE {' AND '.join(conditions)}",
        {**write.staged.parameters, "sqlflow_p": token.pipeline, "sqlflow_s": token.step},
    )


def _widen(db: Connection, table: str, schema: TableSchema) -> None:
    known = db.schema_of(table)
    for column in schema:
        found = known.get(column.name)
        if found is None:
            db.execute(f"ALTER TABLE {table} ADD COLUMN {quote(column.name)} {column.type}")
        elif normal_type(found.type) != normal_type(column.type) and not widens(column.type, found.type):
            wider = column.type if widens(found.type, column.type) else "VARCHAR"
            if normal_type(found.type) != wider:
                db.execute(f"ALTER TABLE {table} ALTER {quote(found.name)} SET DATA TYPE {wider}")


def rejected(db: Connection, query: str, table: str) -> SetAside | None:
    """Take what a reader could not read: a query of `sqlflow_check` (the reason) and `sqlflow_raw` (the text)."""
    if db.execute("SELECT 1 FROM duckdb_tables() WHERE temporary AND table_name = $name", {"name": INEXACT}):
        query = f"FROM ({query}) UNION ALL BY NAME FROM temp.{INEXACT}"  # read, but of another type than the column's
    kept = "temp.sqlflow_rejected"
    count = db.make(kept, query, kind="TEMP TABLE")
    return SetAside(table, kept, TableSchema(()), count) if count else None
