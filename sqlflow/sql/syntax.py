"""DuckDB's own parser, asked for syntax trees. What it accepts is what runs; no other grammar is guessed at.

Knows text and trees only: no tables that exist, no values, no document.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable
from typing import Any, NamedTuple

_local = threading.local()


class SqlSyntaxError(ValueError):
    """SQL that does not parse; `offset` is the character where the parser stopped."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


def connection() -> Any:
    """Return this thread's private in-memory database, used for parsing and for conditions without tables."""
    if not hasattr(_local, "connection"):
        _local.connection = _connected()
        _local.connection.execute("SET TimeZone = 'UTC'")
    return _local.connection


def _connected() -> Any:
    """Open a database that starts no thread: a process may be forked while it is there."""
    import duckdb

    try:
        return duckdb.connect(":memory:", config={"threads": "1", "async_threads": "0"})
    except duckdb.InvalidInputException:  # DuckDB 1 knows no such threads
        return duckdb.connect(":memory:", config={"threads": "1"})


def foresee(texts: Iterable[str]) -> None:
    """Parse many texts in one query, which costs less than half; `select_tree` then finds what is asked of it next."""
    import duckdb

    known: dict[str, str] = getattr(_local, "foreseen", {})
    wanted = [sql for sql in dict.fromkeys(texts) if sql not in known]
    if len(wanted) < 2:  # noqa: PLR2004 - one alone has nobody to share with
        return
    try:
        query = "SELECT sql, json_serialize_sql(sql) FROM (SELECT unnest(?) AS sql)"
        _local.foreseen = dict(connection().execute(query, [wanted]).fetchall())
    except (duckdb.Error, UnicodeError):  # told when that text is asked for
        _local.foreseen = {}


class Tree(NamedTuple):
    """SELECT statements as DuckDB's parser tells them; `text` is the same as JSON, as it came."""

    statements: list[dict[str, Any]]
    text: str


def select_tree(sql: str) -> Tree | None:
    """Return the tree of SELECT statements, or None for other statements that parse.

    Raises:
        SqlSyntaxError: the text does not parse.

    """
    text: str = getattr(_local, "foreseen", {}).get(sql) or _serialized(sql)
    tree: dict[str, Any] = json.loads(text)
    if not tree.get("error"):
        return Tree(tree["statements"], text)
    if tree.get("error_type") == "not implemented" or "Only SELECT" in tree.get("error_message", ""):
        return None
    position = tree.get("position")
    message = str(tree.get("error_message", "syntax error"))
    if position is None:
        raise syntax_error(sql, message)
    raise SqlSyntaxError(message, characters(sql, int(position)))


def _serialized(sql: str) -> str:
    import duckdb

    try:
        return str(connection().execute("SELECT json_serialize_sql(?)", [sql]).fetchall()[0][0])
    except duckdb.Error as error:
        raise syntax_error(sql, str(error)) from None


def split(sql: str) -> list[tuple[str, int, str, frozenset[str]]]:
    """Split a script; returns for each statement its text, its offset, its kind and its parameters.

    Raises:
        SqlSyntaxError: the text does not parse.

    """
    import duckdb

    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise syntax_error(sql, str(error)) from None
    found = []
    position = 0
    for statement in statements:
        text = statement.query
        start = sql.find(text, position)
        start = position if start < 0 else start
        position = start + len(text)
        lead = len(text) - len(text.lstrip())
        try:
            kind = str(statement.type).rpartition(".")[2]
        except ValueError:  # a statement that the driver has no word for
            kind = "UNKNOWN"
        found.append((text.strip().rstrip(";"), start + lead, kind, frozenset(statement.named_parameters)))
    return found


def characters(sql: str, position: int) -> int:
    """Turn a position in UTF-8 bytes, as the parser counts, into one in characters."""
    return position if sql.isascii() else len(sql.encode()[:position].decode(errors="ignore"))


_KIND = re.compile(r"^(Parser|Binder|Catalog|Conversion|Permission) Error: ")
_LINE = re.compile(r"LINE (\d+): ([^\n]*)\n( *)\^")


def syntax_error(sql: str, message: str) -> SqlSyntaxError:
    """Turn what the database says of a text into an error that knows the character."""
    first = _KIND.sub("", message.split("\n", 1)[0]).strip()
    found = _LINE.search(message)
    if not found:
        return SqlSyntaxError(first, 0)
    row = int(found[1]) - 1
    excerpt, caret = found[2], len(found[3]) - len(f"LINE {found[1]}: ")
    lines = sql.split("\n")
    start = sum(len(line) + 1 for line in lines[:row])
    line = lines[row] if row < len(lines) else ""
    if excerpt.startswith("..."):  # long lines are shown in part
        shown = excerpt.strip(".")
        caret += max(line.find(shown), 0) - 3
    return SqlSyntaxError(first, min(start + max(caret, 0), len(sql)))
