"""SQL laid out the one way that `sqlflow fmt` knows, and only where nothing but its layout changes.

sqlglot prints; DuckDB's own parser says whether the text means what it meant.
"""

from __future__ import annotations

from typing import Any

from .references import read_query
from .syntax import SqlSyntaxError

WIDTH = 80
_VALUES = frozenset({"IDENTIFIER", "STRING", "NATIONAL_STRING", "RAW_STRING", "HEREDOC_STRING"})


def printed(sql: str) -> str:
    """Return a SELECT in its canonical layout, keywords in small letters.

    The text comes back as it is where the printer would change more than layout: comments (it moves them), SQL that
    it does not know, and whatever DuckDB would parse to another tree.
    """
    found = _pretty(sql)
    return found if found is not None and _pretty(found) == found and same(sql, found) else sql


def same(one: str, other: str) -> bool:
    """Tell whether two texts are one query to DuckDB, wherever its parts stand."""
    try:
        return read_query(one).digest == read_query(other).digest
    except SqlSyntaxError:
        return one == other


def _pretty(sql: str) -> str | None:
    import sqlglot

    try:
        words = tokens(sql)
        trees = [tree for tree in sqlglot.parse(sql, read="duckdb") if tree is not None]
        if len(trees) != 1 or any(word.comments for word in words) or "--" in sql or "/*" in sql:
            return None
        text = _infixed(trees[0]).sql(
            dialect="duckdb", pretty=True, pad=2, indent=2, normalize_functions="lower", max_text_width=WIDTH
        )
        if sqlglot.parse_one(text, read="duckdb") != trees[0]:
            return None
        return _in_small_letters(text, {word.text for word in words if word.token_type.name == "VAR"})
    except (sqlglot.errors.SqlglotError, RecursionError):
        return None


def _infixed(tree: Any) -> Any:
    """Return a tree that prints `a is not null` and `a not in (1)`, where the printer writes `not a is null`."""
    from sqlglot import exp

    def change(node: Any) -> Any:
        inner = node.this if isinstance(node, exp.Not) else None
        if isinstance(inner, exp.Is):
            return exp.Is(this=inner.this, expression=exp.Not(this=inner.expression))
        if isinstance(inner, (exp.In, exp.Between, exp.Like, exp.ILike)):
            inner.set("this", exp.Var(this=f"{inner.this.sql(dialect='duckdb', normalize_functions='lower')} NOT"))
            return inner
        return node

    return tree.copy().transform(change)


def tokens(sql: str) -> list[Any]:
    """Return the words of a text: each with `token_type`, `text`, `start` and `end`."""
    from sqlglot.dialects import DuckDB

    return list(DuckDB().tokenize(sql))


def _in_small_letters(text: str, names: set[str]) -> str:
    """Write keywords small; names that stood there so, values and parameters stay as they are."""
    parts, position = [], 0
    for token in tokens(text):
        written = text[token.start : token.end + 1]
        small = token.token_type.name not in _VALUES and written == token.text and written not in names
        parts += [text[position : token.start], written.lower() if small and written.isupper() else written]
        position = token.end + 1
    return "".join([*parts, text[position:]])
