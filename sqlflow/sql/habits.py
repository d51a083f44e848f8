"""What a query does that rules of style look at: stars over tables, joins by comma alone, functions that never agree.

Reads DuckDB's trees. Whether any of it is wrong is not its business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from msgspec import Struct

from .references import CLOCK, KEPT, Reference
from .syntax import SqlSyntaxError, characters, select_tree

MOODY = re.compile(
    r"now|today|random|uuid|uuidv[47]|gen_random_uuid|nextval|currval|get_current_\w+|current_(date|time|timestamp)|"
    r"local(time|timestamp)|transaction_timestamp"
)
_NOWHERE = 2**63


class Habits(Struct, frozen=True):
    """Places in a query, by their characters."""

    stars: tuple[Reference, ...] = ()
    """`*` in the outermost columns that stands for the columns of a table."""
    crossings: tuple[Reference, ...] = ()
    """Tables after a comma that no condition ties to those before it."""
    moods: tuple[Reference, ...] = ()
    """Functions that give another value at another time, or by chance."""


@lru_cache(maxsize=KEPT)
def read_habits(sql: str) -> Habits:
    """Return the habits of a SELECT; a text that is none has none."""
    try:
        tree = select_tree(sql)
    except SqlSyntaxError:
        return Habits()
    if tree is None or len(tree.statements) != 1:
        return Habits()
    root = tree.statements[0]["node"]
    return Habits(
        tuple(_place(name, node, sql) for name, node in _stars(root, frozenset())),
        tuple(_place(name, node, sql) for name, node in _crossings(root)),
        tuple(_place(name, node, sql) for name, node in _moods(root)),
    )


def _place(name: str, node: dict[str, Any], sql: str) -> Reference:
    position = node.get("query_location") or 0
    return Reference(name, 0 if position >= _NOWHERE else characters(sql, position))


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every node of a tree, the outer ones first."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            yield node
            stack += reversed(list(node.values()))
        elif isinstance(node, list):
            stack += reversed(node)


def _stars(node: dict[str, Any], closed: frozenset[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the stars of the outermost SELECT, and of each part of a union; `closed` CTEs name their columns."""
    for entry in (node.get("cte_map") or {}).get("map", ()):
        inner = entry["value"].get("query_node") or (entry["value"].get("query") or {}).get("node") or {}
        if not any(True for _ in _stars(inner, closed)):
            closed = closed | {entry["key"].lower()}
    if node.get("type") != "SELECT_NODE":
        for part in [*node.get("children", ()), node.get("left"), node.get("right")]:
            if isinstance(part, dict):
                yield from _stars(part, closed)
    elif _open(node["from_table"], closed):
        for item in node["select_list"]:
            if item.get("class") == "STAR" and not item.get("columns"):
                yield "*", item


def _open(relation: dict[str, Any], closed: frozenset[str]) -> bool:
    """Tell whether the columns of a part of FROM are written nowhere in the query."""
    kind = relation.get("type")
    if kind == "JOIN":
        return _open(relation["left"], closed) or _open(relation["right"], closed)
    if kind == "BASE_TABLE":
        return bool(relation["schema_name"]) or relation["table_name"].lower() not in closed
    if kind == "SUBQUERY":
        return any(True for _ in _stars(relation["subquery"]["node"], closed))
    return kind == "TABLE_FUNCTION" and str(relation["function"].get("function_name", "")).startswith("read_")


def _crossings(root: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for select in _nodes(root):
        if select.get("type") != "SELECT_NODE":
            continue
        ties = list(_ties(select.get("where_clause")))
        for join in _nodes(select.get("from_table")):
            if join.get("type") != "JOIN" or join.get("ref_type") != "CROSS" or not join.get("is_implicit"):
                continue
            left, right = _named(join["left"]), _named(join["right"])
            if right and not any(_tied(tie, left, right) for tie in ties):
                yield min(right), join["right"]


def _named(relation: dict[str, Any]) -> frozenset[str]:
    """Return the names of the tables of a part of FROM; table functions and subqueries may look at those before."""
    if relation.get("type") == "JOIN":
        return _named(relation["left"]) | _named(relation["right"])
    if relation.get("type") == "BASE_TABLE":
        return frozenset({(relation.get("alias") or relation["table_name"]).lower()})
    return frozenset()


def _ties(where: Any) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    """Yield the tables on both sides of each comparison of columns; '' is a column that does not name its table."""
    for node in _nodes(where):
        if node.get("class") in ("COMPARISON", "BETWEEN", "FUNCTION", "OPERATOR"):
            sides = [_tables(side) for side in node.values() if isinstance(side, (dict, list))]
            sides += [_tables(item) for side in node.values() if isinstance(side, list) for item in side]
            found = [side for side in sides if side]
            yield from ((one, other) for n, one in enumerate(found) for other in found[n + 1 :])


def _tables(tree: Any) -> frozenset[str]:
    names = [node["column_names"] for node in _nodes(tree) if node.get("class") == "COLUMN_REF"]
    return frozenset(parts[-2].lower() if len(parts) > 1 else "" for parts in names)


def _tied(tie: tuple[frozenset[str], frozenset[str]], left: frozenset[str], right: frozenset[str]) -> bool:
    one, other = tie
    left, right = left | {""}, right | {""}
    return bool((one & left and other & right) or (one & right and other & left))


def _moods(root: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for node in _nodes(root):
        if node.get("class") == "FUNCTION" and MOODY.fullmatch(node["function_name"].lower()):
            yield node["function_name"], node
        elif node.get("class") == "COLUMN_REF" and len(node["column_names"]) == 1:
            name = node["column_names"][0].lower()
            if name in CLOCK:
                yield name, node
