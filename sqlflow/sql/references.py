"""What a piece of SQL refers to: tables it reads and writes, parameters, functions.

Reads trees; SELECT comes from DuckDB's parser, everything else from sqlglot.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from sqlflow.sdk import join_name

from .syntax import SqlSyntaxError, characters, select_tree, split

#: Table functions that take the name of a table as a value, where no parser sees it.
HIDING = frozenset({"query", "query_table"})
_FILE = re.compile(r"\.(csv|tsv|json|jsonl|ndjson|parquet|xlsx|db|duckdb)(\.\w+)?$|[/*\\]|://", re.IGNORECASE)

#: Statements that a script may not hold, and what to do instead.
REFUSED = {
    "TRANSACTION": "a step is one transaction already; remove it",
    "SET": "settings belong to the profile's engine",
    "VARIABLE_SET": "give values under vars and write $name",
    "PRAGMA": "settings belong to the profile's engine",
    "ATTACH": "read other databases with a connection",
    "DETACH": "read other databases with a connection",
    "LOAD": "extensions belong to the profile's engine",
    "COPY": "write files with a step of type export, read them with type load",
    "EXPORT": "write files with a step of type export",
    "VACUUM": "it cannot run inside a transaction",
    "EXPLAIN": "it changes nothing; remove it",
    "UNKNOWN": "it is not a statement that changes tables",
}


class Reference(Struct, frozen=True):
    """A name in SQL and the character where it stands."""

    name: str
    offset: int


class References(Struct):
    """Everything one statement refers to. `hidden` holds functions behind which tables may hide."""

    reads: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)
    parameters: list[Reference] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)
    hidden: list[Reference] = field(default_factory=list)
    volatile: str | None = None
    """A function or a file that gives other rows at another time."""
    digest: str = ""
    """The same for texts of one meaning; layout, comments and letter case of keywords do not count."""


class ParsedStatement(Struct, frozen=True):
    """One statement of a script: text, where it starts, its kind, and what it refers to."""

    sql: str
    offset: int
    kind: str
    references: References


KEPT = 512
"""Texts whose references are kept: one who edits a document asks for those of all its queries again and again."""


@lru_cache(maxsize=KEPT)
def read_query(sql: str) -> References:
    """Return what one SELECT refers to.

    Raises:
        SqlSyntaxError: it does not parse, is not one SELECT, or is empty.

    """
    tree = select_tree(sql)
    if tree is None:
        statements = split(sql)
        if len(statements) == 1 and statements[0][2] == "MULTI":  # PIVOT with columns found at run time
            return _from_sqlglot(sql, statements[0][3], select=True)
        if len(statements) > 1:
            raise SqlSyntaxError("expected one SELECT, found several statements", statements[1][1])
        kind = statements[0][2].replace("_", " ") if statements else "nothing"
        raise SqlSyntaxError(f"expected a SELECT, found {kind}", statements[0][1] if statements else 0)
    found = tree.statements
    if not found:
        raise SqlSyntaxError("expected a SELECT, found nothing", 0)
    if len(found) > 1:
        raise SqlSyntaxError("expected one SELECT, found several statements", split(sql)[1][1])
    references = References(digest=_digest(tree.text))
    _walk(found[0], frozenset(), references, sql)
    return references


#: Functions whose result is another one at another time, or that read what no commit tells of.
_VOLATILE = re.compile(
    r"(now|today|random|setseed|uuid|uuidv[47]|gen_random_uuid|nextval|currval|get_current_\w+|current_\w+|"
    r"transaction_timestamp|age_now|read_\w+|parquet_\w+|glob|sniff_csv|getenv|pragma_\w+|duckdb_\w+)$"
)
_PLACE = re.compile(r'"query_location(_length)?":\d+,?')
#: Names that stand for the clock where no column is called so.
CLOCK = frozenset({"current_timestamp", "current_date", "current_time", "localtime", "localtimestamp"})
_UNFINISHED = re.compile(r"([-<>=+*/|&%(]|\b(and|or|not|in|like|between|is|case|when|then))\s*$", re.IGNORECASE)


@lru_cache(maxsize=KEPT)
def read_expression(sql: str) -> References:
    """Return what one SQL expression refers to. Raises SqlSyntaxError with offsets into the expression."""
    head = "SELECT "
    end = max(len(sql.rstrip()) - 1, 0)
    try:
        tree = select_tree(f"{head}{sql}\n")
    except SqlSyntaxError as error:
        told = "the expression ends too early" if _UNFINISHED.search(sql) else error.message
        raise SqlSyntaxError(told, min(max(error.offset - len(head), 0), end)) from None
    found = tree.statements if tree else []
    node = found[0]["node"] if len(found) == 1 else {}
    items = node.get("select_list", [])
    bare = not node.get("modifiers") and (node.get("from_table") or {}).get("type", "EMPTY") == "EMPTY"
    if not sql.strip():
        raise SqlSyntaxError("the expression is empty", 0)
    if sql.rstrip().endswith(",") or len(items) != 1 or not bare or items[0].get("alias") or node.get("where_clause"):
        raise SqlSyntaxError("expected one expression", end)
    if items[0].get("class") == "STAR":
        raise SqlSyntaxError("expected an expression, found *", 0)
    if (window := _window(items[0])) is not None:
        told = "a window function cannot stand here, where each row is asked by itself; compute it in a query before"
        raise SqlSyntaxError(told, max(_offset(window, f"{head}{sql}\n") - len(head), 0))
    references = References(digest=_digest(tree.text if tree else ""))
    _walk(found[0], frozenset(), references, f"{head}{sql}\n")
    references.parameters = [Reference(p.name, p.offset - len(head)) for p in references.parameters]
    references.hidden = [Reference(h.name, h.offset - len(head)) for h in references.hidden]
    return references


def read_statements(sql: str) -> list[ParsedStatement]:
    """Split a script and return what each statement refers to. Raises SqlSyntaxError."""
    parsed = []
    for text, offset, kind, parameters in split(sql):
        refused = kind in REFUSED or text.split(None, 1)[0].lower() in ("checkpoint", "force")
        if kind == "SELECT":
            references = read_query(text)
        else:
            references = References() if refused else _from_sqlglot(text, parameters)
        moved = [Reference(p.name, p.offset + offset) for p in references.parameters]
        told = "VACUUM" if refused and kind not in REFUSED else kind
        parsed.append(ParsedStatement(text, offset, told, replace(references, parameters=moved)))
    return parsed


def _walk(node: dict[str, Any], ctes: frozenset[str], found: References, sql: str) -> None:
    """Collect references below a node of DuckDB's tree; names of CTEs in scope are not tables."""
    kind = node.get("type")
    if kind == "BASE_TABLE":
        parts = [p for p in (node["catalog_name"], node["schema_name"], node["table_name"]) if p]
        in_scope = len(parts) == 1 and parts[0].lower() in ctes
        if _FILE.search(node["table_name"]):
            found.volatile = node["table_name"]
        elif not in_scope:
            found.reads.add(join_name(parts))
    elif kind == "COLUMN_REF":
        found.volatile = _clock(node["column_names"]) or found.volatile
    elif kind in ("PARAMETER", "VALUE_PARAMETER") and node.get("class") == "PARAMETER":
        found.parameters.append(Reference(node["identifier"], _offset(node, sql)))
    elif node.get("class") == "FUNCTION":
        _call(node, found, sql)
    if kind == "RECURSIVE_CTE_NODE":
        ctes = ctes | {node["cte_name"].lower()}
    scope = ctes
    for entry in (node.get("cte_map") or {}).get("map", ()):
        _walk(entry["value"], scope, found, sql)
        scope = scope | {entry["key"].lower()}
    for key, value in node.items():
        if isinstance(value, dict):
            if key != "cte_map":
                _walk(value, scope, found, sql)
        elif isinstance(value, list):
            _walk_all(value, scope, found, sql)


