"""DuckDB's errors in SQLFlow's words: sorted by kind, with the remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sqlflow.sdk import (
    Imprecise,
    RunInterrupted,
    SQLFlowError,
    StepError,
    TransientError,
    WarehouseLocked,
    did_you_mean,
)

#: How the errors begin that casts raise on purpose.
FRACTION, HOUR, ROUNDED = "sqlflow fraction: ", "sqlflow hour: ", "sqlflow rounded: "
TOO_LARGE = "sqlflow too large: "
_PREFIX = re.compile(r"^(?:[A-Z][A-Za-z]+ (?:of )?)+Error: ")
_UNFIT = re.compile(
    r"(?:Type \w+ with value (?P<number>\S+) can't be cast because the value is out of range for the destination type"
    r"|Could not convert string '(?P<text>[^']*)' to) (?P<kind>\w+) when casting from source column (?P<column>.+)"
)
_WIDTHS = {"INT8": "TINYINT", "INT16": "SMALLINT", "INT32": "INTEGER", "INT64": "BIGINT", "INT128": "HUGEINT"}
_INEXACT = re.compile(rf"[A-Z][A-Za-z ]+ Error: ({FRACTION}|{HOUR}|{ROUNDED}|{TOO_LARGE})([^\n]*)")
_SYSTEM = ("pragma_", "duckdb_", "sqlite_", "pg_", "information_schema", "_sqlflow")
_LOCK = re.compile(r"Could not set lock on file .*?\(PID (\d+)\)", re.DOTALL)
_HELD = re.compile(r'Unique file handle conflict.*?database file "(.*?)"', re.DOTALL)
_TABLE = re.compile(r"(?:Table|View|Catalog) with name (\S+) does not exist")
_FUNCTION = re.compile(r"(?:Scalar|Table|Aggregate)?\s*Function with name (\S+) does not exist", re.IGNORECASE)
_COLUMN = re.compile(
    r'(?:Referenced column|have a column named|Column(?=.*referenced that exists in the SELECT clause)) "(.+?)"'
)
_CANDIDATES = re.compile(r"Candidate bindings: ?:? ?(.+)")
_SUGGESTION = re.compile(r'Did you mean "(.+?)"')


@contextmanager
def translated() -> Iterator[None]:
    """Raise SQLFlow's errors in the place of DuckDB's."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        raise fault(error) from error
    except MemoryError as error:
        raise StepError("out of memory", hint="set memory_limit on the profile's engine", code="SF714") from error


def fault(error: Exception) -> SQLFlowError:
    """Turn one of DuckDB's errors into one of SQLFlow's."""
    import duckdb

    text = str(error)
    message = _PREFIX.sub("", text).strip()
    if isinstance(error, duckdb.InterruptException):
        return RunInterrupted("the query was interrupted")
    if locked := _LOCK.search(text):
        pid = int(locked[1])
        return WarehouseLocked(
            f"the warehouse is open in another process (PID {pid})",
            pid=pid,
            hint=f"wait for it to end, or stop it (kill {pid}); DuckDB lets one process write a file at a time",
        )
    if any(words in text for words in ("No space left", "Disk quota", "File too large")):
        return StepError(
            f"the disk is full: {message}",
            hint="free some space and run again; nothing was half-written",
            code="SF713",
            kind="permission",
        )
    if isinstance(error, duckdb.TransactionException) and re.search(r"constraint|duplicate key", text, re.IGNORECASE):
        first = message.split("\n", 1)[0]
        return StepError(first, hint="the target keeps its old rows; mend the rows or the constraint", code="SF712")
    if isinstance(error, duckdb.TransactionException):
        return TransientError(f"another step changed the same rows: {message}", code="SF715")
    if found := _INEXACT.match(text):
        return _inexact(found[1], found[2])
    if isinstance(error, duckdb.OutOfMemoryException):
        return StepError(
            message.split("\n")[0],
            hint="raise memory_limit on the profile's engine, or give temp_directory more room",
            code="SF714",
            kind="internal",
        )
    if held := _HELD.search(text):
        return StepError(
            f"the database file {held[1]} is open in this run already, as its warehouse",
            hint="its tables can be read as they are: write a transform that selects from them",
            code="SF716",
        )
    if "database does not exist" in text:
        return StepError(message, hint="check the path of the file", code="SF501", kind="not_found")
    if "Read-only file system" in text or "Permission denied" in text or "read-only mode" in text:
        return StepError(
            message, hint="check the permissions of the file and its folder", code="SF713", kind="permission"
        )
    return _named(error, message)


