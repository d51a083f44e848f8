"""The drivers' errors in SQLFlow's words: sorted by kind, with the remedy, and without any secret."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlflow.sdk import RunInterrupted, SQLFlowError, StepError, TransientError

_TRANSIENT = ("08", "40", "53", "57P", "55P03", "57014", "58", "25P03", "25P04")
_AWAY = "check host and port, and whether the server runs"
_BUSY = {
    "55P03": "another session holds a lock; try again, or raise lock_timeout",
    "57014": "raise statement_timeout, or make the work smaller",
    "53300": "the server has no connection left; lower max_connections, or try again",
}
_LOST = re.compile(
    r"terminating connection|closed the connection|connection (to server )?(was |has been )?(lost|closed|reset)"
    r"|reset by peer|broken pipe|no connection to the server|could not (send|receive) data|SYSCALL"
    r"|canceling statement due to|shutting down|starting up|in recovery mode|conflict with recovery"
    r"|connection refused|timeout expired|timed out|too many (clients|connections)|remaining connection slots"
    r"|temporary failure|unexpected eof",
    re.IGNORECASE,
)
_AUTHENTICATION = re.compile(
    r"password authentication failed|no password supplied|authentication failed|pg_hba\.conf|role \".*\" does not exist"
    r"|certificate|does not support SSL|SSL error|is not permitted to log in|requested authentication method",
    re.IGNORECASE,
)
_NOT_FOUND = re.compile(
    r"database \".*\" does not exist|not known|No address associated|definition of service|"
    r"No such file or directory",
    re.IGNORECASE,
)
_SNAPSHOT = re.compile(
    r"invalid snapshot identifier|could not import the requested snapshot|snapshot .* does not exist"
)
_OWN = re.compile(r'"SQLFlow: (.+)"', re.DOTALL)
_NOISE = re.compile(
    r"^(?:[A-Z_]+: )?\[libpq\] |^ReadRecord failed at row \d+: |\[libpq\] |Execution error \[PGRES_\w+\]: |"
    r"^[A-Z_]+: (?=Failed)|Failed to prepare query: |\n\nQuery was: .*|\. SQLSTATE: \w{5}$|\. Detail: .*$",
    re.DOTALL,
)


@contextmanager
def translated(doing: str, redactor: Any, *, cancelled: Any = None) -> Iterator[None]:
    """Raise SQLFlow's errors in the place of the drivers'. `doing` says what was tried, and where.

    `cancelled` tells whether somebody has asked for an end, which is what any error then comes from.
    """
    try:
        yield
    except SQLFlowError:
        raise
    except Exception as error:
        if not _foreign(error):
            raise
        if cancelled is not None and cancelled():
            raise RunInterrupted(f"{doing}: cancelled") from None
        # `from None`: what a driver says may hold what it was given, and a traceback is shown to people too
        raise fault(error, doing, redactor) from None


def _foreign(error: Exception) -> bool:
    """Tell whether an error is one of a driver's."""
    if isinstance(error, OSError):
        return True
    names = {base.__module__.split(".")[0] for base in type(error).__mro__}
    return bool(names & {"psycopg", "adbc_driver_manager", "pyarrow"})


def fault(error: Exception, doing: str, redactor: Any) -> StepError:
    """Turn one of a driver's errors into one of SQLFlow's."""
    state = getattr(error, "sqlstate", None)
    message = redactor.text(f"{doing}: {_told(error)}")
    if own := _OWN.search(str(error)):
        return StepError(redactor.text(f"{doing}: {own[1]}"), hint=_ARRAYS, code="SF710")
    if not state:
        return _without_state(message)
    if state.startswith(_TRANSIENT) or _SNAPSHOT.search(message):  # whose session is gone, so is the snapshot
        return TransientError(message, hint=_BUSY.get(state, _AWAY))
    if state.startswith("28"):
        return StepError(message, hint="check user and password", kind="authentication")
    if state == "42501":
        return StepError(message, hint="grant the role what it needs", code="SF713", kind="permission")
    if state == "25006":
        return StepError(message, hint="the session is read-only", code="SF713", kind="permission")
    if state in ("42P01", "3F000"):
        return StepError(message, hint="check the name; it may need its schema", code="SF708", kind="not_found")
    if state == "3D000":
        return StepError(message, hint="check database", kind="not_found")
    if state in ("42703", "42883", "42704"):
        return StepError(message, hint="check the names in the query", code="SF709", kind="not_found")
    if state.startswith("23"):
        return StepError(message, hint="the target keeps its old rows; mend the rows or the constraint", code="SF712")
    if state.startswith("22"):
        return StepError(message, hint="a value does not fit; mend it or cast it in SQL", code="SF710")
    if state == "2BP01":
        return StepError(message, hint="write replace_by: delete, or drop what depends on it", code="SF713")
    if state.startswith("42"):
        return StepError(message, hint="check the SQL", code="SF709")
    return StepError(message)


_ARRAYS = "write arrays: json, or select to_json(column) in a query"


def _without_state(message: str) -> StepError:
    """Sort an error that has only a text: one of connecting, or one in the middle of a stream."""
    if _AUTHENTICATION.search(message):
        return StepError(message, hint="check user, password and sslmode", kind="authentication")
    if _LOST.search(message):
        return TransientError(
            message, hint="check host and port, and whether the server runs; a retry may find it again"
        )
    if _NOT_FOUND.search(message):
        return StepError(message, hint="check host and database", kind="not_found")
    if "connect" in message.lower() and "ERROR:" not in message:
        return TransientError(message, hint="check host and port, and whether the server runs")
    return StepError(message, hint="a value does not fit; cast it in a query", code="SF710")


def _told(error: Exception) -> str:
    """Return what the server said, in one paragraph."""
    diag = getattr(error, "diag", None)
    if diag is not None and diag.message_primary:
        parts = [diag.message_primary, diag.message_detail, diag.message_hint]
        return ". ".join(part.rstrip(".") for part in parts if part)
    text = str(error)
    for _ in range(3):
        text = _NOISE.sub("", text)
    return " ".join(text.split()) or type(error).__name__
