"""How a batch meets its target: every write mode, inside the transaction that the session holds open.

`prepare` looks at the target and refuses what must not be; `run` writes. Columns always meet by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sqlflow.sdk import (
    RowCounts,
    ScriptWrite,
    StepError,
    TableWrite,
    ViewWrite,
    columns_list,
    fold,
    key_match,
    quote,
    split_name,
)

from .aligning import BATCH, TARGET, Alignment, align
from .connection import Connection
from .keys import check_keys, deduplicated
from .warehouse import STAGE_PREFIX, Entry, beside, quoted

MET = "temp.sqlflow_met"
"""Temporary table of the rows that a merge found in its target."""

NUMBERED = "sqlflow_numbered"
"""Temporary table of a batch whose rows have no number of their own."""

_FIXED_WIDTH = re.compile(r"(?!.*\])(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL|BOOLEAN|DATE|TIME|UUID)")


@dataclass(frozen=True)
class Done:
    """What writing did; `total` goes into the ledger."""

    rows: RowCounts
    warnings: tuple[str, ...] = ()

    @property
    def total(self) -> int | None:
        """Rows written in all."""
        known = [n for n in (self.rows.inserted, self.rows.updated) if n is not None]
        return sum(known) if known else self.rows.read


@dataclass(frozen=True)
class Publication:
    """A write that has been looked at and may run. `indexes` are those that the target has afterwards."""

    run: Callable[[Connection], Done]
    indexes: tuple[tuple[str, str], ...] = ()
    makes: bool = False
    """Whether the target comes into being by it, or is replaced whole."""


def read_only(rows: int | None) -> RowCounts:
    """Count the rows of a commit that writes no table here."""
    return RowCounts(read=rows)


def prepare(db: Connection, write: TableWrite | ViewWrite | ScriptWrite) -> Publication:
    """Look at the target and choose the way to write it."""
    if isinstance(write, ScriptWrite):
        makes = any(sql.split(None, 1)[0].lower() == "create" for sql, _ in write.statements)
        return Publication(lambda db: _script(db, write), makes=makes)
    entry = db.warehouse.entry(write.target)
    if isinstance(write, ViewWrite):
        _refuse_foreign(db, write.target, entry, adopt=write.adopt)
        return Publication(lambda db: _view(db, write, entry), makes=True)
    indexes = entry.indexes if entry else ()
    if entry is not None and entry.kind == "view" and write.mode != "replace":
        raise StepError(
            f"{write.target} is a view, and mode {write.mode} needs a table",
            hint="drop the view, or write mode: replace",
            code="SF719",
        )
    if write.mode == "replace":
        _refuse_foreign(db, write.target, entry, adopt=write.adopt)
        return Publication(lambda db: _replace(db, write, entry), indexes, makes=True)
    if write.key:
        check_keys(db, write)
    if entry is None:
        return Publication(lambda db: _replace(db, write, None), makes=True)
    alignment = align(db, write)
    modes = {"append": _append, "merge": _merge, "delete_insert": _delete_insert}
    return Publication(lambda db: modes[write.mode](db, write, alignment), indexes)


def _refuse_foreign(db: Connection, target: str, entry: Entry | None, *, adopt: bool) -> None:
    """Refuse to replace what SQLFlow did not make, unless the document says so."""
    if entry is not None and not adopt and not db.warehouse.owned(target):
        raise StepError(
            f"{target} exists and was not made by SQLFlow; replacing it would lose its rows",
            hint="write adopt: true to take it over, or another target",
            code="SF718",
        )


def _replace(db: Connection, write: TableWrite, entry: Entry | None) -> Done:
    """Put the batch in the place of the target; it may be a query that reads the target itself."""
    staged = write.staged
    name = split_name(write.target)[-1]
    if staged.table is not None and write.on_duplicate == "error":
        fresh, rows = staged.table, staged.rows or 0
    else:
        batch = f"({deduplicated(write)})" if write.on_duplicate != "error" else staged.relation
        in_place = entry is None or entry.kind == "table"  # a view cannot be replaced by a table
        fresh = write.target if in_place else beside(write.target, f"{STAGE_PREFIX}{name}")
        made = db.execute(f"CREATE OR REPLACE TABLE {quoted(fresh)} AS FROM {batch}", staged.parameters)
        rows = int(made[0][0])
    if entry is not None and fresh != write.target:
        db.execute(f"DROP {entry.kind.upper()} {quoted(write.target)}")
    if fresh != write.target:
        db.execute(f"ALTER TABLE {quoted(fresh)} RENAME TO {quote(name)}")
    for column, spec in write.columns.items():
        if not spec.nullable:
            _require(db, write.target, column)
    for _, statement in entry.indexes if entry else ():
        db.execute(statement)
    read = staged.rows if staged.rows is not None else rows
    return Done(RowCounts(read=read, inserted=rows, updated=0, deleted=None))


def _require(db: Connection, target: str, column: str) -> None:
    """Set NOT NULL, which a table made from a query does not inherit."""
    nulls = db.execute(f"SELECT count(*) FROM {quoted(target)} WHERE {quote(column)} IS NULL")[0][0]
    if nulls:
        raise StepError(
            f"column {column!r} of {target} is declared not null, and {nulls} rows hold NULL",
            hint="mend the source, filter the rows, or drop `not null` from columns",
            code="SF712",
        )
    db.execute(f"ALTER TABLE {quoted(target)} ALTER {quote(column)} SET NOT NULL")


def _view(db: Connection, write: ViewWrite, entry: Entry | None) -> Done:
    if entry is not None:
        db.execute(f"DROP {entry.kind.upper()} {quoted(write.target)}")
    db.execute(f"CREATE VIEW {quoted(write.target)} AS {write.sql}")
    return Done(RowCounts())


def _append(db: Connection, write: TableWrite, alignment: Alignment) -> Done:
    staged = write.staged
    warnings: tuple[str, ...] = ()
    batch = staged.relation
    alignment.apply(db, write.target)
    if write.key:
        target = quoted(write.target)
        match = key_match(write.key, TARGET, BATCH)
        if differing := alignment.difference():
            joined = f"{batch} {BATCH} JOIN {target} {TARGET} ON {match}"
            changed = db.execute(f"SELECT count(*) FROM {joined} WHERE {differing}")[0][0]
            if changed:
                told = f"{changed} rows have a key that is in {write.target} already but other values"
                warnings = (f"{told}; append keeps the old ones. Write mode: merge to update them",)
        batch = _unmatched(batch, target, match)
    inserted = _insert(db, write.target, batch, alignment, staged.parameters)
    read = staged.rows if staged.rows is not None else inserted
    return Done(RowCounts(read=read, inserted=inserted, updated=0, deleted=0), warnings)


def _merge(db: Connection, write: TableWrite, alignment: Alignment) -> Done:
    """Replace the matched rows that differ and insert the new ones; equal rows are not touched.

    The target is joined once: what was met, and whether it differs, is kept as pairs of row ids, and everything else
    works on that. A key that the target holds more than once becomes one row; the others count as deleted.
    """
    target, carried = quoted(write.target), alignment.carried
    alignment.apply(db, write.target)
    hidden = any(fold(name) == "rowid" for name in alignment.target_names)  # a column of that name hides DuckDB's own
    batch, row, rows = _numbered(db, write, hidden=hidden)
    _meet(db, write, alignment, batch, row, hidden=hidden)
    old = f"WHERE rowid IN (SELECT sqlflow_old FROM {MET} WHERE sqlflow_differs)"
    if hidden:
        match, differing = key_match(write.key, TARGET, BATCH), alignment.difference() or "FALSE"
        old = f"{TARGET} USING {batch} {BATCH} WHERE {match} AND ({differing})"
    deleted = _count(db, f"DELETE FROM {target} {old}")
    inserted = rows - int(db.execute(f"SELECT count(DISTINCT sqlflow_row) FROM {MET}")[0][0])
    known = MET if carried else f"(SELECT sqlflow_row FROM {MET} WHERE NOT sqlflow_differs)"
    fresh = f"(SELECT {BATCH}.* FROM {batch} {BATCH} ANTI JOIN {known} m ON m.sqlflow_row = {row})"
    updated = _insert(db, write.target, fresh, alignment, {}) - inserted
    if carried and deleted:
        kept = "".join(f", any_value({quote(c)}) AS {quote(c)}" for c in carried)
        changed = f"(SELECT sqlflow_row{kept} FROM {MET} GROUP BY sqlflow_row HAVING bool_and(sqlflow_differs))"
        both = columns_list(alignment.insert_names, prefix=f"{BATCH}.") + "".join(f", m.{quote(c)}" for c in carried)
        again = f"(SELECT {both} FROM {batch} {BATCH} JOIN {changed} m ON m.sqlflow_row = {row})"
        updated = _insert(db, write.target, again, alignment, {}, carried)
    db.execute(f"DROP TABLE {MET}")
    return Done(RowCounts(read=write.staged.rows, inserted=inserted, updated=updated, deleted=deleted - updated))


def _numbered(db: Connection, write: TableWrite, *, hidden: bool) -> tuple[str, str, int]:
    """Return the batch as a table with one row a key, the number that tells its rows apart, and how many they are."""
    staged = write.staged
    if staged.materialized and staged.rows is not None and write.on_duplicate == "error" and not hidden:
        return staged.relation, f"{BATCH}.rowid", staged.rows
    batch = f"({deduplicated(write)})" if write.on_duplicate != "error" else staged.relation
    made = db.execute(
        f"CREATE OR REPLACE TEMP TABLE {NUMBERED} AS SELECT *, row_number() OVER () AS sqlflow_row FROM {batch}",
        staged.parameters,
    )
    return f"temp.{NUMBERED}", f"{BATCH}.sqlflow_row", int(made[0][0])


def _meet(db: Connection, write: TableWrite, alignment: Alignment, batch: str, row: str, *, hidden: bool) -> None:
    """Write down which row of the batch meets which of the target, and whether they differ.

    Reading text is most of the work, so it is compared only where everything of a fixed width is equal.
    """
    names = alignment.insert_names
    quick = [c.name for c in write.staged.schema if _FIXED_WIDTH.match(c.type)] if not hidden else names
    first = alignment.difference(quick)
    rest = alignment.difference([name for name in names if name not in quick])
    if not first:
        first, rest = rest, ""
    carried = "".join(f", {TARGET}.{quote(c)}" for c in alignment.carried)
    old = "NULL" if hidden else f"{TARGET}.rowid"
    db.execute(
        f"CREATE OR REPLACE TEMP TABLE sqlflow_met AS SELECT {row} AS sqlflow_row, {old} AS sqlflow_old{carried}, "
        f"({first or 'FALSE'}) AS sqlflow_differs FROM {batch} {BATCH} JOIN {quoted(write.target)} {TARGET} "
        f"ON {key_match(write.key, TARGET, BATCH)}"
    )
    if rest:
        db.execute(
            f"UPDATE {MET} m SET sqlflow_differs = TRUE FROM {batch} {BATCH}, {quoted(write.target)} {TARGET} "
            f"WHERE NOT m.sqlflow_differs AND m.sqlflow_row = {row} AND m.sqlflow_old = {TARGET}.rowid AND ({rest})"
        )


def _unmatched(batch: str, target: str, match: str) -> str:
    """Return the rows of a batch whose key is not in the target."""
    known = f"EXISTS (SELECT 1 FROM {target} {TARGET} WHERE {match})"
    return f"(SELECT {BATCH}.* FROM {batch} {BATCH} WHERE NOT {known})"


def _delete_insert(db: Connection, write: TableWrite, alignment: Alignment) -> Done:
    target = quoted(write.target)
    alignment.apply(db, write.target)
    keys = f"(SELECT DISTINCT {columns_list(write.key)} FROM {write.staged.relation})"
    match = key_match(write.key, TARGET, BATCH)
    deleted = _count(db, f"DELETE FROM {target} {TARGET} USING {keys} {BATCH} WHERE {match}")
    inserted = _insert(db, write.target, write.staged.relation, alignment, {})
    return Done(RowCounts(read=write.staged.rows, inserted=inserted, updated=0, deleted=deleted))


def _insert(
    db: Connection,
    target: str,
    batch: str,
    alignment: Alignment,
    parameters: object,
    carried: list[str] | None = None,
) -> int:
    names = columns_list([*alignment.insert_names, *(carried or [])])
    return _count(db, f"INSERT INTO {quoted(target)} ({names}) SELECT {names} FROM {batch}", parameters)


def _count(db: Connection, statement: str, parameters: object = None) -> int:
    rows = db.execute(statement, parameters)  # type: ignore[arg-type]
    return int(rows[0][0]) if rows else 0


_COUNTED = {"insert": "inserted", "update": "updated", "delete": "deleted"}


def _script(db: Connection, write: ScriptWrite) -> Done:
    counts: dict[str, int] = {}
    for sql, parameters in write.statements:
        rows = db.execute(sql, parameters)
        verb = _COUNTED.get(sql.split(None, 1)[0].lower())
        if verb and rows and len(rows) == 1 and isinstance(rows[0][0], int):
            counts[verb] = counts.get(verb, 0) + rows[0][0]
    return Done(RowCounts(**counts))
