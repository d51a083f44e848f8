"""`scd2`: every version of a row, with the time from which and until which it held.

The history of a key is worked out anew from what is known of it, the versions in the target and the rows of the
batch, in the order of their times. So it does not matter in which order rows arrive: a late one finds its place
between the versions around it. Only rows that come out different are written.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from sqlflow.sdk import (
    RowCounts,
    StepError,
    TableSchema,
    TableWrite,
    columns_list,
    fold,
    key_match,
    literal,
    normal_type,
    quote,
    quote_target,
    widens,
)

from .aligning import BATCH, TARGET, Alignment, align
from .connection import Connection
from .deleting import marked, marker_of, missing_rows

FROM, TO, CURRENT = "valid_from", "valid_to", "is_current"
NEW, OLD = "temp.sqlflow_history", "temp.sqlflow_known"


class Shape(Struct, frozen=True):
    """The columns of a history: those of the rows, those that are watched, and where a version's time comes from."""

    key: tuple[str, ...]
    brought: tuple[str, ...]
    tracked: tuple[str, ...]
    time: str
    gone: str

    def events(self, batch: str, names: tuple[str, ...]) -> str:
        """Write the query of what the batch says: at this time the row was so, or was gone."""
        brought = {fold(name) for name in self.brought}
        shown = ", ".join(quote(n) if fold(n) in brought else f"NULL AS {quote(n)}" for n in names)
        return f"SELECT DISTINCT {shown}, {self.time} AS sqlflow_at, {self.gone} AS sqlflow_gone FROM {batch}"


def ended(db: Connection, target: str) -> int:
    """Count the versions of a history that hold no longer; a table that is none has none."""
    if CURRENT not in map(fold, db.schema_of(quote_target(target)).names):
        return 0
    return int(db.execute(f"SELECT count(*) FROM {quote_target(target)} WHERE NOT {CURRENT}")[0][0])


def shape_of(write: TableWrite) -> Shape:
    """Tell the columns of a batch apart.

    Raises:
        StepError: the batch has a column that a history adds, or lacks one that is tracked.

    """
    versioning = write.versioning
    if versioning is None:
        raise StepError("mode scd2 needs to know the time of versions", kind="internal", code="SF736")
    marker = marker_of(write)
    schema = write.staged.schema
    taken = [name for name in (FROM, TO, CURRENT) if schema.get(name) is not None]
    if taken:
        raise StepError(
            f"the batch for {write.target} has a column {taken[0]!r}, which a history adds by itself",
            hint="rename it in the source",
            code="SF736",
        )
    lost = [name for name in versioning.track if schema.get(name) is None]
    if lost:
        raise StepError(
            f"track names column {lost[0]!r}, which the batch for {write.target} does not have",
            hint=f"it has: {', '.join(schema.names)}",
            code="SF736",
        )
    brought = tuple(n for n in schema.names if marker is None or fold(n) != fold(marker))
    other = {fold(n) for n in (*write.key, versioning.at or "")}
    tracked = versioning.track or tuple(n for n in brought if fold(n) not in other)
    time = quote(versioning.at) if versioning.at else literal(versioning.time)
    return Shape(write.key, brought, tracked, time, marked(marker) if marker else "FALSE")


def stored(write: TableWrite) -> TableWrite:
    """Return the write as the target sees it: without a marker that is not stored."""
    brought = {fold(n) for n in shape_of(write).brought}
    schema = TableSchema(tuple(c for c in write.staged.schema if fold(c.name) in brought))
    return replace(write, staged=replace(write.staged, schema=schema))


