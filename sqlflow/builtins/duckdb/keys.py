"""Keys of a batch: there, not NULL, and unique where the mode needs it."""

from __future__ import annotations

import re

from sqlflow.sdk import StepError, TableWrite, columns_list, did_you_mean, quote

from .connection import Connection

SAMPLE = 5
_ORDER = re.compile(r"^(.*?)(?:\s+(asc|desc))?(\s+nulls\s+(?:first|last))?$", re.IGNORECASE)


def check_keys(db: Connection, write: TableWrite) -> None:
    """Refuse a batch whose keys cannot tell rows apart.

    Raises:
        StepError: a key column is missing, holds NULL, or (for merge) keys repeat.

    """
    batch = write.staged.relation
    for column in write.key:
        if write.staged.schema.get(column) is None:
            raise StepError(
                f"key column {column!r} is not in the batch for {write.target}",
                hint=did_you_mean(column, write.staged.schema.names, noun="column"),
                code="SF705",
            )
    unique = write.mode in ("merge", "append", "scd2") and write.on_duplicate == "error"
    at, names = write.versioning and write.versioning.at, _group(write)
    keys = columns_list(names)
    if not unique:
        _refuse_nulls(db, write)
        return
    rows = f"(SELECT DISTINCT * FROM {batch})" if at else batch
    wrong = " OR ".join(["count(*) > 1", *(f"{quote(c)} IS NULL" for c in write.key)])
    found = db.execute(f"SELECT {keys}, count(*) FROM {rows} GROUP BY {keys} HAVING {wrong} LIMIT {SAMPLE}")
    if found:
        _refuse_nulls(db, write)
        shown = "; ".join(
            ", ".join(f"{c} = {v!r}" for c, v in zip(names, row, strict=False)) + f" ({row[-1]} rows)" for row in found
        )
        raise StepError(
            f"duplicate keys in the batch for {write.target}: {shown}",
            hint="write on_duplicate: first or last with order_by: [column], or make the key wider",
            code="SF705",
        )


def _refuse_nulls(db: Connection, write: TableWrite) -> None:
    counted = ", ".join(f"count(*) - count({quote(c)})" for c in write.key)
    nulls = db.execute(f"SELECT {counted} FROM {write.staged.relation}")[0]
    for column, count in zip(write.key, nulls, strict=True):
        if count:
            raise StepError(
                f"key column {column!r} is NULL in {count} rows of the batch for {write.target}",
                hint="a key identifies a row; filter these rows in the source or choose another key",
                code="SF706",
            )


def deduplicated(write: TableWrite) -> str:
    """Return the batch with one row a key: the first or the last in the given order."""
    order = ", ".join(_order_term(term, reverse=write.on_duplicate == "last") for term in write.order_by)
    ranked = f"row_number() OVER (PARTITION BY {columns_list(_group(write))} ORDER BY {order}) AS sqlflow_rank"
    batch = write.staged.relation
    return f"SELECT * EXCLUDE (sqlflow_rank) FROM (SELECT *, {ranked} FROM {batch}) WHERE sqlflow_rank = 1"


def _group(write: TableWrite) -> tuple[str, ...]:
    """Return what tells rows of a batch apart: the key, and in a history the time of the version."""
    at = write.versioning.at if write.versioning else None
    return (*write.key, at) if at else write.key


def _order_term(term: str, *, reverse: bool) -> str:
    found = _ORDER.match(term.strip())
    column, direction = (found[1], (found[2] or "asc").lower()) if found else (term, "asc")
    if reverse:
        direction = "asc" if direction == "desc" else "desc"
    return f"{quote(column)} {direction} NULLS LAST"