def _window(node: Any) -> dict[str, Any] | None:
    """Find a window function in an expression; what a subquery does is its own business."""
    if isinstance(node, list):
        return next(filter(None, map(_window, node)), None)
    if not isinstance(node, dict) or node.get("class") == "SUBQUERY":
        return None
    return node if node.get("class") == "WINDOW" else _window([*node.values()])


def _walk_all(nodes: list[Any], ctes: frozenset[str], found: References, sql: str) -> None:
    for node in nodes:
        if isinstance(node, dict):
            _walk(node, ctes, found, sql)
        elif isinstance(node, list):
            _walk_all(node, ctes, found, sql)


def _call(node: dict[str, Any], found: References, sql: str) -> None:
    name = node["function_name"].lower()
    found.functions.add(name)
    if _VOLATILE.match(name):
        found.volatile = name
    if name in HIDING:
        found.hidden.append(Reference(node["function_name"], _offset(node, sql)))


def _clock(names: list[str]) -> str | None:
    """Return the name that stands for the present time, if a reference to a column is one."""
    return names[0] if len(names) == 1 and names[0].lower() in CLOCK else None


def _digest(text: str) -> str:
    """Return a short text that is equal for equal trees, wherever their parts stand."""
    return hashlib.sha256(_PLACE.sub("", text).encode()).hexdigest()[:16]


