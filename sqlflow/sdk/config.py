"""How a guest declares its options: pydantic models whose field types say what a value means.

A field's docstring is the only statement of that option; editors, JSON Schema, `sqlflow explain` and the
reference pages all read it from here. Core fills a model from YAML; a model never sees a mark or a node.
This room knows no step, connector or engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, Union, get_args, get_origin

from msgspec import Struct
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    WithJsonSchema,
)

from sqlflow.problem import closest

from .answers import hold
from .sqltext import split_name


class ConfigModel(BaseModel):
    """The parent of every config model: strict, frozen, and no key is ever ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, hide_input_in_errors=True)


class Role(Enum):
    """What the text in a field is, beyond being text. Core parses, binds and orders steps by it."""

    QUERY = "query"  #: one SELECT
    STATEMENTS = "statements"  #: any number of SQL statements
    EXPRESSION = "expression"  #: a SQL expression over the columns of a table
    READS = "reads"  #: the name of a table that is read
    WRITES = "writes"  #: the name of the table that is written
    SQL_FILE = "sql_file"  #: a file that holds one SELECT
    SOURCE = "source"  #: a connector and its read options
    DESTINATION = "destination"  #: a connector and its write options


Query = Annotated[str, Role.QUERY]
Statements = Annotated[str, Role.STATEMENTS]
Expression = Annotated[str, Role.EXPRESSION]


def _table_name(value: str) -> str:
    split_name(value)
    return value


ReadsTable = Annotated[str, Role.READS, AfterValidator(_table_name), Field(min_length=1)]
WritesTable = Annotated[str, Role.WRITES, AfterValidator(_table_name), Field(min_length=1)]
SqlFile = Annotated[str, Role.SQL_FILE, Field(min_length=1)]
Secret = SecretStr

SQL_ROLES = frozenset({Role.QUERY, Role.STATEMENTS, Role.EXPRESSION})


class Endpoint(BaseModel):
    """Where rows come from or go to: a named `connection`, or a `connector` written out here.

    The remaining keys belong to the connector: its config when written inline, and its read or write options.
    """

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)

    connection: str | None = None
    """A connection of the pipeline, the project or the profile."""

    connector: str | None = None
    """The connector to use, with its settings beside it."""


Source = Annotated[Endpoint, Role.SOURCE]
Destination = Annotated[Endpoint, Role.DESTINATION]


class Objection(Struct, frozen=True):
    """Something that a guest finds wrong with its options; `option` is the key it belongs to."""

    option: str
    message: str
    hint: str | None = None
    code: str = "SF502"

    def __post_init__(self) -> None:
        """Hold it to its types."""
        hold(self, option=str, message=str, code=str)
        hold(self, optional=True, hint=str)


_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)[a-z]*", re.IGNORECASE)
DURATION_PATTERN = r"^(\d+(\.\d+)?\s*(ms|s|m|h|d|w|seconds?|minutes?|hours?|days?|weeks?)\s*)+$"


def parse_duration(text: str) -> timedelta:
    """Read `500ms`, `10s`, `1h30m`, `7d` as a length of time.

    Raises:
        ValueError: the text is not a duration.

    """
    if not re.fullmatch(DURATION_PATTERN[1:-1], text.strip()):
        raise ValueError(f"{text!r} is not a duration; write for example 500ms, 10s, 5m, 1h30m or 7d")
    try:
        return timedelta(seconds=sum(float(n) * _UNITS[unit] for n, unit in _DURATION.findall(text)))
    except OverflowError:
        raise ValueError(f"{text!r} is longer than time can be counted; write for example 7d or 52w") from None


def format_duration(value: timedelta) -> str:
    """Write a duration the way it is read, in the largest unit that gives a whole number."""
    seconds = value.total_seconds()
    for unit in ("w", "d", "h", "m", "s"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{seconds / _UNITS[unit]:.0f}{unit}"
    return f"{seconds * 1000:.0f}ms"


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, timedelta):
        return value
    raise ValueError("a duration is text with a unit; write for example 10s, 5m or 1h30m")


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["10s", "5m", "1h30m"]}),
]


_TYPES = frozenset({
    "array", "bigint", "bignum", "binary", "bit", "bitstring", "blob", "bool", "boolean", "bpchar", "bytea", "char",
    "date", "datetime", "dec", "decimal", "double", "enum", "float", "float4", "float8", "geometry", "guid",
    "hugeint", "int", "int1", "int128", "int16", "int2", "int32", "int4", "int64", "int8", "integer", "integral",
    "interval", "json", "list", "logical", "long", "map", "numeric", "nvarchar", "oid", "real", "row", "short",
    "signed", "smallint", "string", "struct", "text", "time", "time_ns", "timestamp", "timestamp_ms", "timestamp_ns",
    "timestamp_s", "timestamp_us", "timestamptz", "timetz", "tinyint", "tuple", "ubigint", "uhugeint", "uint128",
    "uint16", "uint32", "uint64", "uint8", "uinteger", "union", "usmallint", "utinyint", "uuid", "varbinary",
    "varchar", "variant", "varint",
})  # fmt: skip


