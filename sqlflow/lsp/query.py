"""SQL that somebody is typing, told from its words: which tables it names, under which aliases, and what is meant here.

A query parses only when it is finished; this says what it can of any text. Knows words, no tables that exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property

from msgspec import Struct

from sqlflow.sdk import fold

Columns = list[tuple[str, str]]
"""Names and types; a type that is not known is empty."""
_TOKEN = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?(?:\*/|$))|(?P<text>'(?:[^']|'')*(?:'|$))|(?P<parameter>\$\{?\w*\}?)"
    r'|(?P<word>"(?:[^"]|"")*"|[^\W\d]\w*)|(?P<number>\d[\w.]*)|(?P<sign>\S)',
    re.DOTALL,
)
_OPENS = {"from", "join", "into", "update", "table"}
_CLOSES = {"where", "group", "order", "having", "limit", "select", "set", "union", "except", "intersect", "qualify"}
_NO_ALIAS = _OPENS | _CLOSES | {
    "on", "using", "left", "right", "inner", "outer", "full", "cross", "natural", "asof", "positional", "semi", "anti",
    "as", "values", "window", "tablesample", "when", "then", "offset", "lateral", "pivot", "unpivot", "and", "or",
}  # fmt: skip


class Token(Struct, frozen=True):
    """A word or a sign, and its characters."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def low(self) -> str:
        """The word as it is compared."""
        return self.text.lower()


class Relation(Struct, frozen=True):
    """A table that is named, and how the rest of the query calls it."""

    name: str
    alias: str
    start: int
    end: int


class Cte(Struct, frozen=True):
    """A query under a name, for the query that follows."""

    name: str
    start: int
    end: int
    body: str
    columns: tuple[str, ...]


class Word(Struct, frozen=True):
    """What stands at a character: a parameter, or a name and what is before its last dot; to the cursor, and whole."""

    kind: str
    qualifier: str
    typed: str
    whole: str
    start: int
    end: int

    @property
    def name(self) -> str:
        """The whole name, qualified."""
        return f"{self.qualifier}.{self.whole}" if self.qualifier else self.whole