def fitted(db: Connection, write: TableWrite) -> Alignment:
    """Hold a batch against the history; where the cursor has become wider, the times of versions do too."""
    alignment = align(db, stored(write))
    column = write.staged.schema.get(write.versioning.at) if write.versioning and write.versioning.at else None
    target = db.schema_of(quote_target(write.target))
    changes = []
    for name in (FROM, TO):
        known = target.get(name)
        if column is None or known is None or normal_type(known.type) == normal_type(column.type):
            continue
        empty = not db.execute(f"SELECT 1 FROM {quote_target(write.target)} LIMIT 1")
        if widens(known.type, column.type) or empty:
            changes.append(f"ALTER {quote(name)} SET DATA TYPE {column.type}")
    return replace(alignment, changes=(*alignment.changes, *changes))


def create(db: Connection, write: TableWrite) -> int:
    """Make the target of the versions in the batch alone; returns how many there are."""
    shape = shape_of(write)
    versions = _versions(shape, shape.events(write.staged.relation, shape.brought), shape.brought)
    return db.make(quote_target(write.target), versions)


def update(db: Connection, write: TableWrite, alignment: Alignment) -> RowCounts:
    """Work out the history of every key that the batch speaks of, and write what has become different."""
    shape, target = shape_of(write), quote_target(write.target)
    alignment.apply(db, write.target)
    names = tuple(n for n in alignment.target_names if fold(n) not in (FROM, TO, CURRENT))
    _require_history(alignment, write)
    missing = missing_rows(db, write, among=f"{TARGET}.{CURRENT}")
    events = shape.events(_news(write, shape, target), names)
    if missing is not None:
        shown = columns_list(names, prefix=f"{TARGET}.")
        events += f" UNION ALL SELECT {shown}, {shape.time}, TRUE FROM {target} {TARGET} WHERE {missing}"
    db.execute(f"CREATE OR REPLACE TEMP TABLE sqlflow_events AS {events}")
    keys, same_key = columns_list(shape.key), key_match(shape.key, TARGET, "e")
    db.execute(
        f"CREATE OR REPLACE TEMP TABLE sqlflow_known AS SELECT {TARGET}.*, {TARGET}.rowid AS sqlflow_row FROM "
        f"{target} {TARGET} SEMI JOIN (SELECT DISTINCT {keys} FROM temp.sqlflow_events) e ON {same_key}"
    )
    _refuse_clock(db, write)
    listed = columns_list(names)
    ended = key_match(shape.key, "k", "n")
    known = (
        f"SELECT {listed}, {FROM} AS sqlflow_at, FALSE AS sqlflow_gone, 0 AS sqlflow_rank FROM {OLD} "
        f"UNION ALL SELECT {listed}, {TO}, TRUE, 0 FROM {OLD} k WHERE {TO} IS NOT NULL "
        f"AND NOT EXISTS (SELECT 1 FROM {OLD} n WHERE {ended} AND n.{FROM} = k.{TO}) "
        f"UNION ALL SELECT {listed}, sqlflow_at, sqlflow_gone, 1 FROM temp.sqlflow_events"
    )
    latest = (
        f"SELECT * EXCLUDE (sqlflow_rank) FROM ({known}) "
        f"QUALIFY row_number() OVER (PARTITION BY {keys}, sqlflow_at ORDER BY sqlflow_rank DESC) = 1"
    )
    db.execute(f"CREATE OR REPLACE TEMP TABLE sqlflow_history AS {_versions(shape, latest, names)}")
    counts = _write_difference(db, target, shape, names)
    for name in ("sqlflow_events", "sqlflow_known", "sqlflow_history"):
        db.execute(f"DROP TABLE temp.{name}")
    return replace(counts, read=write.staged.rows)


