"""A batch merged into a table that is there: which rows meet, which of those differ, and writing only these."""

from __future__ import annotations

import re

from sqlflow.sdk import RowCounts, TableWrite, columns_list, fold, key_match, quote, quote_target

from .aligning import BATCH, TARGET, Alignment
from .connection import Connection

MET = "temp.sqlflow_met"
"""Temporary table of the rows that a merge found in its target."""

NUMBERED = "sqlflow_numbered"
"""Temporary table of a batch whose rows have no number of their own."""

_FIXED_WIDTH = re.compile(r"(?!.*\])(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL|BOOLEAN|DATE|TIME|UUID)")


def merge(db: Connection, write: TableWrite, alignment: Alignment, *, unique: bool = False) -> RowCounts:
    """Replace the matched rows that differ and insert the new ones; equal rows are not touched.

    `unique`: no two rows of the target have the same key. If all of the batch is newer than the target, too, there is
    nothing to compare: as many rows are new as are not deleted.

    The target is joined once: what was met, and whether it differs, is kept as pairs of row ids, and everything else
    works on that. A key that the target holds more than once becomes one row; the others count as deleted.
    """
    target, carried = quote_target(write.target), alignment.carried
    alignment.apply(db, write.target)
    if unique and not carried and _overtakes(db, write, alignment):
        match = key_match(write.key, TARGET, BATCH)
        rows = write.staged.rows or 0
        met = count(db, f"DELETE FROM {target} {TARGET} USING {write.staged.relation} {BATCH} WHERE {match}")
        insert(db, write.target, write.staged.relation, alignment, {})
        return RowCounts(read=rows, inserted=max(0, rows - met), updated=min(rows, met), deleted=max(0, met - rows))
    hidden = any(fold(name) == "rowid" for name in alignment.target_names)  # a column of that name hides DuckDB's own
    batch, row, rows = _numbered(db, write, hidden=hidden)
    _meet(db, write, alignment, batch, row, hidden=hidden)
    old = f"WHERE rowid IN (SELECT sqlflow_old FROM {MET} WHERE sqlflow_differs)"
    if hidden:
        match, differing = key_match(write.key, TARGET, BATCH), alignment.difference() or "FALSE"
        old = f"{TARGET} USING {batch} {BATCH} WHERE {match} AND ({differing})"
    deleted = count(db, f"DELETE FROM {target} {old}")
    inserted = rows - int(db.execute(f"SELECT count(DISTINCT sqlflow_row) FROM {MET}")[0][0])
    known = MET if carried else f"(SELECT sqlflow_row FROM {MET} WHERE NOT sqlflow_differs)"
    fresh = f"(SELECT {BATCH}.* FROM {batch} {BATCH} ANTI JOIN {known} m ON m.sqlflow_row = {row})"
    updated = insert(db, write.target, fresh, alignment, {}) - inserted
    if carried and deleted:
        kept = "".join(f", any_value({quote(c)}) AS {quote(c)}" for c in carried)
        changed = f"(SELECT sqlflow_row{kept} FROM {MET} GROUP BY sqlflow_row HAVING bool_and(sqlflow_differs))"
        both = columns_list(alignment.insert_names, prefix=f"{BATCH}.") + "".join(f", m.{quote(c)}" for c in carried)
        again = f"(SELECT {both} FROM {batch} {BATCH} JOIN {changed} m ON m.sqlflow_row = {row})"
        updated = insert(db, write.target, again, alignment, {}, carried)
    db.execute(f"DROP TABLE {MET}")
    return RowCounts(read=write.staged.rows, inserted=inserted, updated=updated, deleted=deleted - updated)


def _overtakes(db: Connection, write: TableWrite, alignment: Alignment) -> bool:
    """Tell whether every row of a batch that is kept as a table has a later cursor than every row of the target."""
    staged = write.staged
    if staged.batch.since is None or not staged.materialized or not staged.rows or staged.relation.startswith("("):
        return False
    column = staged.schema.get(staged.batch.since.column)
    if column is None or fold(column.name) not in map(fold, alignment.target_names):
        return False
    name = quote(column.name)
    found = f"SELECT CAST(min({name}) AS VARCHAR) FROM {staged.relation} HAVING count({name}) = count(*)"
    first = db.execute(found)
    if not first:
        return False
    later = f"SELECT 1 FROM {quote_target(write.target)} WHERE {name} >= CAST($first AS {column.type}) LIMIT 1"
    return not db.execute(later, {"first": first[0][0]})