class Query:
    """A piece of SQL."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.all = [Token(m.lastgroup or "", m[0], m.start(), m.end()) for m in _TOKEN.finditer(text)]
        self.tokens = [token for token in self.all if token.kind != "comment"]

    def word(self, offset: int) -> Word | None:
        """Return what stands at a character; None: a comment, a text, or nothing that has a name."""
        inside = next((t for t in self.all if t.start < offset <= t.end and t.kind in ("comment", "text")), None)
        if inside is not None and not (offset == inside.end and inside.text[-1:] in "'/"):
            return None
        before, behind = self.text[:offset], self.text[offset:]
        if found := re.search(r"\$(\{?)(\w*)\Z", before):
            rest = re.match(r"\w*", behind)
            whole = found[2] + (rest[0] if rest else "")
            kind = "spliced" if found[1] else "parameter"
            return Word(kind, "", found[2], whole, found.start(), offset + len(whole) - len(found[2]))
        if behind.startswith("$") and (named := re.match(r"\$(\{?)(\w+)", behind)):
            return Word("spliced" if named[1] else "parameter", "", "", named[2], offset, offset + named.end())
        found = re.search(r'((?:(?:"[^"]*"|\w+)\.)*)("[^"]*"?|\w*)\Z', before)
        rest = re.match(r'\w*"?', behind)
        if found is None or rest is None:
            return None
        whole = found[2] + (rest[0] if not rest[0].endswith('"') or '"' in found[2] else rest[0][:-1])
        start = found.start()
        return Word("name", found[1][:-1], found[2].strip('"'), whole.strip('"'), start, start + len(found[1] + whole))

    def wants_table(self, offset: int) -> bool:
        """Tell whether the name that is typed at a character is that of a table."""
        word = self.word(offset)
        start = word.start if word is not None else offset
        return _Scan([token for token in self.tokens if token.end <= start]).expecting

    @cached_property
    def relations(self) -> list[Relation]:
        """The tables that are named after FROM, JOIN and their like."""
        return _Scan(self.tokens).relations

    @cached_property
    def ctes(self) -> dict[str, Cte]:
        """The queries under WITH, by their folded names."""
        return {fold(cte.name): cte for cte in self._ctes()}

    def columns(
        self, relation: str, known: Callable[[str], Columns | None], seen: frozenset[str] = frozenset()
    ) -> Columns:
        """Return the columns of a table or of a CTE; `known` says those of tables."""
        key = fold(relation)
        cte = self.ctes.get(key)
        if cte is None or key in seen:
            return known(relation) or []
        inner = Query(cte.body)
        inner.ctes = {**self.ctes, **inner.ctes}
        found = list(inner.output(known, seen | {key}))
        return [(name, found[i][1] if i < len(found) else "") for i, name in enumerate(cte.columns)] or found

    def visible(self, known: Callable[[str], Columns | None], seen: frozenset[str] = frozenset()) -> dict[str, Columns]:
        """Return the columns of everything that is named, by alias."""
        return {r.alias: self.columns(r.name, known, seen) for r in self.relations}

    def output(self, known: Callable[[str], Columns | None], seen: frozenset[str]) -> Iterator[tuple[str, str]]:
        """Yield the columns that come out of a SELECT, as far as they have names."""
        around = self.visible(known, seen)
        for item in self._items():
            last = item[-1]
            if last.text == "*":
                aliases = [item[0].text.strip('"')] if len(item) == 3 else list(around)  # noqa: PLR2004 - alias . *
                yield from (column for alias in aliases for column in around.get(alias, ()))
            elif last.kind == "word":
                named = len(item) > 1 and item[-2].text != "."
                value = [token for token in item[:-1] if token.low != "as"] if named else item
                yield last.text.strip('"'), _type([token.text.strip('"') for token in value], around)

    def _items(self) -> Iterator[list[Token]]:
        depth, item, begun = 0, list[Token](), False
        for token in self.tokens:
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0)
            if depth == 0 and not begun:
                begun = token.low == "select"
            elif begun and depth == 0 and (token.text == "," or token.low in ("from", "union", ";")):
                if item:
                    yield item
                item = []
                if token.text != ",":
                    return
            elif begun and not (token.low in ("distinct", "all") and not item):
                item.append(token)
        if item:
            yield item

    def _ctes(self) -> Iterator[Cte]:
        at = 0
        while at < len(self.tokens):
            if self.tokens[at].low != "with":
                at += 1
                continue
            at += 1
            while (found := self._cte(at)) is not None:
                at, cte = found
                yield cte
                if at >= len(self.tokens) or self.tokens[at].text != ",":
                    break
                at += 1

    def _cte(self, at: int) -> tuple[int, Cte] | None:
        tokens = self.tokens
        at += at < len(tokens) and tokens[at].low == "recursive"
        if at + 1 >= len(tokens) or tokens[at].kind != "word":
            return None
        name, columns, at = tokens[at], tuple[str, ...](), at + 1
        if tokens[at].text == "(":
            end = self._closing(at)
            columns = tuple(t.text.strip('"') for t in tokens[at:end] if t.kind == "word")
            at = end + 1
        while at < len(tokens) and tokens[at].low in ("as", "not", "materialized"):
            at += 1
        if at >= len(tokens) or tokens[at].text != "(":
            return None
        end = self._closing(at)
        stop = tokens[end].start if end < len(tokens) else len(self.text)
        return end + 1, Cte(name.text.strip('"'), name.start, name.end, self.text[tokens[at].end : stop], columns)

    def _closing(self, at: int) -> int:
        depth = 0
        for position in range(at, len(self.tokens)):
            depth += {"(": 1, ")": -1}.get(self.tokens[position].text, 0)
            if depth == 0:
                return position
        return len(self.tokens)


def _type(names: list[str], around: dict[str, Columns]) -> str:
    """Return the type of a column that is passed on as it is; empty for what is computed."""
    if names[1:2] == ["."]:
        around, names = {names[0]: around.get(names[0], [])}, names[2:]
    found = [kind for columns in around.values() for name, kind in columns if [fold(name)] == [fold(n) for n in names]]
    return found[0] if found else ""


class _Scan:
    """Goes through the words once and keeps which of them name tables."""

    def __init__(self, tokens: list[Token]) -> None:
        self.relations: list[Relation] = []
        self.expecting = False
        within, at = [False], 0
        while at < len(tokens):
            token = tokens[at]
            if self.expecting and token.kind == "word" and token.low not in _NO_ALIAS:
                at = self._relation(tokens, at)
                continue
            if token.kind == "word" and token.low in _OPENS:
                self.expecting = within[-1] = True
            elif token.kind == "word" and token.low in _CLOSES:
                self.expecting = within[-1] = False
            elif token.text == "(":
                within.append(False)
                self.expecting = False
            elif token.text == ")":
                within = within[:-1] or [False]
                self.expecting = False
            else:
                self.expecting = token.text == "," and within[-1]
            at += 1

    def _relation(self, tokens: list[Token], at: int) -> int:
        first, parts = tokens[at], [tokens[at].text.strip('"')]
        at += 1
        while at + 1 < len(tokens) and tokens[at].text == "." and tokens[at + 1].kind == "word":
            parts.append(tokens[at + 1].text.strip('"'))
            at += 2
        last, self.expecting = tokens[at - 1], False
        if at < len(tokens) and tokens[at].text in ("(", "."):  # a function, or a name that is not finished
            return at
        alias = parts[-1]
        if at < len(tokens) and tokens[at].low == "as":
            at += 1
        if at < len(tokens) and tokens[at].kind == "word" and tokens[at].low not in _NO_ALIAS:
            alias, at = tokens[at].text.strip('"'), at + 1
        self.relations.append(Relation(".".join(parts), alias, first.start, last.end))
        return at