def _type_name(text: str) -> str:
    """Refuse what looks like a misspelt type; other unknown names may be types that the warehouse has."""
    named = re.match(r"\s*([A-Za-z]\w*)", text)
    if named and named[1].lower() not in _TYPES and (meant := closest(named[1], _TYPES)):
        raise ValueError(f"unknown type {named[1]!r}; did you mean {meant!r}? A type of your own is written in quotes")
    if named and named[1].lower() != "interval":
        rest = [word for word in _bare(text).split()[1:] if word.lower() not in _LATER_WORDS]
        if rest:
            raise ValueError(f"{' '.join(rest)!r} is no part of a type; write the type, and behind it at most not null")
    return text


#: Words that may follow the first one of a type.
_LATER_WORDS = frozenset({"precision", "varying", "with", "without", "local", "time", "zone", "array"})
_INNER = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\"[^\"]*\"")


def _bare(text: str) -> str:
    """Return a type without what stands in parentheses, brackets or quotes."""
    shorter = _INNER.sub("", text)
    return text if shorter == text else _bare(shorter)


class ColumnSpec(ConfigModel):
    """What one column must be."""

    type: Annotated[str, AfterValidator(_type_name)] = Field(min_length=1)
    """SQL type, such as `bigint` or `decimal(12,2)`."""

    nullable: bool = True
    """Whether the column may hold NULL."""

    description: str | None = None
    """What the column means."""

    @property
    def states_nullable(self) -> bool | None:
        """Whether the column may hold NULL, where the document says so; otherwise None."""
        return self.nullable if "nullable" in self.model_fields_set else None


def _column(value: Any) -> Any:
    """Accept the short form `bigint not null` beside the block form."""
    if isinstance(value, str):
        text = value.strip()
        bare = re.sub(r"\s+not\s+null$", "", text, flags=re.IGNORECASE)
        return {"type": bare} if bare == text else {"type": bare, "nullable": False}
    return value


_COLUMN_SCHEMA = {
    "anyOf": [
        {"type": "string", "minLength": 1, "examples": ["bigint not null", "decimal(12,2)"]},
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["type"],
            "properties": {
                "type": {"type": "string", "minLength": 1},
                "nullable": {"type": "boolean"},
                "description": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            },
        },
    ]
}
Columns = dict[str, Annotated[ColumnSpec, BeforeValidator(_column), WithJsonSchema(_COLUMN_SCHEMA)]]


def role_of(model: type[BaseModel], path: tuple[str | int, ...]) -> Role | None:
    """Return the role of the field at `path` (keys and list positions) of a model, if it has one."""
    pattern = tuple("*" if isinstance(part, int) else part for part in path)
    return roles(model).get(pattern)


@lru_cache(maxsize=512)
def roles(model: type[BaseModel]) -> Mapping[tuple[str, ...], Role]:
    """Map the path of every field that has a role to that role; `*` stands for any list position."""
    found: dict[tuple[str, ...], Role] = {}
    for name, field in model.model_fields.items():
        path = (name,)
        for part in field.metadata:
            if isinstance(part, Role):
                found[path] = part
        found.update(_roles_within(field.annotation, path))
    return found


def _roles_within(annotation: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Role]]:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *metadata = get_args(annotation)
        yield from ((path, part) for part in metadata if isinstance(part, Role))
        yield from _roles_within(inner, path)
    elif origin in (list, tuple):
        for part in get_args(annotation):
            yield from _roles_within(part, (*path, "*"))
    elif origin is Union or str(origin) == "<class 'types.UnionType'>":
        for part in get_args(annotation):
            yield from _roles_within(part, path)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation is not Endpoint:
        yield from (((*path, *inner), role) for inner, role in roles(annotation).items())


def values_at(model: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield every value that a role's path stands for in a model, with its own path; `*` is every list position."""
    if not path:
        if model is not None:
            yield (), model
        return
    first, rest = path[0], path[1:]
    if first == "*":
        for index, item in enumerate(model or ()):
            yield from (((index, *inner), value) for inner, value in values_at(item, rest))
    elif model is not None:
        yield from (((first, *inner), value) for inner, value in values_at(getattr(model, first), rest))


@lru_cache(maxsize=512)
def field_docs(model: type[BaseModel]) -> Mapping[str, str]:
    """Return the docstring below each field, parents included. Read from source only when somebody asks."""
    import ast
    import inspect
    import itertools
    import textwrap

    docs: dict[str, str] = {}
    for parent in reversed(model.__mro__):
        if not issubclass(parent, BaseModel) or parent is BaseModel:
            continue
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(parent)))
        except (OSError, TypeError, SyntaxError):  # a model made at run time has no source, hence no docs
            continue
        body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
        for statement, following in itertools.pairwise(body):
            if (
                isinstance(statement, ast.AnnAssign)
                and isinstance(statement.target, ast.Name)
                and isinstance(following, ast.Expr)
                and isinstance(following.value, ast.Constant)
                and isinstance(following.value.value, str)
            ):
                docs[statement.target.id] = inspect.cleandoc(following.value.value)
    return docs