def _numbered(db: Connection, write: TableWrite, *, hidden: bool) -> tuple[str, str, int]:
    """Return the batch as a table with one row a key, the number that tells its rows apart, and how many they are."""
    staged = write.staged
    if staged.materialized and staged.rows is not None and not staged.relation.startswith("(") and not hidden:
        return staged.relation, f"{BATCH}.rowid", staged.rows
    counted = f"SELECT *, row_number() OVER () AS sqlflow_row FROM {staged.relation}"
    rows = db.make(f"temp.{NUMBERED}", counted, staged.parameters, kind="TEMP TABLE")
    return f"temp.{NUMBERED}", f"{BATCH}.sqlflow_row", rows


def _meet(db: Connection, write: TableWrite, alignment: Alignment, batch: str, row: str, *, hidden: bool) -> None:
    """Write down which row of the batch meets which of the target, and whether they differ.

    Reading the target's columns is most of the work. So the cursor alone is compared first where there is one, since
    a row that changed has moved it, else what has a fixed width; the rest only where these are equal.
    """
    names, since = alignment.insert_names, write.staged.batch.since
    short = {c.name for c in write.staged.schema if _FIXED_WIDTH.match(c.type)}
    if since is not None and (moved := {n for n in names if fold(n) == fold(since.column)}):
        short = moved
    quick = [name for name in names if hidden or name in short]  # hidden: a second look would not find the row
    first = alignment.difference(quick)
    rest = alignment.difference([name for name in names if name not in quick])
    if not first:
        first, rest = rest, ""
    carried = "".join(f", {TARGET}.{quote(c)}" for c in alignment.carried)
    old = "NULL" if hidden else f"{TARGET}.rowid"
    db.execute(
        f"CREATE OR REPLACE TEMP TABLE sqlflow_met AS SELECT {row} AS sqlflow_row, {old} AS sqlflow_old{carried}, "
        f"({first or 'FALSE'}) AS sqlflow_differs FROM {batch} {BATCH} JOIN {quote_target(write.target)} {TARGET} "
        f"ON {key_match(write.key, TARGET, BATCH)}"
    )
    if rest and db.execute(f"SELECT 1 FROM {MET} WHERE NOT sqlflow_differs LIMIT 1"):
        # In one join DuckDB may take the columns that may differ for what it joins by, each row with each other.
        pairs = (
            f"SELECT m.rowid AS sqlflow_pair, m.sqlflow_old, {BATCH}.* FROM {MET} m JOIN {batch} {BATCH} "
            f"ON m.sqlflow_row = {row} WHERE NOT m.sqlflow_differs"
        )
        db.execute(
            f"UPDATE {MET} SET sqlflow_differs = TRUE WHERE rowid IN (WITH sqlflow_pairs AS MATERIALIZED ({pairs}) "
            f"SELECT sqlflow_pair FROM sqlflow_pairs {BATCH} JOIN {quote_target(write.target)} {TARGET} "
            f"ON {BATCH}.sqlflow_old = {TARGET}.rowid WHERE {rest})"
        )


def insert(
    db: Connection,
    target: str,
    batch: str,
    alignment: Alignment,
    parameters: object,
    carried: list[str] | None = None,
) -> int:
    """Insert what the batch brings, and the columns carried over if any; returns how many rows that were."""
    names = columns_list([*alignment.insert_names, *(carried or [])])
    return count(db, f"INSERT INTO {quote_target(target)} ({names}) SELECT {names} FROM {batch}", parameters)


def count(db: Connection, statement: str, parameters: object = None) -> int:
    """Run a statement that changes rows; returns how many it changed."""
    rows = db.execute(statement, parameters)  # type: ignore[arg-type]
    return int(rows[0][0]) if rows else 0
