"""Casts that refuse what their type cannot hold, above all whole numbers that are guessed.

DuckDB guesses types from a sample. Behind it, or where a type is given, it reads 44.5 into a column of whole numbers
as 45 (CSV) or 44 (JSON) without a word. So such columns are read as DOUBLE, which costs nothing, and cast when the
value is whole. DOUBLE is exact up to 2^53; when a larger number comes, the batch is read again from its text. And a
decimal that is read from text is read with more places than it keeps, which have to be zeros.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from sqlflow.sdk import StepError, literal, normal_type, quote

from .connection import Connection
from .faults import FRACTION, HOUR, ROUNDED, TOO_LARGE

Typed = Callable[[Mapping[str, str]], str]
"""Writes a scan, given the type of every column."""

_EXACT_IN_DOUBLE = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"})
_LARGER = frozenset({"UBIGINT", "HUGEINT", "UHUGEINT"})
_LARGEST = 2**53
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_FAST, _WIDEST, _MORE = 18, 38, 4
"""Digits of a decimal that is a machine's number, those of the widest, and places that are looked at at least."""
INEXACT = "sqlflow_inexact"
"""Column, and temporary table, of rows that hold what does not fit."""


def exactly(
    db: Connection, typed: Typed, types: Mapping[str, str], *, careful: bool, keep: bool = False, textual: bool = False
) -> str:
    """Return a scan whose columns have these types; what a type cannot hold is an error.

    `keep`: instead, it is told in a column `sqlflow_inexact` of its row, and the value is NULL.
    """
    wide, told = dict(types), []
    casts: dict[str, str] = {}
    for name in _plain_dates(db, typed, types):
        wide[name], column = "TIMESTAMP", quote(name)
        cast = exact_cast(name, "TIMESTAMP", "DATE")
        if keep:
            cut = f"{column} <> date_trunc('day', {column})"
            told.append(f"CASE WHEN {cut} THEN concat({column}, {literal(f' in column {name} is not a date')}) END")
            cast = f"CASE WHEN NOT ({cut}) THEN CAST({column} AS DATE) END"
        casts[name] = cast
    for name, kind in types.items():
        whole, column = normal_type(kind), quote(name)
        if textual and (wider := _with_more_places(whole)):
            wide[name] = wider
            changed = f"{column} IS DISTINCT FROM TRY_CAST({column} AS {kind})"
            shown = f"rtrim(CAST({column} AS VARCHAR), '0')"
            told.append(f"CASE WHEN {changed} THEN concat({shown}, {literal(_unfit(name, kind))}) END")
            rounded = f"error(concat({literal(ROUNDED)}, {shown}, {literal(f' in column {name}')}))"
            casts[name] = f"CASE WHEN {changed} THEN {'NULL' if keep else rounded} ELSE CAST({column} AS {kind}) END"
        if whole not in _EXACT_IN_DOUBLE | _LARGER:
            continue
        wide[name] = "VARCHAR" if careful or whole in _LARGER else "DOUBLE"
        cast = exact_cast(name, wide[name], kind)
        if keep:
            fits = f"{column} IS NULL OR ({_is_whole(name, wide[name])} AND TRY_CAST({column} AS {kind}) IS NOT NULL)"
            told.append(f"CASE WHEN NOT ({fits}) THEN concat({column}, {literal(_unfit(name, kind))}) END")
            cast = f"CASE WHEN {fits} THEN CAST({column} AS {kind}) END"
        if wide[name] == "DOUBLE":
            cast = f"CASE WHEN abs({column}) >= {_LARGEST} THEN error({literal(TOO_LARGE + name)}) ELSE {cast} END"
        casts[name] = cast
    if not casts:
        return typed(wide)
    more = f", nullif(concat_ws('; ', {', '.join(told)}), '') AS {INEXACT}" if told and keep else ""
    return f"SELECT {listed(types, casts)}{more} FROM (\n{typed(wide)}\n)"


def listed(names: Iterable[str], casts: Mapping[str, str]) -> str:
    """List columns, some of them cast; DuckDB binds `* REPLACE` in a time that grows with the square of its length."""
    return ", ".join(f"{casts[name]} AS {quote(name)}" if name in casts else quote(name) for name in names)


def set_aside(db: Connection, relation: str, names: Sequence[str]) -> int:
    """Move the rows that hold what does not fit out of a staged table; returns how many they were."""
    row = f"json_object({', '.join(f'{literal(name)}, {quote(name)}' for name in names)})"
    aside = f"SELECT {INEXACT} AS sqlflow_check, CAST({row} AS VARCHAR) AS sqlflow_raw"
    count = db.make(INEXACT, f"{aside} FROM {relation} WHERE {INEXACT} IS NOT NULL", kind="TEMP TABLE")
    db.execute(f"DELETE FROM {relation} WHERE {INEXACT} IS NOT NULL")
    db.execute(f"ALTER TABLE {relation} DROP COLUMN {INEXACT}")
    return count


def _unfit(name: str, kind: str) -> str:
    return f" in column {name} does not fit its type, {kind}"


def _with_more_places(kind: str) -> str | None:
    """Return a decimal type with more places behind the point and as many before it; None: there is none."""
    found = _DECIMAL.fullmatch(kind)
    if found is None:
        return None
    places = int(found[2])
    whole = int(found[1]) - places
    width = _FAST if whole + places + _MORE <= _FAST else _WIDEST
    more = min(width - whole, places + 2 * _MORE)
    return f"DECIMAL({whole + more},{more})" if more > places else None


def _is_whole(name: str, found: str) -> str:
    column = quote(name)
    if found != "VARCHAR":
        return f"{column} = trunc({column})"
    number = f"TRY_CAST({column} AS DOUBLE)"
    text = f"CAST({column} AS VARCHAR)"  # a column that comes from the name of a folder is a number already
    return f"(NOT regexp_matches({text}, '[.eE]') OR {number} = trunc({number}))"


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
    numeric = found in ("DOUBLE", "FLOAT", "VARCHAR") or found.startswith("DECIMAL")
    if numeric and wanted in _EXACT_IN_DOUBLE | _LARGER:
        return f"CASE WHEN NOT ({_is_whole(name, found)}) THEN {_fraction(name)} ELSE {cast} END"
    if wanted == "DATE" and found.startswith("TIMESTAMP"):
        told = f"error(concat({literal(HOUR)}, {column}, {literal(f' in column {name}')}))"
        return f"CASE WHEN {column} <> date_trunc('day', {column}) THEN {told} ELSE {cast} END"
    return cast


def _fraction(name: str) -> str:
    return f"error(concat({literal(FRACTION)}, {quote(name)}, {literal(f' in column {name}')}))"
