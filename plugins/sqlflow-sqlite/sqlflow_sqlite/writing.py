"""Writing: rows are staged in a temporary table, then meet their target in one transaction.

The target is locked for that transaction only; a write that is killed leaves the old rows, and nothing of its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlflow.sdk import Rows, StepError, WriteRequest, WriteResult, did_you_mean, fold, quote, split_name

from .faults import COMMITS, translated
from .kinds import affinity
from .opening import open_to_write
from .values import Stored, stored_columns

_STAGE = "temp.sqlflow_stage"


@dataclass(frozen=True)
class Target:
    """The table that is written: its columns as they are declared, by folded name; none when it is not there."""

    name: str
    where: str
    columns: dict[str, tuple[str, str]]

    @property
    def sql(self) -> str:
        """The quoted name."""
        return f"main.{quote(self.name)}"


def write(request: WriteRequest, rows: Rows) -> WriteResult:
    """Write rows in the mode of the request; an append whose token the file knows already writes nothing.

    Raises:
        TransientError: another process has the file locked.
        StepError: the rows do not fit the target, which is as it was before.

    """
    where: str = request.config.path
    path: Path = request.folder / where
    name = split_name(request.options.table)[-1]
    place = f"{where}:{request.options.table}"
    db = open_to_write(path, where, request.config.lock_timeout)
    try:
        with translated(where, db):
            if request.mode == "append" and _known(db, request.token, name):
                return WriteResult(0, places=(f"{place} (already committed)",))
            columns, count = _staged(db, rows)
            db.execute("BEGIN IMMEDIATE")
            if request.mode == "append" and _known(db, request.token, name):
                db.execute("ROLLBACK")
                return WriteResult(0, places=(f"{place} (already committed)",))
            _published(db, request, _target(db, name, where), columns)
            if request.mode == "append":
                _remember(db, request.token, name, count)
            db.execute("COMMIT")
    finally:
        db.close()  # rolls back what has not been committed
    return WriteResult(count, places=(place,))


def _staged(db: sqlite3.Connection, rows: Rows) -> tuple[list[Stored], int]:
    """Take all rows into a temporary table whose columns change no value: c0, c1 and so on."""
    reader = rows.batches()
    try:
        columns = stored_columns(reader.schema, rows.schema)
        db.execute("BEGIN")
        db.execute(f"CREATE TEMP TABLE sqlflow_stage ({', '.join(f'c{n}' for n in range(len(columns)))})")
        insert = f"INSERT INTO {_STAGE} VALUES ({', '.join('?' * len(columns))})"
        count = 0
        for batch in reader:
            for start in range(0, batch.num_rows, _SLICE):
                part = batch.slice(start, _SLICE)
                lists = [column.convert(part.column(n)) for n, column in enumerate(columns)]
                db.executemany(insert, zip(*lists, strict=True))
            count += batch.num_rows
        db.execute("COMMIT")
    finally:
        reader.close()
    return columns, count


_SLICE = 8192


def _target(db: sqlite3.Connection, name: str, where: str) -> Target:
    found = db.execute(
        "SELECT type, name FROM main.sqlite_master WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE", [name]
    ).fetchone()
    if found is None:
        return Target(name, where, {})
    if found[0] == "view":
        raise StepError(f"{where}: {name} is a view", hint="write into a table, or drop the view", code="SF719")
    rows = db.execute(f"PRAGMA main.table_xinfo({quote(found[1])})").fetchall()
    return Target(found[1], where, {fold(row[1]): (row[1], row[2]) for row in rows})


def _published(db: sqlite3.Connection, request: WriteRequest, target: Target, columns: list[Stored]) -> None:
    """Let the staged rows meet the target. Runs in a transaction."""
    key = _key(db, request, target, columns) if request.mode in ("merge", "delete_insert") else []
    if request.mode == "replace" and target.columns:
        _swapped(db, target, columns)
        return
    if not target.columns:
        _made(db, target, columns)
        _inserted(db, target, columns)
        return
    _fitting(db, target, columns)
    if request.mode == "merge":
        _merged(db, target, columns, key)
        return
    if request.mode == "delete_insert":
        db.execute(f"CREATE INDEX temp.sqlflow_key ON sqlflow_stage ({', '.join(f'c{n}' for n in key)})")
        match = _match(columns, key, target.sql)
        db.execute(f"DELETE FROM {target.sql} WHERE EXISTS (SELECT 1 FROM {_STAGE} AS s WHERE {match})")
    _inserted(db, target, columns)


def _made(db: sqlite3.Connection, target: Target, columns: list[Stored]) -> None:
    declared = ", ".join(f"{quote(c.name)} {c.declared}" for c in columns)
    db.execute(f"CREATE TABLE {target.sql} ({declared})")


def _inserted(db: sqlite3.Connection, target: Target, columns: list[Stored], condition: str = "") -> None:
    names = ", ".join(quote(c.name) for c in columns)
    values = ", ".join(f"s.c{n}" for n in range(len(columns)))
    db.execute(f"INSERT INTO {target.sql} ({names}) SELECT {values} FROM {_STAGE} AS s {condition} ORDER BY s.rowid")


def _swapped(db: sqlite3.Connection, target: Target, columns: list[Stored]) -> None:
    """Make the table anew; its indexes and triggers are kept."""
    kept = db.execute(
        "SELECT name, sql FROM main.sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL"
        " AND tbl_name = ? COLLATE NOCASE",
        [target.name],
    ).fetchall()
    db.execute(f"DROP TABLE {target.sql}")
    _made(db, target, columns)
    _inserted(db, target, columns)
    for name, sql in kept:
        try:
            db.execute(sql)
        except sqlite3.OperationalError as error:
            raise StepError(
                f"{target.where}: {name} of {target.name} cannot be kept: {error}",
                hint="bring the column that it needs, or drop it",
                code="SF721",
            ) from error


def _merged(db: sqlite3.Connection, target: Target, columns: list[Stored], key: Sequence[int]) -> None:
    """Update the matched rows that differ, insert the new ones."""
    match = _match(columns, key, "t")
    db.execute(f"CREATE UNIQUE INDEX temp.sqlflow_key ON sqlflow_stage ({', '.join(f'c{n}' for n in key)})")
    db.execute(
        f"CREATE TEMP TABLE sqlflow_met AS SELECT s.rowid AS met FROM {target.sql} AS t JOIN {_STAGE} AS s ON {match}"
    )
    rest = [n for n in range(len(columns)) if n not in key]
    if rest:
        assigned = ", ".join(f"{quote(columns[n].name)} = s.c{n}" for n in rest)
        differs = " OR ".join(f"t.{quote(columns[n].name)} COLLATE BINARY IS NOT s.c{n}" for n in rest)
        db.execute(f"UPDATE {target.sql} AS t SET {assigned} FROM {_STAGE} AS s WHERE {match} AND ({differs})")
    _inserted(db, target, columns, "WHERE s.rowid NOT IN (SELECT met FROM temp.sqlflow_met)")


def _match(columns: list[Stored], key: Sequence[int], table: str) -> str:
    return " AND ".join(f"{table}.{quote(columns[n].name)} = s.c{n} COLLATE BINARY" for n in key)


def _key(db: sqlite3.Connection, request: WriteRequest, target: Target, columns: list[Stored]) -> list[int]:
    """Return the positions of the key.

    Raises:
        StepError: a column is not there, holds NULL, or (in a merge) the key does not tell rows apart.

    """
    names = [fold(c.name) for c in columns]
    for name in request.key:
        if fold(name) not in names:
            hint = did_you_mean(name, [c.name for c in columns], noun="column")
            raise StepError(f"key column {name!r} is not in the rows", hint=hint, code="SF705")
    key = [names.index(fold(name)) for name in request.key]
    for n in key:
        (count,) = db.execute(f"SELECT count(*) FROM {_STAGE} WHERE c{n} IS NULL").fetchone()
        if count:
            hint = "leave them out in the SQL of the export"
            raise StepError(f"key column {columns[n].name!r} is NULL in {count} rows", hint=hint, code="SF706")
    if request.mode == "merge":
        listed = ", ".join(f"c{n}" for n in key)
        twice = db.execute(
            f"SELECT {listed}, count(*) FROM {_STAGE} GROUP BY {listed} HAVING count(*) > 1 LIMIT 3"
        ).fetchall()
        if twice:
            shown = "; ".join(
                ", ".join(f"{columns[n].name} = {value}" for n, value in zip(key, row, strict=False)) for row in twice
            )
            raise StepError(
                f"the rows for {target.where}:{target.name} hold keys twice: {shown}",
                hint="leave one row of each key in the SQL of the export, or add a column to the key",
                code="SF705",
            )
    return key


def _fitting(db: sqlite3.Connection, target: Target, columns: list[Stored]) -> None:
    """Make sure that the target has every column, and keeps every value as it is.

    Raises:
        StepError: it lacks one, or its declared type would change a value.

    """
    missing = [c.name for c in columns if fold(c.name) not in target.columns]
    if missing:
        shown = ", ".join(name for name, _ in target.columns.values())
        raise StepError(
            f"{target.where}: table {target.name} has no column {missing[0]!r}; it has: {shown}",
            hint="add it to the table, or leave it out in the SQL of the export",
            code="SF721",
        )
    declared = [target.columns[fold(c.name)][1] for c in columns]
    doubtful = [n for n, c in enumerate(columns) if not c.kept_by(affinity(declared[n]))]
    if not doubtful:
        return
    probe = ", ".join(f'c{n} "{declared[n].replace(chr(34), "")}"' for n in doubtful)
    db.execute(f"CREATE TEMP TABLE sqlflow_probe (row INTEGER PRIMARY KEY, {probe})")
    names = ", ".join(f"c{n}" for n in doubtful)
    db.execute(f"INSERT INTO temp.sqlflow_probe (row, {names}) SELECT rowid, {names} FROM {_STAGE}")
    for n in doubtful:  # the plus keeps SQLite from converting before it compares
        changed = db.execute(
            f"SELECT s.c{n}, p.c{n} FROM {_STAGE} AS s JOIN temp.sqlflow_probe AS p ON p.row = s.rowid"
            f" WHERE +s.c{n} IS NOT +p.c{n} LIMIT 1"
        ).fetchone()
        if changed:
            raise StepError(
                f"{target.where}: column {columns[n].name!r} of {target.name} is declared {declared[n]} and would keep"
                f" {changed[0]!r} as {changed[1]!r}",
                hint="cast it in the SQL of the export, or declare the column of the table otherwise",
                code="SF721",
            )
        if affinity(declared[n]) in ("INTEGER", "REAL"):
            _numbers_only(db, target, columns[n].name, declared[n], n)


def _numbers_only(db: sqlite3.Connection, target: Target, name: str, declared: str, n: int) -> None:
    """Refuse text in a column of numbers: SQLite would keep it, and whoever reads the column would stumble."""
    strange = db.execute(
        f"SELECT c{n} FROM temp.sqlflow_probe WHERE typeof(c{n}) NOT IN ('integer', 'real', 'null') LIMIT 1"
    ).fetchone()
    if strange:
        raise StepError(
            f"{target.where}: column {name!r} of {target.name} is declared {declared} and would hold {strange[0]!r}",
            hint="cast it in the SQL of the export, or declare the column of the table otherwise",
            code="SF721",
        )


def _known(db: sqlite3.Connection, token: str, table: str) -> bool:
    found = db.execute("SELECT 1 FROM main.sqlite_master WHERE name = ?", [COMMITS]).fetchone()
    if found is None or not token:
        return False
    sql = f"SELECT 1 FROM main.{COMMITS} WHERE token = ? AND target = ?"
    return db.execute(sql, [_name_of(token), fold(table)]).fetchone() is not None


def _remember(db: sqlite3.Connection, token: str, table: str, count: int) -> None:
    if not token:
        return
    db.execute(
        f"CREATE TABLE IF NOT EXISTS main.{COMMITS}"
        " (token TEXT, target TEXT, rows INTEGER, written_at TIMESTAMP, PRIMARY KEY (token, target))"
    )
    sql = f"INSERT INTO main.{COMMITS} VALUES (?, ?, ?, CURRENT_TIMESTAMP)"
    db.execute(sql, [_name_of(token), fold(table), count])


def _name_of(token: str) -> str:
    """Return the token without the number of the attempt: a second attempt is the same write."""
    write, _, attempt = token.rpartition("/")
    return write if write.count("/") and attempt.isdigit() else token
