"""Casts that no row can pass: a constant that is no value of the type, a type that cannot become another.

Binding lets them through, and the first row meets them. They are looked for in the text, and in what the optimizer
leaves standing of casts that it could not do beforehand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sqlflow.sdk import CannotBind

from .connection import Connection

_TOKEN = re.compile(r"--[^\n]*|/\*.*?\*/|\"(?:[^\"]|\"\")*\"|(?P<text>'(?:[^']|'')*')", re.DOTALL)
_TYPE = r"(?P<type>[a-z_]\w*(?:\s*\(\s*\d+(?:\s*,\s*\d+)?\s*\))?(?:\[\])?)"
_BEHIND = re.compile(rf"\s*(?:::\s*|as\s+){_TYPE}", re.IGNORECASE)
_CALLED = re.compile(r"(?<!\w)cast\s*\(\s*$", re.IGNORECASE)
_TYPED = re.compile(r"(?<![\w.])(?P<type>date|time|timestamp|timestamptz)\s*$", re.IGNORECASE)
_TRIED = re.compile(r"\btry\s*\(", re.IGNORECASE)
_LEFT = re.compile(
    r"(?<!TRY_)CAST\((?:'(?P<text>(?:[^']|'')*)'|(?P<plain>true|false|-?\d[\d.]*)|(?P<column>[A-Za-z_]\w*)) "
    r"AS (?P<type>[A-Z][A-Z_ ]*(?:\(\d+,\d+\))?(?:\[\])*)\)"
)
_SAMPLES = {
    "BOOLEAN": "true", "DATE": "DATE '2000-01-01'", "TIMESTAMP": "TIMESTAMP '2000-01-01'", "TIME": "TIME '00:00'",
    "UUID": "uuid()", "INTERVAL": "INTERVAL 1 DAY", "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ '2000-01-01 00:00:00+00'",
    **{
        kind: f"1::{kind}"
        for kind in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
                     "UBIGINT", "FLOAT", "DOUBLE", "DECIMAL")
    },
}  # fmt: skip


def try_casts(db: Connection, sql: str, parameters: Mapping[str, Any]) -> None:
    """Try the casts of a statement that binds.

    Raises:
        CannotBind: one can never be done.

    """
    if _TRIED.search(sql):
        return
    for offset, text, kind in _written(sql):
        if not _fits(db, text, kind):
            raise CannotBind(f"{text} is no {kind.upper()}", "sql", offset=offset)
    for found in _LEFT.finditer(_planned(db, sql, parameters)):
        kind = found["type"]
        if found["column"] is not None:
            _try_column(db, sql, found["column"], kind)
            continue
        text = found["plain"] or f"'{found['text']}'"
        if not _fits(db, text, kind):
            raise CannotBind(f"{text} is no {kind}", "sql", offset=_place(sql, text, parameters))


def _written(sql: str) -> Iterator[tuple[int, str, str]]:
    """Yield the constants that are cast by a word of the text: where, what, and to which type."""
    for found in _TOKEN.finditer(sql):
        if found["text"] is None:
            continue
        behind = _BEHIND.match(sql, found.end())
        before = sql[: found.start()]
        if behind and (sql[found.end() : behind.start("type")].strip() == "::" or _CALLED.search(before)):
            yield found.start(), found["text"], behind["type"]
        elif typed := _TYPED.search(before):
            yield found.start(), found["text"], typed["type"]


def _fits(db: Connection, text: str, kind: str) -> bool:
    import duckdb

    try:
        return bool(db.raw.execute(f"SELECT TRY_CAST({text} AS {kind}) IS NOT NULL").fetchall()[0][0])
    except duckdb.ConversionException:
        return False
    except duckdb.Error:  # a type that only the statement knows
        return True


def _planned(db: Connection, sql: str, parameters: Mapping[str, Any]) -> str:
    import duckdb

    try:
        rows = db.raw.execute(f"EXPLAIN (FORMAT json) {sql}", dict(parameters)).fetchall()
        return json.dumps(json.loads("".join(str(row[1]) for row in rows)), ensure_ascii=False)
    except (duckdb.Error, ValueError):
        return ""


def _try_column(db: Connection, sql: str, name: str, kind: str) -> None:
    """Refuse a cast of a column whose type cannot become another, whatever its value."""
    import duckdb

    held = "SELECT DISTINCT data_type FROM duckdb_columns() WHERE NOT internal AND lower(column_name) = lower($name)"
    types = [row[0] for row in db.raw.execute(held, {"name": name}).fetchall()]
    for found in types:
        sample = _SAMPLES.get(found.partition("(")[0])
        if sample is None:
            return
        try:
            db.raw.execute(f"SELECT CAST({sample} AS {kind})").fetchall()
        except duckdb.ConversionException as error:
            if "Unimplemented" not in str(error):
                return
        else:
            return
    if types:
        word = rf"(?<![\w$.])(?:\w+\.)*{re.escape(name)}\b"
        at = re.search(rf"{word}(?=\s*[=<>!])", sql, re.IGNORECASE) or re.search(word, sql, re.IGNORECASE)
        told = f"{name!r} is {types[0]}, which cannot be cast to {kind}"
        raise CannotBind(told, "sql", offset=at.start() if at else 0)


def _place(sql: str, text: str, parameters: Mapping[str, Any]) -> int:
    """Return where a constant stands, or the parameter whose value it is."""
    at = sql.find(text)
    if at < 0:
        plain = text.strip("'").replace("''", "'")
        names = [name for name, value in parameters.items() if str(value).lower() == plain.lower()]
        at = sql.find(f"${names[0]}") if names else -1
    return max(at, 0)
