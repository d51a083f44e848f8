"""Tables without rows, and statements held against them without being run: what SQL means, before there is data.

The place of an error is a character of the statement. Knows nothing of documents.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any

from sqlflow.sdk import CannotBind, Column, TableSchema, quote, split_name

from .connection import Connection
from .faults import translated
from .warehouse import quoted

_COMMENTS = r"\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*"
_QUERY = re.compile(rf"{_COMMENTS}[(\s]*(select|with|from|values|table|pivot|unpivot)\b", re.IGNORECASE | re.DOTALL)
_EXTENSION = re.compile(r"exists in the (\S+) extension")
_PIVOT = re.compile(r"\bpivot\b", re.IGNORECASE)
_CANDIDATES = re.compile(r"\n+(?:Candidate (?:bindings|tables):|Did you mean)[ :]*(.+)", re.DOTALL)
_MISSING = re.compile(r'Table with name "?(.+?)"? does not exist|schema "(.+?)" does not exist')
_COLUMN = re.compile(r'have a column (?:named|with name) "(.+?)"|update column (.+?) not found|Column "(.+?)" in ')


def declare(db: Connection, table: str, schema: TableSchema | None) -> None:
    """Put an empty table in the place of what is there, or take that away."""
    name = quoted(table)
    if schema is None:
        for kind in ("TABLE", "VIEW"):
            with contextlib.suppress(Exception):  # one of another kind, or none
                db.execute(f"DROP {kind} IF EXISTS {name}")
        return
    columns = ", ".join(f"{quote(c.name)} {c.type}" for c in schema)
    with translated():
        parts = split_name(table)
        if len(parts) > 1:
            db.raw.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(parts[-2])}")
        db.raw.execute(f"CREATE OR REPLACE TABLE {name} ({columns})")


def bind(db: Connection, sql: str, parameters: Mapping[str, Any]) -> TableSchema:
    """Bind one statement; a query is told by its columns."""
    import duckdb

    asks = _QUERY.match(sql) is not None
    if asks and _PIVOT.search(sql) and str(duckdb.extract_statements(sql)[0].type).endswith("MULTI"):
        raise CannotBind("the columns of a PIVOT without IN are those of its rows", "unknown")
    try:
        if asks:
            found = db.raw.sql(sql, params=dict(parameters))
            return TableSchema(tuple(Column(n, str(t)) for n, t in zip(found.columns, found.types, strict=True)))
        db.raw.execute(f"EXPLAIN {sql}", dict(parameters))
    except duckdb.Error as error:
        raise _misfit(db, "DESCRIBE " if asks else "EXPLAIN ", sql, parameters, error) from None
    return TableSchema(())


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
    place = str(told.get("location", "")).strip("[]").split(",")[0] or told.get("position")
    offset = None
    if place is not None and str(place).isdigit():
        offset = len(sql.encode()[: max(int(place) - len(head), 0)].decode(errors="ignore"))
    first = message.split("\n", 1)[0].rstrip("!")
    found = _CANDIDATES.search(message)
    candidates = [name.strip(' "') for name in found[1].split(",")] if found else []
    name = str(told.get("name", ""))
    if isinstance(error, duckdb.PermissionException):
        return CannotBind("it reads a file or a system by itself", "unknown", offset=offset)
    if extension := _EXTENSION.search(message):
        return CannotBind(f"it needs the extension {extension[1]}", "unknown", offset=offset)
    kind = str(told.get("type", ""))
    if kind in ("Table", "View") or (missing := _MISSING.match(message)):
        return CannotBind(first, "table", offset=offset, name=name or (missing and missing[1]) or "")
    if kind.endswith("Function"):
        return CannotBind(first, "function", offset=offset, name=name, candidates=candidates)
    column = _COLUMN.search(message)
    if column or told.get("error_subtype") == "COLUMN_NOT_FOUND":
        name = name or next((part for part in (column.groups() if column else ()) if part), "")
        return CannotBind(first, "column", offset=offset, name=name, candidates=candidates)
    return CannotBind(first, "sql", offset=offset, candidates=candidates)
