"""SQL laid out the one way that `sqlflow fmt` knows, and only where nothing but its layout changes.

sqlglot prints; DuckDB's own parser says whether the text means what it meant.
"""

from __future__ import annotations

import re
from typing import Any

from .references import read_query
from .syntax import SqlSyntaxError

WIDTH = 80
INDENT = 2
_CLAUSE = re.compile(r"select( distinct)?|where|group by|order by|having|qualify|(\w+ )*join .*[^,]")
_EXISTS = re.compile(r"(?<![\w.])exists\(")
_PRECISION = re.compile(r"\((\d+), (\d+)\)")
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
            dialect="duckdb", copy=False, pretty=True, pad=INDENT, indent=INDENT,
            normalize_functions="lower", max_text_width=WIDTH,
        )  # fmt: skip
        if sqlglot.parse_one(text, read="duckdb") != trees[0]:
            return None
        return _compact(_in_small_letters(text, {word.text for word in words if word.token_type.name == "VAR"}))
    except (sqlglot.errors.SqlglotError, RecursionError):
        return None


def _infixed(tree: Any) -> Any:
    """Return a tree that prints as people write: `a is not null`, `a not in (1)`, `a::date`, `(a + b)` on one line.

    The printer writes `not a is null`, `cast(a as date)`, and what stands in parentheses on lines of its own.
    """
    copy = tree.copy()
    for written, node in reversed(list(zip(tree.dfs(), copy.dfs(), strict=True))):
        if (other := _plain(node, written)) is not None:
            node.replace(other)
    return copy


def _plain(node: Any, written: Any) -> Any:
    """Return what is printed in the place of a node; None: the node itself. Its parts have had their turn."""
    from sqlglot import exp

    inner = node.this
    if isinstance(node, exp.Not) and isinstance(inner, exp.Is):
        return exp.Is(this=inner.this, expression=exp.Not(this=inner.expression))
    if isinstance(node, exp.Not) and isinstance(inner, (exp.In, exp.Between, exp.Like, exp.ILike)):
        inner.set("this", exp.Var(this=f"{_inline(inner.this)} NOT"))
        return inner
    text = _inline(node).replace(" FILTER(", " FILTER (") if isinstance(node, exp.Filter) else ""
    if isinstance(node, exp.Paren) and not node.find(exp.Query):
        text = f"({_inline(inner)})"
    elif type(node) is exp.Cast:
        text = f"{_inline(inner)}::" + _PRECISION.sub(r"(\1,\2)", _inline(node.to))
        text = text if _is(text, written) else ""
    return exp.Var(this=text) if text and len(text) <= WIDTH else None


def _inline(node: Any) -> str:
    return str(node.sql(dialect="duckdb", normalize_functions="lower"))


def _is(text: str, tree: Any) -> bool:
    import sqlglot

    try:
        return bool(sqlglot.parse_one(text, read="duckdb") == tree)
    except sqlglot.errors.SqlglotError:
        return False


def _compact(text: str) -> str:
    """Put a clause and what stands in parentheses on one line where it fits: the printer gives each part a line."""
    lines: list[str] = []
    for line in reversed(_EXISTS.sub("exists (", text).split("\n")):
        deep = _depth(line)
        count = next((n for n, below in enumerate(lines) if _depth(below) <= deep), len(lines))
        parts, clause = lines[:count], _CLAUSE.fullmatch(line.strip())
        flat = bool(parts) and all(_depth(part) == deep + INDENT for part in parts)
        whole = " ".join([line, *(part.strip() for part in parts)])
        after = lines[count].strip() if count < len(lines) else ""
        closed = line + whole[len(line) + 1 :] + after if line.endswith("(") and after.startswith(")") else ""
        if flat and clause and len(whole) - deep <= WIDTH:
            lines[:count] = [whole]
        elif flat and closed and len(closed) - deep <= WIDTH:
            lines[: count + 1] = [closed]
        elif clause and parts and parts[-1].strip() == ")" and all(_depth(p) > deep + INDENT for p in parts[1:-1]):
            lines[:count] = [f"{line} {parts[0].strip()}", *(part[INDENT:] for part in parts[1:])]
        else:
            lines.insert(0, line)
    return "\n".join(lines)


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


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