def _offset(node: dict[str, Any], sql: str) -> int:
    position = node.get("query_location") or 0
    return 0 if position >= 2**63 else characters(sql, position)


_NAMED = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*|\d+)")

_MARK = re.compile(r"'(?:[^']|'')*'|\?")


def _parameters(sql: str, names: frozenset[str]) -> Iterator[Reference]:
    """Find the first use of each parameter; the parser has said which names there are."""
    marks = [m.start() for m in _MARK.finditer(sql) if m[0] == "?"]
    for name in sorted(names):
        nth = marks[int(name) - 1] if name.isdigit() and 0 < int(name) <= len(marks) else 0
        offset = next((m.start() for m in _NAMED.finditer(sql) if m[1].lower() == name.lower()), nth)
        yield Reference(name, offset)


#: What is made without reading anything, in words that sqlglot does not know.
_MAKING = re.compile(
    r"\s*create\s+(or\s+replace\s+)?(temp(orary)?\s+)?"
    r'(type\b|table\s+(if\s+not\s+exists\s+)?(?P<table>("[^"]+"|[\w.])+)\s*\()(?!.*\b(select|from|table)\b)',
    re.IGNORECASE | re.DOTALL,
)
_PART = re.compile(r'"[^"]+"|\w+')


def _from_sqlglot(sql: str, parameters: frozenset[str], *, select: bool = False) -> References:
    import sqlglot
    from sqlglot import exp

    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns about statements that it keeps as text
    found = References(parameters=list(_parameters(sql, parameters)))
    try:
        trees = sqlglot.parse(sql, read="duckdb")
    except sqlglot.errors.SqlglotError:
        trees = []
    tree = next((tree for tree in trees if tree is not None and not isinstance(tree, exp.Semicolon)), None)
    if tree is None or isinstance(tree, exp.Command):
        made = _MAKING.match(sql)
        if made is None:
            found.hidden.append(Reference("this statement", 0))
        elif made["table"]:
            found.writes.add(join_name([part.strip('"') for part in _PART.findall(made["table"])]))
        found.digest = hashlib.sha256(" ".join(sql.split()).encode()).hexdigest()[:16]
        return found
    if isinstance(tree, (exp.Create, exp.Drop)) and tree.kind == "SCHEMA":
        return found
    found.digest = hashlib.sha256(tree.sql(dialect="duckdb", comments=False).encode()).hexdigest()[:16]
    written = None if select else _written(tree)
    ctes = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    for function in tree.find_all(exp.Func):
        name = str(function.this if isinstance(function, exp.Anonymous) else function.sql_name()).lower()
        found.functions.add(name)
        if _VOLATILE.match(name):
            found.volatile = name
        if name in HIDING:
            found.hidden.append(Reference(name, 0))
    for table in tree.find_all(exp.Table):
        name = _table_name(table)
        if table is written:
            found.writes.add(name)
            if isinstance(tree, (exp.Update, exp.Delete, exp.Merge)):
                found.reads.add(name)
        elif name and name.lower() not in ctes and not _FILE.search(table.name):
            found.reads.add(name)
    return found


def _written(tree: Any) -> Any:
    from sqlglot import exp

    if isinstance(tree, exp.Drop) or (isinstance(tree, exp.Create) and tree.kind == "INDEX"):
        return tree.find(exp.Table)
    if isinstance(tree, exp.Create) and tree.kind not in ("TABLE", "VIEW"):
        return None
    if isinstance(tree, exp.TruncateTable):
        return tree.expressions[0] if tree.expressions else None
    target = tree.this
    if isinstance(target, exp.Schema):  # INSERT INTO t (a, b), CREATE TABLE t (a INT)
        target = target.this
    kinds = (exp.Create, exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Drop, exp.Alter, exp.Comment)
    return target if isinstance(tree, kinds) and isinstance(target, exp.Table) else None


def _table_name(table: Any) -> str:
    parts = [part.name for part in table.parts if part.name]
    return join_name(parts)
