"""SQLite's errors in SQLFlow's words: sorted by kind, with the remedy."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlflow.sdk import StepError, TransientError, did_you_mean

_DECODE = re.compile(r"Could not decode to UTF-8 column '(.*?)' with text", re.DOTALL)
_TABLE = re.compile(r"no such table: (.+)")
_COLUMN = re.compile(r"no such column: (.+)|has no column named (.+)")


@contextmanager
def translated(where: str, db: sqlite3.Connection | None = None) -> Iterator[None]:
    """Raise SQLFlow's errors in the place of SQLite's; `where` names the file."""
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise fault(error, where, db) from error


def fault(error: Exception, where: str, db: sqlite3.Connection | None = None) -> StepError:
    """Turn one of SQLite's errors into one of SQLFlow's."""
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    text = str(error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return TransientError(
            f"{where} is locked by another process",
            hint="wait until it has finished, or give the step retry, or raise lock_timeout",
            code="SF715",
        )
    if code == sqlite3.SQLITE_NOTADB:
        return StepError(f"{where} is not an SQLite database", hint="check the path", code="SF511")
    if code == sqlite3.SQLITE_CORRUPT:
        return StepError(
            f"{where} is damaged: {text}", hint="restore it, or mend it with `sqlite3 FILE .recover`", code="SF511"
        )
    if code == sqlite3.SQLITE_FULL:
        return StepError(f"the disk is full: {where}", hint="free some space", code="SF713", kind="permission")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_CANTOPEN):
        hint = "check the permissions of the file and of its folder"
        return StepError(f"{where} cannot be opened or written: {text}", hint=hint, code="SF713", kind="permission")
    if code == sqlite3.SQLITE_CONSTRAINT:
        hint = "the target keeps its old rows; mend the rows or the constraint"
        return StepError(f"{where}: {text}", hint=hint, code="SF712")
    return _named(text, where, db)


def _named(text: str, where: str, db: sqlite3.Connection | None) -> StepError:
    if found := _DECODE.match(text):
        hint = f"store it as a BLOB, or read it through a query: SELECT CAST({found[1]} AS BLOB) ..."
        return StepError(f"{where}: a text in column {found[1]!r} is not UTF-8", hint=hint, code="SF710")
    if found := _TABLE.search(text):
        name = found[1].strip()
        bare = name.rpartition(".")[2]
        hint_text = did_you_mean(bare, tables(db), noun="table") if db is not None else None
        return StepError(f"{where} has no table {bare}", hint=hint_text, code="SF708", kind="not_found")
    if found := _COLUMN.search(text):
        name = (found[1] or found[2]).strip()
        hint = "check the columns of the tables that it reads"
        return StepError(f"{where}: column {name} does not exist", hint=hint, code="SF709", kind="not_found")
    return StepError(f"{where}: {text}", hint="check the query; it is written in SQLite's dialect", code="SF709")


def tables(db: sqlite3.Connection) -> list[str]:
    """Return the tables and views of a database that belong to somebody, sorted."""
    sql = (
        "SELECT name FROM main.sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    try:
        return sorted(row[0] for row in db.execute(sql) if row[0] != COMMITS)
    except sqlite3.Error:  # it only helps to make a hint
        return []


COMMITS = "_sqlflow_commits"
"""Table of a target that remembers which appends it has taken."""
