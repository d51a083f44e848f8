"""What may be typed at a cursor: keys, values, and within SQL tables, columns, variables and functions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from sqlflow.sdk import SQL_ROLES, Role, fold
from sqlflow.spec import Mapping, Path_, Scalar, find
from sqlflow.sql import functions, keywords

from .grammar import Option
from .names import Names
from .query import Query
from .spot import Spot

Kind = Literal["key", "value", "step", "table", "column", "variable", "function", "keyword", "name"]
_EXPRESSIONS = {
    "env:": "A variable of the environment, such as `${env:HOME}`.",
    "secret:": "A secret, as `${secret:PROVIDER/KEY}`.",
    "run:id": "The id of the run.",
    "run:started_at": "When the run began.",
    "profile": "The name of the profile.",
}
_COLUMN = re.compile(r"\bcolumns?\b", re.IGNORECASE)


class Offer(Struct, frozen=True):
    """Something that may be typed; it takes the place of the last `replaced` characters before the cursor."""

    label: str
    kind: Kind
    detail: str = ""
    docs: str = ""
    insert: str = ""
    replaced: int = 0
    rank: int = 1
    """Lower ones are shown first."""


def complete(spot: Spot, names: Names) -> list[Offer]:
    """Return everything that may be typed at a cursor."""
    role = None if spot.is_key else names.grammar.role(spot.root, spot.path)
    if role in SQL_ROLES:
        return list(_sql(spot, names))
    if (begun := re.search(r"\$\{([\w:]*)\Z", spot.typed)) and not spot.is_key:
        return list(_expressions(spot, names, len(begun[1])))
    found = list(_keys(spot, names)) if spot.is_key or spot.alone else []
    return found if spot.is_key else [*found, *_values(spot, names, role)]


def _keys(spot: Spot, names: Names) -> Iterator[Offer]:
    """Offer the keys that the mapping may have and does not have yet."""
    path = spot.path[:-1] if spot.is_key else spot.path
    holder = find(spot.root, path)[0]
    there = set(holder.keys) - {spot.scalar.text} if isinstance(holder, Mapping) else set()
    for option in names.grammar.options(spot.root, path).values():
        if option.name not in there:
            detail = "required" if option.required else option.shape
            insert = option.name if _has_colon(spot, holder) else f"{option.name}: "
            rank = 0 if option.required else 1
            yield Offer(option.name, "key", detail, option.docs, insert, len(spot.typed), rank)
    for name, docs in _free_keys(path, names):
        if name not in there:
            yield Offer(name, "name", "", docs, f"{name}: ", len(spot.typed))


def _has_colon(spot: Spot, holder: object) -> bool:
    value = holder.values.get(spot.scalar.text) if spot.is_key and isinstance(holder, Mapping) else None
    return value is not None and (value.line, value.column) > (spot.scalar.line, _end(spot.scalar))


def _end(scalar: Scalar) -> int:
    return scalar.column + len(scalar.text) + 1


def _free_keys(path: Path_, names: Names) -> Iterator[tuple[str, str]]:
    """Yield names that stand as keys: lint rules in the project, tables and steps in tests, columns in rows."""
    if names.grammar.kind == "project" and path == ("lint",):
        for rule in names.grammar.catalog.lint_rules():
            yield rule.name, rule.title
    if path[:1] == ("tests",) and len(path) == 3 and path[2] in ("given", "state", "expect"):  # noqa: PLR2004
        yield from ((table, "table") for table in names.tables())
        yield from ((step, "step") for step in names.steps())
    if path[:1] == ("tests",) and len(path) > 4 and isinstance(path[-1], int):  # noqa: PLR2004 - tests, which, given, table, row
        yield from names.columns(str(path[3])) or ()


def _values(spot: Spot, names: Names, role: Role | None) -> Iterator[Offer]:
    """Offer the values that a key may take."""
    option = names.grammar.option(spot.root, spot.path)
    size = len(spot.typed)
    if option is None:
        return
    for choice in option.choices:
        yield Offer(choice, "value", "", names.grammar.documented(spot.path, choice), choice, size, 0)
    if role in (Role.READS, Role.WRITES):
        yield from (Offer(table, "table", writers, "", table, size) for table, writers in names.tables().items())
    else:
        yield from (Offer(name, "name", kind, "", name, size) for name, kind in _named(spot, names, option))


def _named(spot: Spot, names: Names, option: Option) -> Iterator[tuple[str, str]]:
    """Yield names that a value may be, by the key that it stands under."""
    key = next((part for part in reversed(spot.path) if isinstance(part, str)), "")
    if key == "depends_on":
        own = find(spot.root, (*spot.path[:2], "id"))[0]
        yield from ((step, "step") for step in names.steps() if not isinstance(own, Scalar) or step != own.text)
    elif key == "connection":
        yield from ((connection, "connection") for connection in names.all("connections"))
    elif spot.path == ("default_profile",):
        yield from ((profile, "profile") for profile in names.profiles())
    elif spot.path[:1] == ("steps",) and not option.choices and _of_columns(spot, names, option):
        yield from step_columns(spot, names)


def _of_columns(spot: Spot, names: Names, option: Option) -> bool:
    """Tell whether an option says of itself that it takes columns."""
    above = names.grammar.option(spot.root, spot.path[:-1]) if isinstance(spot.path[-1], int) else option
    return above is not None and _COLUMN.search(above.docs) is not None


def step_columns(spot: Spot, names: Names) -> list[tuple[str, str]]:
    """Return the columns of the table that the step at a cursor writes, or else of the one that it reads."""
    step = spot.path[:2]
    for role in (Role.WRITES, Role.READS):
        for path in names.grammar.table_options(spot.root, step, role):
            node = find(spot.root, path)[0]
            if isinstance(node, Scalar) and (columns := names.columns(node.text)):
                return columns
    return []


def _expressions(spot: Spot, names: Names, size: int) -> Iterator[Offer]:
    """Offer what may stand in `${...}`."""
    for name in names.all("vars", spot.path[:2]):
        yield _variable(name, names, size)
    for name, docs in _EXPRESSIONS.items():
        yield Offer(name, "variable", "", docs, name, size)


def _variable(name: str, names: Names, size: int) -> Offer:
    value = names.value(name)
    detail = f"{value.type}, from {value.origin}" if value is not None else "for_each"
    return Offer(name, "variable", detail, "", name, size, 0)


def _sql(spot: Spot, names: Names) -> Iterator[Offer]:
    """Offer what may stand at a character of a query."""
    query = Query(spot.scalar.text)
    word = query.word(spot.offset)
    if word is None:
        return
    size = len(word.typed)
    if word.kind != "name":
        for name in names.all("vars", spot.path[:2]):
            value = names.value(name)
            if word.kind == "parameter" or value is None or value.type == "identifier":
                yield _variable(name, names, size)
        return
    if query.wants_table(spot.offset):
        typed = len(word.qualifier) + 1 + size if word.qualifier else size
        for cte in query.ctes.values():
            yield Offer(cte.name, "table", "with", "", cte.name, typed, 0)
        for table, writers in names.tables().items():
            yield Offer(table, "table", writers, "", table, typed)
        return
    yield from _columns(query, word.qualifier, spot, names, size)
    if size and not word.qualifier:
        yield from (offer for offer in _words(names, size) if fold(offer.label).startswith(fold(word.typed)))


def _words(names: Names, size: int) -> Iterator[Offer]:
    """Offer functions and keywords; there are so many that something must be typed before."""
    for name, signature in names.functions().items():
        yield Offer(name, "function", signature, "", name, size, 1)
    for function in functions().values():
        yield Offer(function.name, "function", function.signatures[0], function.description, function.name, size, 2)
    for keyword in keywords():
        yield Offer(keyword, "keyword", "", "", keyword, size, 3)


def _columns(query: Query, qualifier: str, spot: Spot, names: Names, size: int) -> Iterator[Offer]:
    """Offer the columns of what the query names; an expression of a step stands over the columns of its own rows."""
    around = query.visible(names.columns)
    if qualifier:
        wanted = fold(qualifier)
        found = [c for alias, columns in around.items() if fold(alias) == wanted for c in columns]
        for name, kind in found or query.columns(qualifier, names.columns):
            yield Offer(name, "column", kind, "", name, size, 0)
        return
    if not around and spot.path[-1] != "when":
        around = {"": step_columns(spot, names)}
    seen: set[str] = set()
    for alias, columns in around.items():
        for name, kind in columns:
            if name not in seen:
                seen.add(name)
                yield Offer(name, "column", f"{kind} {alias}".strip(), "", name, size, 0)
        if alias:
            yield Offer(alias, "table", "", "", alias, size)
