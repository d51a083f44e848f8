"""What the statements of a script do that rules of style look at.

The queries in them are read as queries are; all else goes by words. Whether any of it is wrong is not its business.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlflow.sdk import fold_name

from .habits import MOODY, Habits, read_habits
from .printing import tokens
from .references import CLOCK, ParsedStatement, Reference, read_statements
from .syntax import SqlSyntaxError, select_tree

_CHANGES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE_INTO"})
_OPENS = frozenset({"SELECT", "WITH", "FROM"})


def read_script_habits(sql: str, made: Collection[str] = ()) -> Habits:
    """Return the habits of a script; a text that is none has none.

    `made` are the folded names of tables that are made anew before. Functions of mood count in what changes others.
    """
    try:
        statements = read_statements(sql)
    except SqlSyntaxError:
        return Habits()
    anew = set(made)
    crossings: list[Reference] = []
    moods: list[Reference] = []
    for statement in statements:
        words = tokens(statement.sql)
        for start, query in _queries(statement, words):
            offset = statement.offset + start
            crossings += [Reference(r.name, r.offset + offset) for r in read_habits(query).crossings]
        targets = {fold_name(name) for name in statement.references.writes}
        empties = statement.kind == "DELETE" and not any(word.token_type.name == "WHERE" for word in words)
        if statement.kind == "CREATE" or empties:
            anew |= targets
        elif statement.kind in _CHANGES and not targets <= anew:
            moods += [Reference(word.text, word.start + statement.offset) for word in _moods(words)]
    return Habits((), tuple(crossings), tuple(moods))


def _queries(statement: ParsedStatement, words: Sequence[Any]) -> Iterator[tuple[int, str]]:
    """Yield the outermost queries of a statement, and where they start."""
    text, end = statement.sql, len(statement.sql)
    if statement.kind in ("SELECT", "INSERT", "CREATE"):
        starts = (word.start for word in words if word.token_type.name in _OPENS)
        end = next((start for start in starts if _is_query(text[start:])), end)
        yield end, text[end:]
    depth, opened = 0, None
    for word, after in zip(words, [*words[1:], None], strict=True):
        kind = word.token_type.name
        if word.start >= end:
            break
        depth += {"L_PAREN": 1, "R_PAREN": -1}.get(kind, 0)
        if kind == "L_PAREN" and opened is None and after is not None and after.token_type.name in _OPENS:
            opened = depth, after.start
        elif kind == "R_PAREN" and opened is not None and depth < opened[0]:
            yield opened[1], text[opened[1] : word.start]
            opened = None


def _is_query(text: str) -> bool:
    try:
        tree = select_tree(text)
    except SqlSyntaxError:
        return False
    return tree is not None and len(tree.statements) == 1


def _moods(words: Sequence[Any]) -> Iterator[Any]:
    for before, word, after in zip([None, *words], words, [*words[1:], None], strict=False):
        name = word.text.lower()
        if word.token_type.name in ("IDENTIFIER", "STRING") or (before is not None and before.token_type.name == "DOT"):
            continue
        called = after is not None and after.token_type.name == "L_PAREN"
        if name in CLOCK or (called and MOODY.fullmatch(name)):
            yield word
