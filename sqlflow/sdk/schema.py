"""Columns, schemas, and what a change from one schema to another means.

Pure values and functions: nothing here reads a table or knows where a schema came from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Literal

from msgspec import Struct

from .sqltext import fold

Policy = Literal["alert", "permissive"]
VALUELESS = '"NULL"'
"""The type that DuckDB gives to a column in which it has seen no value."""


class Column(Struct, frozen=True):
    """A column: its name, its SQL type as DuckDB writes it, and whether it may be NULL (None: not known).

    An empty type is one that no value has shown yet.
    """

    name: str
    type: str
    nullable: bool | None = None


class TableSchema(Struct, frozen=True):
    """The columns of a table or of a batch, in order."""

    columns: tuple[Column, ...]

    @classmethod
    def of(cls, *columns: tuple[str, str] | Column) -> TableSchema:
        """Build a schema from columns or from pairs of name and type."""
        return cls(tuple(c if isinstance(c, Column) else Column(*c) for c in columns))

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """The column names, in order."""
        return tuple(column.name for column in self.columns)

    def get(self, name: str) -> Column | None:
        """Return the column of that name; case does not matter, as in DuckDB."""
        folded = fold(name)
        return next((column for column in self.columns if fold(column.name) == folded), None)


class ChangeKind(Enum):
    """The rows of the compatibility matrix."""

    NEW_NULLABLE = "new nullable column"
    NEW_REQUIRED = "new non-nullable column"
    REMOVED = "removed column"
    WIDENED = "compatible type change"
    RETYPED = "incompatible type change"
    REQUIRED = "nullable to non-nullable"
    RELAXED = "non-nullable to nullable"


#: What `permissive` accepts; `alert` accepts nothing.
PERMITTED = frozenset({ChangeKind.NEW_NULLABLE, ChangeKind.WIDENED, ChangeKind.RELAXED})


class Change(Struct, frozen=True):
    """One difference between two schemas: what the column was and what it is."""

    kind: ChangeKind
    column: str
    was: Column | None
    now: Column | None

    def accepted(self, policy: Policy) -> bool:
        """Tell whether the policy lets this change through."""
        return policy == "permissive" and self.kind in PERMITTED


def compare(was: TableSchema, now: TableSchema, *, without_evidence: Iterable[str] = ()) -> tuple[Change, ...]:
    """List every change from `was` to `now`, in the order of the columns.

    Unknown nullability never conflicts. Columns named in `without_evidence` (empty or all NULL in the new batch)
    keep their old type: no value spoke against it.
    """
    silent = {fold(name) for name in without_evidence}
    changes: list[Change] = []
    for old in was:
        new = now.get(old.name)
        if new is None:
            changes.append(Change(ChangeKind.REMOVED, old.name, old, None))
            continue
        if old.type and normal_type(old.type) != normal_type(new.type) and fold(old.name) not in silent:
            kind = ChangeKind.WIDENED if widens(old.type, new.type) else ChangeKind.RETYPED
            changes.append(Change(kind, old.name, old, new))
        if old.nullable is True and new.nullable is False:
            changes.append(Change(ChangeKind.REQUIRED, old.name, old, new))
        elif old.nullable is False and new.nullable is True:
            changes.append(Change(ChangeKind.RELAXED, old.name, old, new))
    for new in now:
        if was.get(new.name) is None:
            kind = ChangeKind.NEW_REQUIRED if new.nullable is False else ChangeKind.NEW_NULLABLE
            changes.append(Change(kind, new.name, None, new))
    return tuple(changes)


_ALIASES = {
    "INT": "INTEGER", "INT4": "INTEGER", "SIGNED": "INTEGER", "INT8": "BIGINT", "LONG": "BIGINT",
    "INT2": "SMALLINT", "SHORT": "SMALLINT", "INT1": "TINYINT", "FLOAT4": "FLOAT", "REAL": "FLOAT",
    "FLOAT8": "DOUBLE", "DOUBLE PRECISION": "DOUBLE", "TEXT": "VARCHAR", "STRING": "VARCHAR", "CHAR": "VARCHAR",
    "BPCHAR": "VARCHAR", "NUMERIC": "DECIMAL(18,3)", "DECIMAL": "DECIMAL(18,3)", "BOOL": "BOOLEAN",
    "LOGICAL": "BOOLEAN", "TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE", "DATETIME": "TIMESTAMP", "BYTEA": "BLOB",
    "BINARY": "BLOB", "VARBINARY": "BLOB", "TIMESTAMP WITHOUT TIME ZONE": "TIMESTAMP",
}  # fmt: skip
_DECIMAL = re.compile(r"(?:DECIMAL|NUMERIC)\((\d+)(?:,(\d+))?\)")
#: Decimal digits before the point that every value of an integer type fits into.
_DIGITS = {
    "TINYINT": 3, "SMALLINT": 5, "INTEGER": 10, "BIGINT": 19, "HUGEINT": 39,
    "UTINYINT": 3, "USMALLINT": 5, "UINTEGER": 10, "UBIGINT": 20, "UHUGEINT": 39,
}  # fmt: skip
_WIDER: dict[str, frozenset[str]] = {
    "TINYINT": frozenset({"SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE"}),
    "SMALLINT": frozenset({"INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE"}),
    "INTEGER": frozenset({"BIGINT", "HUGEINT", "DOUBLE"}),
    "BIGINT": frozenset({"HUGEINT"}),
    "UTINYINT": frozenset(
        {
            "SMALLINT",
            "INTEGER",
            "BIGINT",
            "HUGEINT",
            "USMALLINT",
            "UINTEGER",
            "UBIGINT",
            "UHUGEINT",
            "FLOAT",
            "DOUBLE",
        }
    ),
    "USMALLINT": frozenset({"INTEGER", "BIGINT", "HUGEINT", "UINTEGER", "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE"}),
    "UINTEGER": frozenset({"BIGINT", "HUGEINT", "UBIGINT", "UHUGEINT", "DOUBLE"}),
    "UBIGINT": frozenset({"HUGEINT", "UHUGEINT"}),
    "FLOAT": frozenset({"DOUBLE"}),
    "DATE": frozenset({"TIMESTAMP", "TIMESTAMP_NS"}),
    "TIMESTAMP_S": frozenset({"TIMESTAMP_MS", "TIMESTAMP", "TIMESTAMP_NS"}),
    "TIMESTAMP_MS": frozenset({"TIMESTAMP", "TIMESTAMP_NS"}),
    "TIMESTAMP": frozenset({"TIMESTAMP_NS"}),
    "UUID": frozenset({"VARCHAR"}),
}


def normal_type(text: str) -> str:
    """Write a type the way DuckDB does, so that `int` and `INTEGER` are the same."""
    squeezed = " ".join(text.upper().split()).replace(" (", "(").replace(", ", ",")
    if found := _DECIMAL.fullmatch(squeezed):
        return f"DECIMAL({found[1]},{found[2] or 0})"
    if re.fullmatch(r"(VARCHAR|CHAR|TEXT|STRING)\(\d+\)", squeezed):  # DuckDB keeps no length
        return "VARCHAR"
    return _ALIASES.get(squeezed, squeezed)


def widens(was: str, now: str) -> bool:
    """Tell whether every value of type `was` is kept exactly by type `now`."""
    was, now = normal_type(was), normal_type(now)
    if now in _WIDER.get(was, frozenset()) or (was.startswith("ENUM(") and now == "VARCHAR"):
        return True
    if was.endswith("[]") and now.endswith("[]"):
        return was == now or widens(was[:-2], now[:-2])
    new = _DECIMAL.fullmatch(now)
    if new is None:
        return False
    whole, fraction = int(new[1]) - int(new[2] or 0), int(new[2] or 0)
    if old := _DECIMAL.fullmatch(was):
        return whole >= int(old[1]) - int(old[2] or 0) and fraction >= int(old[2] or 0)
    return was in _DIGITS and whole >= _DIGITS[was]
