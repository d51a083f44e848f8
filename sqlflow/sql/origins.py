"""Where the columns of a query come from, and which columns decide what rows it has.

sqlglot resolves the names; a query that it does not understand has no origins, and whoever asked decides what then.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from sqlflow.sdk import fold, fold_name, join_name

Field = tuple[str, str]
"""A table and one of its columns, both as the engine folds them."""


class Origins(Struct, frozen=True):
    """For each column of a query, in order, those it is made of; `rows` are those that decide which rows there are.

    A column without a name of its own is called `_col_` and its position. `meanings` says in the words of SQL how each
    column comes about, and `shape` how the rows do: equal texts mean the same, others may.
    """

    columns: tuple[tuple[str, frozenset[Field]], ...]
    rows: frozenset[Field] = frozenset()
    meanings: Mapping[str, str] = field(default_factory=dict)
    shape: str = ""


def read_origins(sql: str, tables: Mapping[str, Sequence[str]]) -> Origins | None:
    """Trace the columns of a SELECT to those of `tables`, which names the columns of every table that it reads.

    None: it cannot be traced.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.lineage import lineage
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import build_scope

    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns about what it does not know
    try:
        parsed = sqlglot.parse_one(sql, read="duckdb")
        names, schema = _renamed(parsed, tables)
        tree: Any = qualify(parsed, dialect="duckdb", schema=schema, validate_qualify_columns=False, identify=False)
        scope = build_scope(tree)
        if scope is None or any(select.is_star for select in tree.selects) or tree.find(exp.Columns):
            return None
        found = lineage(None, tree, schema={}, dialect="duckdb", scope=scope, trim_selects=False, copy=False)
        traced = {name: frozenset(_leaves(node, names)) for name, node in found.items()}
        columns = tuple((select.alias_or_name, traced[select.alias_or_name]) for select in tree.selects)
        meanings = {name: "\n".join(_texts(node)) for name, node in found.items()}
        return Origins(columns, frozenset(_deciding(scope, names)), meanings, "\n".join(_shape(scope)))
    except (sqlglot.errors.SqlglotError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return None


def _renamed(tree: Any, tables: Mapping[str, Sequence[str]]) -> tuple[dict[str, str], dict[str, object]]:
    """Give every table of a tree a short name, as the resolver wants all names to have as many parts.

    Returns what the short names stand for, and their columns; of these only the names are known.
    """
    from sqlglot import exp

    wanted = {fold_name(table): columns for table, columns in tables.items()}
    inner = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    short: dict[str, str] = {}
    for table in list(tree.find_all(exp.Table)):
        key = fold(join_name([part.name for part in table.parts]))
        if key not in wanted or (len(table.parts) == 1 and key in inner):
            continue
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)))
        table.set("this", exp.to_identifier(short.setdefault(key, f"t{key.encode().hex()}")))
        table.set("db", None)
        table.set("catalog", None)
    names = {name: key for key, name in short.items()}
    return names, {name: {fold(column): "unknown" for column in wanted[key]} for name, key in names.items()}


def _leaves(node: Any, names: Mapping[str, str]) -> Iterator[Field]:
    """Yield the columns of tables that a column is made of in the end."""
    from sqlglot import exp

    for found in node.walk():
        if not found.downstream and isinstance(found.expression, exp.Table) and found.expression.name in names:
            yield names[found.expression.name], fold(exp.to_column(found.name).name)


def _deciding(scope: Any, names: Mapping[str, str]) -> Iterator[Field]:
    """Yield the columns in the conditions and groups of a query and of all queries inside it."""
    from sqlglot import exp
    from sqlglot.lineage import to_node
    from sqlglot.optimizer.scope import Scope
    from sqlglot.schema import MappingSchema

    for inner in scope.traverse():
        query = inner.expression
        clauses = [query.args.get(name) for name in ("where", "having", "qualify", "group")]
        clauses += [join.args.get("on") for join in query.args.get("joins") or ()]
        for column in (c for clause in clauses if clause is not None for c in clause.find_all(exp.Column)):
            around, source = inner, None
            while around is not None and source is None:  # what a correlated subquery names stands further out
                source, around = around.sources.get(column.table), around.parent
            if isinstance(source, exp.Table) and source.name in names:
                yield names[source.name], fold(column.name)
            elif isinstance(source, Scope):
                node = to_node(column.name, source, "duckdb", trim_selects=False, schema=MappingSchema())
                yield from _leaves(node, names)


def _texts(node: Any) -> Iterator[str]:
    """Yield how a column comes about, from the outermost query inwards."""
    for found in node.walk():
        yield str(found.expression.sql(dialect="duckdb"))


def _shape(scope: Any) -> Iterator[str]:
    """Yield the queries inside a query without what they select, where that does not decide which rows there are."""
    from sqlglot import exp

    for inner in scope.traverse():
        query = inner.expression.copy()
        group = query.args.get("group")
        deciding = query.args.get("distinct") or (group is not None and group.args.get("all"))
        if isinstance(query, exp.Select) and not deciding:
            query.set("expressions", [])
        query.set("with_", None)
        for nested in list(query.find_all(exp.Subquery)):
            nested.replace(exp.to_identifier(nested.alias or "_"))
        yield str(query.sql(dialect="duckdb"))