def _versions(shape: Shape, events: str, names: tuple[str, ...]) -> str:
    """Write the query that turns events into versions: equal neighbours are one, each ends where the next begins."""
    keys = columns_list(shape.key)
    order = f"OVER (PARTITION BY {keys} ORDER BY sqlflow_at)"
    values = f"row({columns_list(shape.tracked)})" if shape.tracked else "TRUE"
    compared = (
        f"SELECT *, lag(sqlflow_gone, 1, TRUE) {order} AS sqlflow_was_gone, {values} AS sqlflow_is, "
        f"lag({values}) {order} AS sqlflow_was FROM ({events})"
    )
    turns = (
        f"SELECT * FROM ({compared}) WHERE sqlflow_gone <> sqlflow_was_gone "
        "OR (NOT sqlflow_gone AND sqlflow_is IS DISTINCT FROM sqlflow_was)"
    )
    ends = f"SELECT *, lead(sqlflow_at) {order} AS sqlflow_end FROM ({turns})"
    return (
        f"SELECT {columns_list(names)}, sqlflow_at AS {FROM}, sqlflow_end AS {TO}, sqlflow_end IS NULL AS {CURRENT} "
        f"FROM ({ends}) WHERE NOT sqlflow_gone"
    )


def _news(write: TableWrite, shape: Shape, target: str) -> str:
    """Leave out rows that say what the current version says, where their time is that of the run, later than all."""
    batch = write.staged.relation
    if write.versioning is None or write.versioning.at is not None or not shape.tracked:
        return batch
    same = " AND ".join(f"{TARGET}.{quote(c)} IS NOT DISTINCT FROM {BATCH}.{quote(c)}" for c in shape.tracked)
    match = key_match(shape.key, TARGET, BATCH)
    gone = f"NOT {shape.gone}" if shape.gone != "FALSE" else "TRUE"
    return (
        f"(SELECT {BATCH}.* FROM {batch} {BATCH} WHERE NOT ({gone} AND EXISTS "
        f"(SELECT 1 FROM {target} {TARGET} WHERE {TARGET}.{CURRENT} AND {match} AND {same})))"
    )


def _write_difference(db: Connection, target: str, shape: Shape, names: tuple[str, ...]) -> RowCounts:
    """Take away the known versions that are no more, and add those that are new."""
    columns = (*names, FROM, TO)
    same = " AND ".join(f"o.{quote(c)} IS NOT DISTINCT FROM h.{quote(c)}" for c in columns)
    place = f"{key_match(shape.key, 'o', 'h')} AND o.{FROM} = h.{FROM}"
    shared = f"SELECT count(*) FROM {OLD} o JOIN {NEW} h ON {place}"
    both, equal = (db.execute(query)[0][0] for query in (shared, f"{shared} AND {same}"))
    stale = f"SELECT o.sqlflow_row FROM {OLD} o ANTI JOIN {NEW} h ON {place} AND {same}"
    removed = db.execute(f"DELETE FROM {target} WHERE rowid IN ({stale})")[0][0]
    listed = columns_list((*names, FROM, TO, CURRENT))
    fresh = f"SELECT {columns_list((*names, FROM, TO, CURRENT), prefix='h.')} FROM {NEW} h"
    added = db.execute(f"INSERT INTO {target} ({listed}) {fresh} ANTI JOIN {OLD} o ON {place} AND {same}")[0][0]
    updated = both - equal
    return RowCounts(inserted=added - updated, updated=updated, deleted=removed - updated)


def _require_history(alignment: Alignment, write: TableWrite) -> None:
    have = {fold(n) for n in alignment.target_names}
    if lacking := [name for name in (FROM, TO, CURRENT) if name not in have]:
        raise StepError(
            f"{write.target} holds no history: it has no column {lacking[0]!r}",
            hint="write another target, or make it anew with --full-refresh",
            code="SF736",
        )


def _refuse_clock(db: Connection, write: TableWrite) -> None:
    """Refuse versions that would begin before the ones they replace, where their time is that of the run."""
    versioning = write.versioning
    if versioning is None or versioning.at is not None:
        return
    now = literal(versioning.time)
    latest = db.execute(f"SELECT CAST(max({FROM}) AS VARCHAR) FROM {OLD} WHERE {FROM} > {now}")[0][0]
    if latest is not None:
        raise StepError(
            f"{write.target} holds versions from {latest}, and this run began before, at {versioning.time.isoformat()}",
            hint="the clock was set back: correct it, or write cursor: COLUMN so that rows bring their own time",
            code="SF737",
        )
