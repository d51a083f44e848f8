"""Rows that a batch takes away from its target: those it marks, and those it no longer holds."""

from __future__ import annotations

from msgspec.structs import replace

from sqlflow.sdk import (
    StepError,
    TableSchema,
    TableWrite,
    columns_list,
    did_you_mean,
    fold,
    key_match,
    quote,
    quote_target,
)

from .aligning import BATCH, TARGET
from .connection import Connection


def marker_of(write: TableWrite) -> str | None:
    """Return the column of the batch that marks deleted rows, when it is not to be stored.

    Raises:
        StepError: the batch does not have it.

    """
    deletion = write.deletion
    if deletion is None or deletion.marker is None:
        return None
    found = write.staged.schema.get(deletion.marker)
    if found is None:
        raise StepError(
            f"the column {deletion.marker!r} that marks deleted rows is not in the batch for {write.target}",
            hint=did_you_mean(deletion.marker, write.staged.schema.names, noun="column"),
            code="SF705",
        )
    return None if deletion.soft else found.name


def marked(column: str) -> str:
    """Write the condition that a row is marked as deleted; NULL is not."""
    return f"coalesce(CAST({quote(column)} AS BOOLEAN), FALSE)"


def living(write: TableWrite) -> tuple[TableWrite, str | None]:
    """Return the write without marked rows and their marker, and the relation of the keys that are to go."""
    marker = marker_of(write)
    if marker is None:
        return write, None
    batch = write.staged.relation
    kept = f"(SELECT * EXCLUDE ({quote(marker)}) FROM {batch} WHERE NOT {marked(marker)})"
    gone = f"(SELECT {columns_list(write.key)} FROM {batch} WHERE {marked(marker)})"
    schema = TableSchema(tuple(c for c in write.staged.schema if fold(c.name) != fold(marker)))
    return replace(write, staged=replace(write.staged, relation=kept, schema=schema)), gone


def delete_keys(db: Connection, write: TableWrite, gone: str) -> int:
    """Delete the rows of the target whose key is among those that are to go."""
    match = key_match(write.key, TARGET, BATCH)
    rows = db.execute(f"DELETE FROM {quote_target(write.target)} {TARGET} USING {gone} {BATCH} WHERE {match}")
    return int(rows[0][0])


def missing_rows(db: Connection, write: TableWrite, *, among: str = "TRUE") -> str | None:
    """Return the condition that a row of the target is missing from the batch; None when nothing is to be deleted.

    Raises:
        StepError: more rows are missing than may be deleted at once.

    """
    deletion = write.deletion
    if deletion is None or not deletion.missing or not write.staged.rows:
        return None
    there = f"EXISTS (SELECT 1 FROM {write.staged.relation} {BATCH} WHERE {key_match(write.key, TARGET, BATCH)})"
    condition = f"{among} AND NOT {there}"
    counted = f"count(*) FILTER ({among}), count(*) FILTER ({condition})"
    total, lost = db.execute(f"SELECT {counted} FROM {quote_target(write.target)} {TARGET}")[0]
    if not lost:
        return None
    if lost > total * deletion.max_share:
        raise StepError(
            f"{lost} of the {total} rows of {write.target} are missing from the batch, which is more than the "
            f"{deletion.max_share:.0%} that may be deleted at once",
            hint="see whether the source is complete; raise deletes: {max_share: ...} when it is",
            code="SF735",
        )
    return condition
