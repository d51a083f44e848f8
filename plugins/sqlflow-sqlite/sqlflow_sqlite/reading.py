"""Reading: which columns come, what each of them is, and the rows as a stream of Arrow batches.

Columns whose declared type does not tell are looked at first, in one scan; every value is held against the outcome
again when it is taken.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlflow.sdk import ReadRequest, StepError, columns_list, did_you_mean, fold, normal_type, quote, split_name

from .faults import tables, translated
from .kinds import EXACT, Kind, pinned, promised, to_arrow
from .opening import open_to_read
from .pushdown import Column, condition

if TYPE_CHECKING:
    import pyarrow as pa

_VIEW = "sqlflow_source"
_CHUNK = 256
_BATCH_ROWS = 65_536
_BATCH_BYTES = 16 * 2**20
_COLUMNS_AT_ONCE = 100
_CLASSES = ("integer", "real", "text", "blob")


@dataclass(frozen=True)
class Reading:
    """Everything that is needed to take the rows: columns whose kind is known, and a SELECT with its parameters."""

    where: str
    columns: Sequence[Column]
    sql: str
    parameters: Sequence[Any]


def open_stream(request: ReadRequest) -> pa.RecordBatchReader:
    """Look at the columns, then hand out the rows; the file is opened anew when the first of them is taken."""
    import pyarrow as pa

    path: Path = request.folder / request.config.path
    where: str = request.config.path
    wait: timedelta = request.config.lock_timeout
    db = _opened(path, where, wait, request.options.query)
    try:
        with translated(where, db):
            reading = _planned(db, request, where)
    finally:
        db.close()
    schema = pa.schema([(c.name, _kind(c).arrow) for c in reading.columns])

    def batches() -> Iterator[pa.RecordBatch]:
        db = _opened(path, where, wait, request.options.query)
        try:
            yield from _batches(db, reading, schema)
        finally:
            db.close()

    return pa.RecordBatchReader.from_batches(schema, batches())


def _kind(column: Column) -> Kind:
    return column.kind or Kind("text")


def _opened(path: Path, where: str, wait: timedelta, query: str | None) -> sqlite3.Connection:
    """Open the file; a query becomes a temporary view, which tells the declared types of its columns."""
    db = open_to_read(path, where, wait)
    try:
        with translated(where, db):
            if query is not None:
                db.execute(f"CREATE TEMP VIEW {_VIEW} AS {query.strip().rstrip(';')}")
            db.execute("PRAGMA query_only = ON")
    except BaseException:
        db.close()
        raise
    return db


def _planned(db: sqlite3.Connection, request: ReadRequest, where: str) -> Reading:
    options = request.options
    if options.query is not None:
        schema, name, computed = "temp", _VIEW, True
    else:
        schema, name = "main", split_name(options.table)[-1]
        computed = _is_view(db, name, where)
    columns = _columns(db, schema, name, where, computed=computed)
    if options.select:
        columns = _selected(columns, options.select, where)
    specs = {fold(n): spec.type for n, spec in request.columns.items()}
    columns = [replace(c, kind=pinned(c.kind, specs[fold(c.name)])) if fold(c.name) in specs else c for c in columns]
    utf8 = db.execute("PRAGMA encoding").fetchone()[0] == "UTF-8"
    found = condition(request.delta.since, columns, utf8=utf8)
    filtered = f" WHERE {found[0]}" if found else ""
    source = f"FROM {schema}.{quote(name)}{filtered}"
    parameters = found[1] if found else []
    known = {fold(n): kind for n, kind in request.delta.types.items()}
    columns = _decided(db, columns, source, parameters, known, where)
    return Reading(where, columns, f"SELECT {columns_list([c.name for c in columns])} {source}", parameters)


def _is_view(db: sqlite3.Connection, name: str, where: str) -> bool:
    found = db.execute(
        "SELECT type FROM main.sqlite_master WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE", [name]
    ).fetchall()
    if not found:
        hint = did_you_mean(name, tables(db), noun="table")
        raise StepError(f"{where} has no table {name}", hint=hint, code="SF708", kind="not_found")
    return str(found[0][0]) == "view"


def _columns(db: sqlite3.Connection, schema: str, name: str, where: str, *, computed: bool) -> list[Column]:
    """Return the columns with their declared types; of an expression, newer versions of SQLite only guess a type."""
    rows = db.execute(f"PRAGMA {schema}.table_xinfo({quote(name)})").fetchall()
    found = []
    names = {fold(row[1]) for row in rows}
    for _, column, declared, _, _, _, hidden in rows:
        if hidden == 1:  # a hidden column of a virtual table
            continue
        twin = re.fullmatch(r"(.*):\d+", column)
        if computed and twin and fold(twin[1]) in names:
            hint = f"give one of them another name: {twin[1]} AS other"
            raise StepError(f"{where}: the query has two columns named {twin[1]!r}", hint=hint, code="SF709")
        kind = None if computed and declared in ("BLOB", "NUM") else promised(declared)
        found.append(Column(column, declared, kind))
    return found


def _selected(columns: list[Column], wanted: Sequence[str], where: str) -> list[Column]:
    by_name = {fold(c.name): c for c in columns}
    for name in wanted:
        if fold(name) not in by_name:
            hint = did_you_mean(name, [c.name for c in columns], noun="column")
            raise StepError(f"{where}: column {name!r} does not exist", hint=hint, code="SF709", kind="not_found")
    return [by_name[fold(name)] for name in wanted]


def _decided(
    db: sqlite3.Connection, columns: list[Column], source: str, parameters: Sequence[Any], known: Any, where: str
) -> list[Column]:
    """Let the values decide what the columns are whose declared type does not tell."""
    open_ones = [c for c in columns if c.kind is None]
    kinds: dict[str, Kind] = {}
    for start in range(0, len(open_ones), _COLUMNS_AT_ONCE):
        some = open_ones[start : start + _COLUMNS_AT_ONCE]
        parts = []
        for column in some:
            name = quote(column.name)
            parts += [f"max(typeof({name}) = '{storage}')" for storage in _CLASSES]
            whole = f"CASE WHEN typeof({name}) = 'integer' THEN {name} END"
            parts += [f"min({whole})", f"max({whole})"]
        row = db.execute(f"SELECT {', '.join(parts)} {source}", parameters).fetchone()
        for n, column in enumerate(some):
            *flags, low, high = row[6 * n : 6 * n + 6]
            held = {storage for storage, flag in zip(_CLASSES, flags, strict=True) if flag}
            exact = low is None or max(abs(low), abs(high)) <= EXACT
            kinds[column.name] = _by_values(column, held, known.get(fold(column.name), ""), where, exact=exact)
    return [replace(c, kind=c.kind or kinds[c.name]) for c in columns]


def _by_values(column: Column, held: set[str], known: str, where: str, *, exact: bool) -> Kind:
    was = normal_type(known)
    if not held:
        return promised(was) or Kind("text")
    if held == {"integer"} and not (was == "DOUBLE" and exact):
        return Kind("integer")
    if held <= {"integer", "real"} and exact:
        return Kind("real")
    if held == {"text"}:
        return Kind("text")
    if held == {"blob"}:
        return Kind("blob")
    what = f"is declared {column.declared}" if column.declared else "has no declared type"
    if held <= {"integer", "real"}:
        told = "holds reals beside integers that a double cannot hold"
    else:
        told = f"holds {' and '.join(sorted(held))} values"
    hint = f"take it as text: columns: {{{column.name}: varchar}}"
    if "blob" in held:
        hint = "read it through a query that casts it"
    raise StepError(f"{where}: column {column.name!r} {what} and {told}", hint=hint, code="SF710")


def _batches(db: sqlite3.Connection, reading: Reading, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield batches of bounded size, whatever the length of the texts."""
    import pyarrow as pa

    long = [n for n, c in enumerate(reading.columns) if _kind(c).name in ("text", "blob", "anything")]
    with translated(reading.where, db):
        cursor = db.execute(reading.sql, reading.parameters)
        chunk = 1
        while True:
            rows: list[Any] = []
            size = 0
            while len(rows) < _BATCH_ROWS and size < _BATCH_BYTES:
                more = cursor.fetchmany(chunk)
                if not more:
                    break
                rows += more
                size += sum(len(row[n]) for n in long for row in more if isinstance(row[n], (str, bytes)))
                chunk = max(1, min(_CHUNK, _BATCH_BYTES // 16 * len(rows) // max(size, 1)))
            if not rows:
                return
            columns = zip(reading.columns, zip(*rows, strict=True), strict=True)
            arrays = [to_arrow(_kind(c), values, reading.where, c.name, c.declared) for c, values in columns]
            del rows
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)
