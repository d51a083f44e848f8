"""How a batch meets its target: every write mode, inside the transaction that the session holds open.

`prepare` looks at the target and refuses what must not be; `run` writes. Columns always meet by name.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from sqlflow.sdk import (
    RowCounts,
    ScriptWrite,
    StepError,
    TableWrite,
    ViewWrite,
    columns_list,
    key_match,
    quote,
    quote_target,
    split_name,
)

from . import history
from .aligning import BATCH, TARGET, Alignment, align
from .connection import Connection
from .deleting import delete_keys, living, missing_rows
from .keys import check_keys, deduplicated
from .merging import count, insert, merge
from .unique import known, unique
from .warehouse import STAGE_PREFIX, Entry, Unique, beside


class Done(Struct, frozen=True):
    """What writing did; `total` goes into the ledger."""

    rows: RowCounts
    warnings: tuple[str, ...] = ()
    unique: Unique | None = None
    """What is known of the keys of the target now."""

    @property
    def changed(self) -> bool:
        """Whether rows may be other than before."""
        counts = (self.rows.inserted, self.rows.updated, self.rows.deleted)
        return any(n is None or n > 0 for n in counts)

    @property
    def total(self) -> int | None:
        """Rows written in all."""
        known = [n for n in (self.rows.inserted, self.rows.updated) if n is not None]
        return sum(known) if known else self.rows.read


class Publication(Struct, frozen=True):
    """A write that has been looked at and may run. `indexes` are those that the target has afterwards."""

    run: Callable[[Connection], Done]
    indexes: tuple[tuple[str, str], ...] = ()
    makes: bool = False
    """Whether the target comes into being by it, or is replaced whole."""
    anew: bool = False
    """Whether rows that were there before are gone on purpose, or there were none."""


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
        return Publication(lambda db: _replace(db, write, entry), indexes, makes=True, anew=entry is None)
    if write.staged.batch.rebuild:
        _refuse_foreign(db, write.target, entry, adopt=write.adopt)
    if write.key:
        check_keys(db, write)
    if entry is None or write.staged.batch.rebuild:
        return Publication(lambda db: _made(db, write, entry), indexes, makes=True, anew=True)
    if write.mode == "scd2":
        single = _resolved(write)
        fitted = history.fitted(db, single)
        return Publication(lambda db: Done(history.update(db, single, fitted)), indexes)
    if write.mode == "merge":
        return _prepared_merge(db, write, indexes)
    alignment = align(db, write)
    modes = {"append": _append, "delete_insert": _delete_insert}
    return Publication(lambda db: modes[write.mode](db, write, alignment), indexes)


def _prepared_merge(db: Connection, write: TableWrite, indexes: tuple[tuple[str, str], ...]) -> Publication:
    """Tell the rows that stay from those that go, then merge, then delete."""
    kept, gone = living(_resolved(write))
    alignment = align(db, kept)
    before = known(db, kept.target, kept.key)

    def run(db: Connection) -> Done:
        missing = missing_rows(db, kept)  # a share of the rows that were there before
        done = Done(merge(db, kept, alignment, unique=before is not None))
        deleted = delete_keys(db, kept, gone) if gone else 0
        if missing is not None:
            deleted += count(db, f"DELETE FROM {quote_target(kept.target)} {TARGET} WHERE {missing}")
        done = replace(done, rows=replace(done.rows, deleted=(done.rows.deleted or 0) + deleted))
        return replace(done, unique=_still(before, done.rows))

    return Publication(run, indexes)


def _still(before: Unique | None, rows: RowCounts) -> Unique | None:
    """Return what is known of keys after rows have come and gone."""
    return replace(before, rows=before.rows + (rows.inserted or 0) - (rows.deleted or 0)) if before else None


def _resolved(write: TableWrite) -> TableWrite:
    """Return the write with one row a key."""
    if write.on_duplicate == "error":
        return write
    return replace(write, on_duplicate="error", staged=replace(write.staged, relation=f"({deduplicated(write)})"))


def _made(db: Connection, write: TableWrite, entry: Entry | None) -> Done:
    """Make the target out of the batch alone, whatever the mode."""
    if write.mode == "scd2":
        ended = history.ended(db, write.target) if entry is not None else 0
        if entry is not None:
            db.execute(f"DROP {entry.kind.upper()} {quote_target(write.target)}")
        rows = history.create(db, _resolved(write))
        _finish(db, write, entry)
        versions = "1 earlier version" if ended == 1 else f"{ended} earlier versions"
        told = f"the history of {write.target} begins anew, without {versions} that it held"
        return Done(RowCounts(read=write.staged.rows, inserted=rows, updated=0, deleted=None), (told,) if ended else ())
    if write.mode == "merge":
        made = _replace(db, living(_resolved(write))[0], entry)
        return replace(made, unique=unique(write.key, made.rows.inserted or 0))
    return _replace(db, write, entry)


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
        rows = db.make(quote_target(fresh), f"FROM {batch}", staged.parameters)
    if entry is not None and fresh != write.target:
        db.execute(f"DROP {entry.kind.upper()} {quote_target(write.target)}")
    if fresh != write.target:
        db.execute(f"ALTER TABLE {quote_target(fresh)} RENAME TO {quote(name)}")
    _finish(db, write, entry)
    read = staged.rows if staged.rows is not None else rows
    return Done(RowCounts(read=read, inserted=rows, updated=0, deleted=None))


def _finish(db: Connection, write: TableWrite, entry: Entry | None) -> None:
    """Give a table that was made anew what a query does not bring: NOT NULL, and the indexes that it had."""
    for column, spec in write.columns.items():
        if not spec.nullable:
            _require(db, write.target, column)
    for _, statement in entry.indexes if entry else ():
        db.execute(statement)


def _require(db: Connection, target: str, column: str) -> None:
    """Set NOT NULL, which a table made from a query does not inherit."""
    nulls = db.execute(f"SELECT count(*) FROM {quote_target(target)} WHERE {quote(column)} IS NULL")[0][0]
    if nulls:
        raise StepError(
            f"column {column!r} of {target} is declared not null, and {nulls} rows hold NULL",
            hint="mend the source, filter the rows, or drop `not null` from columns",
            code="SF712",
        )
    db.execute(f"ALTER TABLE {quote_target(target)} ALTER {quote(column)} SET NOT NULL")


def _view(db: Connection, write: ViewWrite, entry: Entry | None) -> Done:
    if entry is not None:
        db.execute(f"DROP {entry.kind.upper()} {quote_target(write.target)}")
    db.execute(f"CREATE VIEW {quote_target(write.target)} AS {write.sql}")
    return Done(RowCounts())


def _append(db: Connection, write: TableWrite, alignment: Alignment) -> Done:
    staged = write.staged
    warnings: tuple[str, ...] = ()
    batch = staged.relation
    alignment.apply(db, write.target)
    if write.key:
        target = quote_target(write.target)
        match = key_match(write.key, TARGET, BATCH)
        if differing := alignment.difference():
            joined = f"{batch} {BATCH} JOIN {target} {TARGET} ON {match}"
            keys = columns_list(write.key, prefix=f"{BATCH}.")
            changed = db.execute(f"SELECT count(DISTINCT ({keys})) FROM {joined} WHERE {differing}")[0][0]
            if changed:
                told = f"{changed} rows have a key that is in {write.target} already but other values"
                warnings = (f"{told}; append keeps the old ones. Write mode: merge to update them",)
        batch = _unmatched(batch, target, match)
    inserted = insert(db, write.target, batch, alignment, staged.parameters)
    read = staged.rows if staged.rows is not None else inserted
    return Done(RowCounts(read=read, inserted=inserted, updated=0, deleted=0), warnings)


def _unmatched(batch: str, target: str, match: str) -> str:
    """Return the rows of a batch whose key is not in the target."""
    known = f"EXISTS (SELECT 1 FROM {target} {TARGET} WHERE {match})"
    return f"(SELECT {BATCH}.* FROM {batch} {BATCH} WHERE NOT {known})"


def _delete_insert(db: Connection, write: TableWrite, alignment: Alignment) -> Done:
    target = quote_target(write.target)
    alignment.apply(db, write.target)
    if (interval := write.interval) is not None:
        column = quote(interval.column)
        bounds = {"start": interval.start, "end": interval.end}
        deleted = count(db, f"DELETE FROM {target} WHERE {column} >= $start AND {column} < $end", bounds)
        inserted = insert(db, write.target, write.staged.relation, alignment, {})
        return Done(RowCounts(read=write.staged.rows, inserted=inserted, updated=0, deleted=deleted))
    keys = f"(SELECT DISTINCT {columns_list(write.key)} FROM {write.staged.relation})"
    match = key_match(write.key, TARGET, BATCH)
    deleted = count(db, f"DELETE FROM {target} {TARGET} USING {keys} {BATCH} WHERE {match}")
    inserted = insert(db, write.target, write.staged.relation, alignment, {})
    return Done(RowCounts(read=write.staged.rows, inserted=inserted, updated=0, deleted=deleted))


_COUNTED = {"insert": "inserted", "update": "updated", "delete": "deleted"}


def _script(db: Connection, write: ScriptWrite) -> Done:
    counts: dict[str, int] = {}
    for sql, parameters in write.statements:
        rows = db.execute(sql, parameters)
        verb = _COUNTED.get(sql.split(None, 1)[0].lower())
        if verb and rows and len(rows) == 1 and isinstance(rows[0][0], int):
            counts[verb] = counts.get(verb, 0) + rows[0][0]
    return Done(RowCounts(**counts))
