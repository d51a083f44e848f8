"""Casts that refuse what their type cannot hold, above all whole numbers that are guessed.

DuckDB guesses types from a sample. Behind it, or where a type is given, it reads 44.5 into a column of whole numbers
as 45 (CSV) or 44 (JSON) without a word. So such columns are read as DOUBLE, which costs nothing, and cast when the
value is whole. DOUBLE is exact up to 2^53; when a larger number comes, the batch is read again from its text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlflow.sdk import StepError, literal, normal_type, quote

from .connection import Connection
from .faults import FRACTION, HOUR, TOO_LARGE

Typed = Callable[[Mapping[str, str]], str]
"""Writes a scan, given the type of every column."""

_EXACT_IN_DOUBLE = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"})
_LARGER = frozenset({"UBIGINT", "HUGEINT", "UHUGEINT"})
_LARGEST = 2**53


def exactly(db: Connection, typed: Typed, types: Mapping[str, str], *, careful: bool) -> str:
    """Return a scan whose columns have these types; what a type cannot hold is an error."""
    wide, casts = dict(types), []
    for name in _plain_dates(db, typed, types):
        wide[name] = "TIMESTAMP"
        casts.append(f"{exact_cast(name, 'TIMESTAMP', 'DATE')} AS {quote(name)}")
    for name, kind in types.items():
        whole = normal_type(kind)
        if whole in _LARGER or (careful and whole in _EXACT_IN_DOUBLE):
            wide[name] = "VARCHAR"
            casts.append(f"{exact_cast(name, 'VARCHAR', kind)} AS {quote(name)}")
        elif whole in _EXACT_IN_DOUBLE:
            wide[name] = "DOUBLE"
            limit = f"WHEN abs({quote(name)}) >= {_LARGEST} THEN error({literal(TOO_LARGE + name)})"
            casts.append(f"CASE {limit} ELSE {exact_cast(name, 'DOUBLE', kind)} END AS {quote(name)}")
    return f"SELECT * REPLACE ({', '.join(casts)}) FROM (\n{typed(wide)}\n)" if casts else typed(wide)


def _plain_dates(db: Connection, typed: Typed, types: Mapping[str, str]) -> list[str]:
    """Return the columns of dates that are written as year, month, day, which can be read as times as well."""
    dates = [name for name, kind in types.items() if normal_type(kind) == "DATE"]
    if not dates:
        return []
    shown = ", ".join(f"bool_and(regexp_matches({quote(name)}, '^\\d{{4}}-\\d\\d-\\d\\d'))" for name in dates)
    texts = typed(dict.fromkeys(types, "VARCHAR"))
    try:
        plain = db.execute(f"SELECT {shown} FROM (FROM (\n{texts}\n) LIMIT 1000)")[0]
    except StepError:  # the scan itself tells it, and better
        return []
    return [name for name, all_plain in zip(dates, plain, strict=True) if all_plain]


def exact_cast(name: str, found: str, wanted: str) -> str:
    """Cast a column; what the type cannot hold is an error where DuckDB would round or cut it off."""
    column, cast = quote(name), f"CAST({quote(name)} AS {wanted})"
    found, wanted = normal_type(found), normal_type(wanted)
    if wanted in _EXACT_IN_DOUBLE | _LARGER:
        if found in ("DOUBLE", "FLOAT") or found.startswith("DECIMAL"):
            return f"CASE WHEN {column} <> trunc({column}) THEN {_fraction(name)} ELSE {cast} END"
        if found == "VARCHAR":
            number = f"TRY_CAST({column} AS DOUBLE)"
            fraction = f"regexp_matches({column}, '[.eE]') AND {number} <> trunc({number})"
            return f"CASE WHEN {fraction} THEN {_fraction(name)} ELSE {cast} END"
    if wanted == "DATE" and found.startswith("TIMESTAMP"):
        told = f"error(concat({literal(HOUR)}, {column}, {literal(f' in column {name}')}))"
        return f"CASE WHEN {column} <> date_trunc('day', {column}) THEN {told} ELSE {cast} END"
    return cast


def _fraction(name: str) -> str:
    return f"error(concat({literal(FRACTION)}, {quote(name)}, {literal(f' in column {name}')}))"
