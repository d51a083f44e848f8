"""The types of the columns that are written: what a new table has, and whether rows fit the table that is there.

A value that a table would silently round, cut or shift is an error here, found on the values themselves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sqlflow.sdk import Column, SchemaChanged, StepError, TableSchema, fold, normal_type, quote

LONGEST_NAME = 63
_NATURAL = {
    "BOOLEAN": "boolean", "TINYINT": "smallint", "UTINYINT": "smallint", "SMALLINT": "smallint",
    "USMALLINT": "integer", "INTEGER": "integer", "UINTEGER": "bigint", "BIGINT": "bigint",
    "UBIGINT": "numeric(20,0)", "HUGEINT": "numeric(39,0)", "FLOAT": "real", "DOUBLE": "double precision",
    "VARCHAR": "text", "BLOB": "bytea", "DATE": "date", "TIME": "time without time zone",
    "TIMESTAMP": "timestamp without time zone", "TIMESTAMP_S": "timestamp without time zone",
    "TIMESTAMP_MS": "timestamp without time zone", "TIMESTAMP_NS": "timestamp without time zone",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone", "INTERVAL": "interval", "UUID": "uuid", "JSON": "jsonb",
    '"NULL"': "text",
}  # fmt: skip
_NESTED = re.compile(r"(STRUCT|MAP|TUPLE)\(.*")
_ARRAY = re.compile(r"(.+)\[\d*\]", re.DOTALL)
_UNWRITABLE = re.compile(r"\b(UHUGEINT|TIME WITH TIME ZONE|BIT|BIGNUM|VARIANT|GEOMETRY|TIME_NS|UNION)\b")
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
"""Labels of an enum and names of fields, which may be called like a type."""

_FAMILIES = (
    frozenset({"smallint", "integer", "bigint", "numeric", "real", "double precision"}),
    frozenset({"date", "timestamp without time zone", "timestamp with time zone"}),
    frozenset({"json", "jsonb"}),
)
_TEXTS = frozenset({"text", "character varying", "character", "citext"})
#: What a text is not parsed as: the server would take what it can of it and drop the rest.
_PARSED = frozenset().union(*_FAMILIES[:2], {"boolean", "interval", "time without time zone"})


@dataclass(frozen=True)
class WrittenColumn:
    """A column of the rows and what becomes of it. `natural` is its type on the way, `type` the one in the table.

    `plain` is that type without its domain.
    """

    column: Column
    name: str
    natural: str
    type: str
    plain: str

    @property
    def source(self) -> str:
        """The column of the staged rows, cast to what the table has."""
        name = f"s.{quote(self.column.name)}"
        return name if self.type == self.natural else f"{name}::{self.type}"

    @property
    def loses(self) -> str | None:
        """The condition that a value is not kept by the table; None when that cannot be."""
        target = base(self.plain)
        if self.type == self.natural or target in ("json", "jsonb"):
            return None
        name = f"s.{quote(self.column.name)}"
        if target in ("character varying", "character"):
            return f"length({name}::text) > length({name}::{self.plain}::text)"
        if target in _TEXTS or base(self.natural) == "text":
            return None  # a text keeps everything; and what is read from one is refused by the server itself
        return f"{name}::{self.plain}::{self.natural} IS DISTINCT FROM {name}"


def base(kind: str) -> str:
    """Return a type of the server without its modifiers: `numeric(10,2)` is numeric."""
    return re.sub(r"\([\d, -]+\)", "", kind)


def natural(column: Column, table: str) -> str:
    """Return the type that a column of the rows has in a new table.

    Raises:
        StepError: there is none that keeps its values.

    """
    kind = normal_type(column.type)
    if found := _UNWRITABLE.search(_QUOTED.sub("", kind)):
        raise StepError(
            f"column {column.name!r} for {table} is {column.type}, and PostgreSQL has no type that keeps {found[1]}",
            hint=f"cast it in the SQL of the step, such as CAST({column.name} AS VARCHAR)",
            code="SF721",
        )
    return _natural(kind)


def _natural(kind: str) -> str:
    if kind in _NATURAL:
        return _NATURAL[kind]
    if (found := _ARRAY.fullmatch(kind)) and not _NESTED.match(found[1]):
        inner = _natural(found[1])
        return "jsonb" if inner == "jsonb" or inner.endswith("[]") else f"{inner}[]"
    if kind.startswith("DECIMAL("):
        return "numeric" + kind.removeprefix("DECIMAL")
    return "text" if kind.startswith("ENUM(") else "jsonb"


def made(schema: TableSchema, table: str) -> list[WrittenColumn]:
    """Return the columns of a new table."""
    for column in schema:
        if len(column.name.encode()) > LONGEST_NAME:
            raise StepError(
                f"column {column.name!r} for {table} has a name longer than {LONGEST_NAME} bytes",
                hint="give it a shorter name in the SQL of the step: AS short_name",
                code="SF721",
            )
    kinds = [natural(column, table) for column in schema]
    return [WrittenColumn(c, c.name, kind, kind, kind) for c, kind in zip(schema, kinds, strict=True)]


def fitted(schema: TableSchema, existing: Mapping[str, tuple[str, str]], table: str) -> list[WrittenColumn]:
    """Return the columns as they meet a table that is there.

    `existing` holds the type of each of its columns, with its domain and without.

    Raises:
        SchemaChanged: the table lacks a column, or has it of a type that its values cannot become.

    """
    found: list[WrittenColumn] = []
    missing: list[str] = []
    for column in schema:
        close = [name for name in existing if fold(name) == fold(column.name)]
        name = column.name if column.name in existing else close[0] if len(close) == 1 else None
        if name is None:
            missing.append(column.name)
            continue
        kind = natural(column, table)
        kept, plain = existing[name]
        if not _meets(kind, plain):
            raise SchemaChanged(
                f"column {name!r} of {table} is {kept}, and the rows bring {column.type}",
                hint="cast it in the SQL of the step, or alter the table",
                code="SF721",
            )
        found.append(WrittenColumn(column, name, kind, kept, plain))
    if missing:
        raise SchemaChanged(
            f"{table} does not have the columns {', '.join(map(repr, missing))} of the rows; it has: "
            + ", ".join(existing),
            hint="leave them out in the SQL of the step, or add them to the table",
            code="SF721",
        )
    return found


def _meets(was: str, target: str) -> bool:
    if was.endswith("[]") or target.endswith("[]"):
        return was == target or (
            was.endswith("[]") and target.endswith("[]") and _meets(was.removesuffix("[]"), target.removesuffix("[]"))
        )
    was, target = base(was), base(target)
    if was == target or target in _TEXTS:
        return True
    if was == "text":
        return target not in _PARSED
    return any(was in family and target in family for family in _FAMILIES)
