"""What is told of SQL that does not fit: which code, in which words, with which remedy."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sqlflow.problem import Mark, Problem, closest, did_you_mean
from sqlflow.sdk import CannotBind

from .model import Gap

SHOWN = 5
"""Steps that are told by name."""
#: What functions of other dialects are called here.
_ELSEWHERE = {
    "getdate": "now()", "sysdate": "now()", "sysdatetime": "now()", "curdate": "current_date",
    "nvl": "coalesce(a, b)", "isnull": "coalesce(a, b)", "nvl2": "case when a is not null then b else c end",
    "iff": "case when a then b else c end", "decode": "case a when 1 then ... end", "charindex": "strpos(text, part)",
    "date_format": "strftime(at, '%Y-%m-%d')", "to_number": "a::decimal(12,2)",
    "str_to_date": "strptime(text, '%Y-%m-%d')", "to_date": "strptime(text, '%Y-%m-%d')::date",
    "parse_date": "strptime(text, '%Y-%m-%d')::date", "dateadd": "at + interval 1 day",
    "date_sub": "at - interval 1 day", "safe_cast": "try_cast(a as integer)", "to_varchar": "a::varchar",
    "safe_divide": "a / nullif(b, 0)", "countif": "count(*) filter (where ...)", "=>": ">=",
}  # fmt: skip
_CODES = {"table": "SF420", "column": "SF421", "function": "SF422", "sql": "SF423"}


def complaint(
    error: CannotBind, mark: Mark | None, where: str, *, columns: Iterable[str], tables: Iterable[str]
) -> Problem:
    """Return the problem that an engine has found, with the names that may have been meant."""
    name = error.name
    if error.what == "column" and name:
        known = sorted({*columns, *(part.rpartition(".")[2].strip('"') for part in error.candidates)})
        return Problem("SF421", f"{where}: column {name!r} does not exist", mark, _column_hint(name, known, mark))
    if error.what == "table" and name:
        return Problem("SF420", f"{where}: table {name!r} does not exist", mark, _table_hint(name, tables))
    if error.what == "function" and name:
        meant = closest(name, error.candidates)
        hint = f"did you mean {meant!r}?" if meant else "functions come from plugins and the project's udfs/"
        if instead := _ELSEWHERE.get(name.lower()):
            hint = f"in this dialect: {instead}"
        return Problem("SF422", f"{where}: function {name!r} does not exist", mark, hint)
    return Problem(_CODES.get(error.what, "SF423"), f"{where}: {_told(error.message)}", mark, _remedy(error))


def unchecked(gap: Gap) -> Problem:
    """Tell what cannot be known here, and which steps were left alone for it."""
    steps = [repr(name) for name in gap.needed]
    shown = ", ".join(steps[:SHOWN]) + (f" and {len(steps) - SHOWN} more" if len(steps) > SHOWN else "")
    what = "step" if len(steps) == 1 else "steps"
    verb = "is" if len(steps) == 1 else "are"
    return Problem("SF426", f"{gap.what}: {what} {shown} {verb} not checked", gap.mark, gap.hint, "unchecked")


def _column_hint(name: str, known: list[str], mark: Mark | None) -> str:
    last = name.rpartition(".")[2]
    if mark is not None and mark.text[mark.column - 1 : mark.column] == '"' and closest(last, known) is None:
        return f"what stands in double quotes is a name; for text write '{name}'"
    if name[:1] in _CURLY:
        return "write straight quotes: '...'"
    if last in known:
        return "a table that is read has it, and not what it is taken from here"
    return did_you_mean(last, known, noun="column") if known else "check it against what its FROM brings"


#: Quotes that word processors put in the place of others.
_CURLY = tuple("\u2018\u2019\u201c\u201d")


def _table_hint(name: str, tables: Iterable[str]) -> str:
    known = sorted(set(tables))
    meant = closest(name, [table for table in known if table != name])
    return f"did you mean {meant!r}?" if meant else "check its name, or add the step that makes it"


def _told(message: str) -> str:
    """Leave out what DuckDB says of remedies; it stands in the hint."""
    return message.removesuffix(" You might need to add explicit type casts.")


_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")


def _remedy(error: CannotBind) -> str:
    if error.candidates and (meant := closest(error.name or "", error.candidates)):
        return f"did you mean {meant!r}?"
    told = _QUOTED.sub("", error.message)  # names that a user chose are no words of the engine
    if "mbiguous" in told:
        return "write the table in front of the column"
    if "GROUP BY" in told:
        return "add it to GROUP BY, or aggregate it"
    if "types" in told or "ompare" in told or "cast" in told:
        return "cast one side, or give the variable or column the type that is meant"
    if "Set operations" in told:
        return "let both sides select as many columns, or write union all by name"
    if "Subquery returns" in told:
        return "select one column there"
    if "window functions" in told:
        return "filter with qualify, which comes after where and group by"
    if "values were supplied" in told:
        return "give as many values as the table has columns, or name the columns that are given"
    if " is no " in told:
        return "write a value of that type, or cast the other side"
    return "check the SQL against the columns of the tables that it reads"
