"""What is told of what a cursor is on: docs of a key, types of columns, values of variables, meanings of problems."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from sqlflow.codes import Explanation, explain
from sqlflow.plan import Value
from sqlflow.problem import Problem
from sqlflow.registry import Catalog
from sqlflow.sdk import SQL_ROLES, Role, fold
from sqlflow.spec import Expression, expressions
from sqlflow.sql import functions

from .completion import step_columns
from .grammar import Option
from .names import Names
from .query import Columns, Query, Word
from .spot import Spot

MOST = 12
"""Ways to call a function that are shown."""


class Note(Struct, frozen=True):
    """Markdown about a part of a scalar, by its characters; None: about all of it."""

    text: str
    start: int | None = None
    end: int | None = None


def describe(spot: Spot, names: Names) -> Note | None:
    """Return what is known of what a cursor is on."""
    if spot.is_key:
        option = names.grammar.option(spot.root, spot.path)
        return Note(_option(option)) if option is not None and option.docs else _key(spot, names)
    role = names.grammar.role(spot.root, spot.path)
    if role in SQL_ROLES:
        return _in_query(spot, names)
    for expression in expressions(spot.scalar.text):
        if isinstance(expression, Expression) and expression.start <= spot.offset <= expression.end:
            value = names.value(expression.name) if expression.kind == "var" else None
            return Note(_variable(value), expression.start, expression.end) if value is not None else None
    if role in (Role.READS, Role.WRITES):
        return _noted(_table(spot.scalar.text, names))
    docs = names.grammar.documented(spot.path, spot.scalar.text)
    return _noted(docs) or _column_value(spot, names)


def _noted(text: str | None) -> Note | None:
    return Note(text) if text else None


def _key(spot: Spot, names: Names) -> Note | None:
    """Tell of a key that is a name: a variable or a table."""
    if spot.path[:1] == ("vars",) and (value := names.value(spot.scalar.text)) is not None:
        return Note(_variable(value))
    return _noted(_table(spot.scalar.text, names)) if spot.path[:1] == ("tests",) else None


def _option(option: Option) -> str:
    told = [f"**{option.name}**" + (" (required)" if option.required else ""), option.docs]
    if option.choices:
        told.append("One of " + ", ".join(f"`{choice}`" for choice in option.choices) + ".")
    elif option.shape:
        told.append(f"Takes: {option.shape}.")
    default = next((s["default"] for s in option.schemas if s.get("default") not in (None, [], {}, "")), None)
    if default is not None:
        told.append(f"Default: `{str(default).lower() if isinstance(default, bool) else default}`.")
    return "\n\n".join(told)


def _variable(value: Value) -> str:
    shown = "***" if value.secret else value.value if value.known else "(not set here)"
    return f"**${value.name}** `{value.type}`\n\n`{shown}`, from {value.origin}"


def _table(name: str, names: Names) -> str | None:
    columns = names.columns(name)
    writers = [place.scalar.text for place in names.writers(name)]
    if columns is None and not writers:
        return None
    told = [f"**{name}**" + (f", written by step `{', '.join(writers)}`" if writers else "")]
    if columns is not None:
        told.append("\n".join(["| column | type |", "|---|---|", *(f"| {n} | `{kind}` |" for n, kind in columns)]))
    else:
        told.append("Its columns are not known here.")
    return "\n\n".join(told)


def _column_value(spot: Spot, names: Names) -> Note | None:
    found = [kind for name, kind in step_columns(spot, names) if fold(name) == fold(spot.scalar.text)]
    return Note(f"**{spot.scalar.text}** `{found[0]}`") if found and spot.path[0] == "steps" else None


def _in_query(spot: Spot, names: Names) -> Note | None:
    query = Query(spot.scalar.text)
    word = query.word(spot.offset)
    if word is None or not word.whole:
        return None
    if word.kind != "name":
        value = names.value(word.whole)
        text = _variable(value) if value is not None else None
    else:
        text = _of_table(query, word, names) or _of_column(query, word, spot, names) or _of_function(word, names)
    return Note(text, word.start, word.end) if text else None


def _of_table(query: Query, word: Word, names: Names) -> str | None:
    """Tell of a table, of a query under WITH, or of what an alias stands for."""
    for relation in query.relations:
        if relation.start <= word.start <= relation.end or (
            not word.qualifier
            and fold(relation.alias) == fold(word.whole)
            and query.text[word.end : word.end + 1] == "."
        ):
            if fold(relation.name) in query.ctes:
                return _relation(relation.name, query.columns(relation.name, names.columns))
            return _table(relation.name, names)
    cte = query.ctes.get(fold(word.name))
    return _relation(cte.name, query.columns(cte.name, names.columns)) if cte is not None else None


def _relation(name: str, columns: Columns) -> str:
    return f"**{name}**\n\n" + "\n".join(
        [
            "| column | type |",
            "|---|---|",
            *(f"| {column} | {f'`{kind}`' if kind else ''} |" for column, kind in columns),
        ]
    )


def _of_column(query: Query, word: Word, spot: Spot, names: Names) -> str | None:
    around = query.visible(names.columns)
    if word.qualifier:
        around = {a: c for a, c in around.items() if fold(a) == fold(word.qualifier)}
        around = around or {word.qualifier: query.columns(word.qualifier, names.columns)}
    elif not around:
        around = {"": step_columns(spot, names)}
    found = dict.fromkeys(
        f"**{name}**" + (f" `{kind}`" if kind else "") + (f" of `{alias}`" if alias else "")
        for alias, columns in around.items()
        for name, kind in columns
        if fold(name) == fold(word.whole)
    )
    return "\n\n".join(found) or None


def _of_function(word: Word, names: Names) -> str | None:
    own = {fold(name): signature for name, signature in names.functions().items()}.get(fold(word.whole))
    if own is not None:
        return f"```sql\n{own}\n```"
    function = functions().get(fold(word.whole))
    if function is None or word.qualifier:
        return None
    return "```sql\n" + "\n".join(function.signatures[:MOST]) + f"\n```\n\n{function.description}"


def explained(problems: Iterable[Problem], catalog: Catalog) -> Iterator[str]:
    """Yield what the codes of problems mean and what to do about them, each once."""
    for code in dict.fromkeys(problem.code for problem in problems):
        found = explain(code) or _of_rule(code, catalog)
        if found is not None:
            yield f"**{found.code}** {found.title}\n\n{found.cause.strip()}\n\n*Remedy:* {found.remedy.strip()}"


def _of_rule(code: str, catalog: Catalog) -> Explanation | None:
    rule = next((rule for rule in catalog.lint_rules() if rule.name == code), None)
    if rule is None:
        return None
    return Explanation(rule.name, rule.title, (rule.__doc__ or rule.title).strip(), rule.example, rule.remedy)