def _inexact(why: str, what: str) -> StepError:
    if why == TOO_LARGE:
        return Imprecise(f"a number of column {what} needs more than 53 bits")
    if why == ROUNDED:
        hint = "declare it with more places under columns, or as DOUBLE, and round it in the SQL that follows"
        return StepError(f"{what} has more decimal places than its type keeps", hint=hint, code="SF511")
    other = "a whole number" if why == FRACTION else "a date without a time"
    types = "DOUBLE or DECIMAL" if why == FRACTION else "TIMESTAMP"
    hint = (
        f"declare it as {types} under columns, or round it in SQL; sample_rows: -1 lets types be guessed from all rows"
    )
    return StepError(f"{what} is not {other}", hint=hint, code="SF511")


def unfit(error: StepError) -> StepError | None:
    """Tell which value of which column did not fit a cast that SQLFlow has written, which nobody wants to read."""
    found = _UNFIT.search(error.message) if FRACTION in error.message else None
    if found is None:
        return None
    kind = _WIDTHS.get(found["kind"], found["kind"])
    value = found["number"] or repr(found["text"])
    hint = "declare a wider type under columns, or cast it in SQL"
    return StepError(f"{value} in column {found['column']} does not fit its type, {kind}", hint=hint, code="SF710")


def _named(error: Exception, message: str) -> StepError:
    """Explain what names something that is not there, and what breaks a constraint."""
    import duckdb

    if found := _TABLE.search(message):
        suggestion = _SUGGESTION.search(message)
        useful = suggestion and not suggestion[1].startswith(_SYSTEM)
        hint = (
            f"did you mean {suggestion[1]!r}?"
            if useful and suggestion
            else "check its name, or run the pipeline that makes it"
        )
        return StepError(
            f"table {found[1]} does not exist{_excerpt(message)}", hint=hint, code="SF708", kind="not_found"
        )
    if found := _FUNCTION.search(message):
        suggestion = _SUGGESTION.search(message)
        hint = (
            f"did you mean {suggestion[1]!r}?" if suggestion else "functions come from plugins and the project's udfs/"
        )
        return StepError(
            f"function {found[1]} does not exist{_excerpt(message)}",
            hint=hint,
            code="SF709",
            kind="not_found",
        )
    if found := _COLUMN.search(message):
        listed = _CANDIDATES.search(message)
        names = re.findall(r'"([^"]+)"', listed[1]) if listed else []
        hint = did_you_mean(found[1], names, noun="column") if names else "check the columns of the tables it reads"
        return StepError(
            f"column {found[1]!r} does not exist{_excerpt(message)}",
            hint=hint,
            code="SF709",
            kind="not_found",
        )
    if isinstance(error, duckdb.ConstraintException):
        return StepError(
            message.split("\n", maxsplit=1)[0],
            hint="the target keeps its old rows; mend the rows or the constraint",
            code="SF712",
        )
    if isinstance(error, duckdb.ConversionException):
        return StepError(message, hint="cast it in the SQL, or declare the type under columns", code="SF710")
    if isinstance(error, (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)):
        first = message.split("\n", 1)[0]
        suggestion = _SUGGESTION.search(message)
        hint = f"did you mean {suggestion[1]!r}?" if suggestion else "check the SQL of the step"
        return StepError(first + _excerpt(message), hint=hint, code="SF709")
    return StepError(message, code="SF710")


def _excerpt(message: str) -> str:
    """Return the line of SQL that DuckDB shows, with its caret below it."""
    found = re.search(r"\nLINE \d+: ([^\n]*)\n( *)(\^[^\n]*)", message)
    if not found:
        return ""
    head = len(found[0].split(": ", 1)[0]) + 1  # "LINE 3: " without the line break before it
    return f"\n{found[1]}\n{found[2][head:]}{found[3]}"
