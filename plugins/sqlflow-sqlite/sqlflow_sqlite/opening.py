"""Opening an SQLite file, to read or to write."""

from __future__ import annotations

import os
import sqlite3
from datetime import timedelta
from pathlib import Path

from sqlflow.sdk import StepError

from .faults import translated


def open_to_read(path: Path, where: str, lock_timeout: timedelta) -> sqlite3.Connection:
    """Open a file that must be there.

    A journal that a killed writer left is rolled back on the way, which needs to write; so the file is opened for
    writing where that is allowed, and the caller forbids writing when it has made what it needs.

    Raises:
        StepError: it is not there, not a database, or may not be read.

    """
    if not path.exists():
        raise StepError(
            f"file not found: {where}",
            hint="check the path; it starts at the project folder",
            code="SF501",
            kind="not_found",
        )
    if not path.is_file():
        raise StepError(f"{where} is not a file", hint="check the path", code="SF511")
    if not os.access(path, os.R_OK):
        hint = "check the permissions of the file and of its folder"
        raise StepError(f"{where} may not be read", hint=hint, code="SF713", kind="permission")
    both = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    return _connect(path, "rw" if both else "ro", where, lock_timeout)


def open_to_write(path: Path, where: str, lock_timeout: timedelta) -> sqlite3.Connection:
    """Open a file, and make it when it is not there.

    Raises:
        StepError: it is not a database, or may not be written.

    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        hint = "check the permissions of the folder"
        raise StepError(f"cannot make the folder of {where}", hint=hint, code="SF713", kind="permission") from error
    if path.is_dir():
        raise StepError(f"{where} is a folder", hint="write the path of a file", code="SF512")
    return _connect(path, "rwc", where, lock_timeout)


def _connect(path: Path, mode: str, where: str, lock_timeout: timedelta) -> sqlite3.Connection:
    """Open the file and read its header, so that what is no database is told here."""
    with translated(where):
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=lock_timeout.total_seconds(),
            isolation_level=None,  # transactions are written out
            check_same_thread=False,  # a stream may be taken by another thread than the one that opened it
        )
    try:
        with translated(where):
            db.execute("PRAGMA schema_version").fetchall()
    except BaseException:
        db.close()
        raise
    return db
