"""Where what a cursor is on is declared: the step that writes a table, a variable, a connection, a step, a file."""

from __future__ import annotations

from sqlflow.sdk import SQL_ROLES, Role, fold
from sqlflow.spec import Expression, Scalar, Source, expressions

from .names import Names, Place
from .query import Query
from .spot import Spot


def find_definition(spot: Spot, names: Names, source: Source) -> list[Place]:
    """Return the places where it is declared; none: nothing declares it."""
    text = spot.scalar.text
    if spot.is_key:
        return names.writers(text) if spot.path[:1] == ("tests",) else []
    role = names.grammar.role(spot.root, spot.path)
    if role in SQL_ROLES:
        return _in_query(spot, names, source)
    for expression in expressions(text):
        if isinstance(expression, Expression) and expression.start <= spot.offset <= expression.end:
            return names.declared("vars", expression.name, spot.path[:2]) if expression.kind == "var" else []
    if role in (Role.READS, Role.WRITES):
        return names.writers(text)
    if role is Role.SQL_FILE and names.reading is not None:
        file = (names.reading.workspace.folder / text).resolve()
        return [Place(file, Scalar(0, 0, "", ""))] if file.is_file() else []
    key = next((part for part in reversed(spot.path) if isinstance(part, str)), "")
    if key == "connection":
        return names.declared("connections", text)
    if key == "depends_on":
        found = names.steps().get(text.partition("@")[0])
        return [Place(names.path, found)] if found is not None else []
    if spot.path == ("default_profile",):
        profile = names.profiles().get(text)
        return [profile] if profile is not None else []
    return []


def _in_query(spot: Spot, names: Names, source: Source) -> list[Place]:
    query = Query(spot.scalar.text)
    word = query.word(spot.offset)
    if word is None:
        return []
    if word.kind != "name":
        return names.declared("vars", word.whole, spot.path[:2])
    named = next((r.name for r in query.relations if r.start <= word.start <= r.end), None)
    if named is None and (qualifier := word.qualifier or word.whole):
        named = next((r.name for r in query.relations if fold(r.alias) == fold(qualifier)), word.name)
    cte = query.ctes.get(fold(named or ""))
    if cte is not None:
        mark = source.within(spot.scalar, cte.start)
        return [Place(names.path, Scalar(mark.line - 1, mark.column - 1, cte.name, cte.name))]
    return names.writers(named) if named else []
