"""Tables without rows, and statements held against them without being run: what SQL means, before there is data.

The place of an error is a character of the statement. Knows nothing of documents.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any

from sqlflow.sdk import CannotBind, Column, Misfit, TableSchema, quote, quote_target, split_name

from .casting import try_casts
from .connection import Connection
from .faults import translated

_COMMENTS = r"\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*"
_QUERY = re.compile(rf"{_COMMENTS}[(\s]*(select|with|from|values|table|pivot|unpivot)\b", re.IGNORECASE | re.DOTALL)
_SILENT = re.compile(rf"{_COMMENTS}(truncate|comment|analyze)\b", re.IGNORECASE | re.DOTALL)
_EXTENSION = re.compile(r"exists in the (\S+) extension")
_PIVOT = re.compile(r"\bpivot\b", re.IGNORECASE)
_UNSET = re.compile(r"Values were not provided|could not determine data type|parameter types", re.IGNORECASE)
_CANDIDATES = re.compile(r"\n+(?:Candidate (?:bindings|tables):|Did you mean)[ :]*(.+)", re.DOTALL)
_MISSING = re.compile(r'Table with name "?(.+?)"? does not exist')
_NAMED_HERE = re.compile(r"\b(\w+)(?:\s*\([\w\s,]*\))?\s+as\s+(?:(?:not\s+)?materialized\s+)?\(", re.IGNORECASE)
_QUOTED = re.compile(r'"([^"]+)"')
_COLUMN = re.compile(
    r'have a column (?:named|with name) "(.+?)"|update column (.+?) not found|Column "(.+?)" in '
    r'|Referenced column "(.+?)" not found'
    r'|Column "(.+?)" does not exist on (?:right|left) side of join'
    r'|Column "(.+?)" referenced that exists in the SELECT clause'  # an alias has the name that no column has
)


def declare(db: Connection, table: str, schema: TableSchema | None) -> None:
    """Put an empty table in the place of what is there, or take that away."""
    name = quote_target(table)
    if schema is None:
        import duckdb

        for kind in ("TABLE", "VIEW"):
            with contextlib.suppress(duckdb.Error):  # what is there is of the other kind
                db.raw.execute(f"DROP {kind} IF EXISTS {name}")
        return
    columns = ", ".join(f"{quote(c.name)} {c.type}" for c in schema)
    with translated():
        parts = split_name(table)
        if len(parts) > 1:
            db.raw.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(parts[-2])}")
        db.raw.execute(f"CREATE OR REPLACE TABLE {name} ({columns})")


def bind(db: Connection, sql: str, parameters: Mapping[str, Any], *, constants: bool) -> TableSchema:
    """Bind one statement; a query is told by its columns. `constants`: their casts are tried out, too."""
    import duckdb

    asks = _QUERY.match(sql) is not None and not _writes(sql)
    if _SILENT.match(sql):
        return TableSchema(())
    if asks and _PIVOT.search(sql) and str(duckdb.extract_statements(sql)[0].type).endswith("MULTI"):
        raise CannotBind("the columns of a PIVOT without IN are those that its rows give", "unknown")
    schema = TableSchema(())
    try:
        if asks:
            found = db.raw.sql(sql, params=dict(parameters))
            schema = TableSchema(tuple(Column(n, str(t)) for n, t in zip(found.columns, found.types, strict=True)))
        else:
            db.raw.execute(f"EXPLAIN {sql}", dict(parameters))
    except duckdb.Error as error:
        raise _misfit(db, "DESCRIBE " if asks else "EXPLAIN ", sql, parameters, error) from None
    if constants:
        try_casts(db, sql, parameters)
    return schema


def _writes(sql: str) -> bool:
    """Tell whether what begins with WITH is no query."""
    import duckdb

    return re.match(rf"{_COMMENTS}with\b", sql, re.IGNORECASE | re.DOTALL) is not None and not str(
        duckdb.extract_statements(sql)[0].type
    ).endswith(("SELECT", "MULTI"))


def _misfit(db: Connection, head: str, sql: str, parameters: Mapping[str, Any], error: Exception) -> CannotBind:
    """Ask again for the error as data, which says at which byte it is."""
    import duckdb

    told: dict[str, Any] = {}
    db.raw.execute("SET errors_as_json = true")
    try:
        db.raw.execute(f"{head}{sql}", dict(parameters))
    except duckdb.Error as again:
        error = again
        with contextlib.suppress(ValueError):
            told = json.loads(str(again).split("Error: ", 1)[-1])
    finally:
        db.raw.execute("SET errors_as_json = false")
    message = str(told.get("exception_message") or str(error).split("Error: ", 1)[-1])
    first = message.split("\n", 1)[0].rstrip("!")
    kind, subtype = str(told.get("type", "")), told.get("error_subtype")
    column = _COLUMN.search(message)
    missing = _MISSING.match(message)
    what: Misfit = "sql"
    if isinstance(error, (duckdb.PermissionException, duckdb.IOException)):
        first, what = "it reads a file or another system by itself", "unknown"
    elif isinstance(error, duckdb.ParserException) or _UNSET.search(message):
        what = "syntax"
    elif extension := _EXTENSION.search(message):
        first, what = f"it needs the extension {extension[1]}", "unknown"
    elif kind in ("Table", "View") or missing:
        what = "table"
    elif kind.endswith("Function"):
        what = "function"
    elif column or subtype == "COLUMN_NOT_FOUND":
        what = "column"
    groups = column.groups() if column else (missing[1],) if missing else ()
    quoted_name = _QUOTED.search(first)
    name = str(told.get("name") or next((part for part in groups if part), ""))
    found = _CANDIDATES.search(message)
    candidates = [part.strip(' "?') for part in found[1].split(",")] if found else []
    if what == "table" and "." not in name:
        candidates += _NAMED_HERE.findall(sql)
    return CannotBind(
        first,
        what,
        offset=_offset(told, head, sql, name or (quoted_name[1] if quoted_name else "")),
        name=name,
        candidates=candidates,
    )


def _offset(told: Mapping[str, Any], head: str, sql: str, name: str) -> int | None:
    """Return the character of an error; where none is told, that of the name that it is about."""
    place = str(told.get("location", "")).strip("[]").split(",")[0] or str(told.get("position", ""))
    if place.isdigit():
        return len(sql.encode()[: max(int(place) - len(head), 0)].decode(errors="ignore"))
    found = re.search(rf"(?<![\w.])(?:\w+\.)*{re.escape(name)}(?!\w)", sql, re.IGNORECASE) if name else None
    return found.start() if found else None
