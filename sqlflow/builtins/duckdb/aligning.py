"""Columns of a batch against columns of its target: what is new, what is missing, what has another type."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from sqlflow.sdk import (
    Column,
    SchemaChanged,
    StepError,
    TableSchema,
    TableWrite,
    columns_list,
    did_you_mean,
    fold,
    normal_type,
    quote,
    quote_target,
    split_name,
    widens,
)

from .connection import Connection
from .warehouse import ALIAS, STAGE_PREFIX, beside

#: How SQL calls the two sides; no column of a user is likely to be a struct of this name.
TARGET, BATCH = "sqlflow_target", "sqlflow_batch"
#: The types that DuckDB gives to columns without a value: of a query (in 2.0, in 1.5), of a CSV file, of a JSON file.
_NO_EVIDENCE = frozenset({'"NULL"', "INTEGER", "VARCHAR", "JSON"})
_DEFINED = re.compile(r'CREATE TABLE (?:"(?:[^"]|"")*"|[^"(])+\(')


class Alignment(Struct, frozen=True):
    """How a batch fits. `changes` alter the target first; `insert_names` are the columns that the batch brings."""

    target_names: tuple[str, ...]
    insert_names: tuple[str, ...]
    key: tuple[str, ...]
    changes: tuple[str, ...] = ()
    computed: frozenset[str] = frozenset()
    """Folded names of the columns that the target computes by itself."""

    @property
    def carried(self) -> list[str]:
        """The columns of the target that the batch does not bring and nobody computes."""
        taken = {fold(name) for name in self.insert_names} | self.computed
        return [name for name in self.target_names if fold(name) not in taken]

    def apply(self, db: Connection, target: str) -> None:
        """Change the target so that the batch fits. DuckDB alters no table with an index, so such a one is copied."""
        if not self.changes:
            return
        entry = db.warehouse.entry(target)
        indexes = entry.indexes if entry else ()
        table, name = quote_target(target), quote(split_name(target)[-1])
        copy = quote_target(beside(target, f"{STAGE_PREFIX}{split_name(target)[-1]}"))
        if indexes:
            db.execute(_DEFINED.sub(lambda _: f"CREATE TABLE {copy}(", _definition(db, target), count=1))
        for change in self.changes:
            db.execute(f"ALTER TABLE {copy if indexes else table} {change}")
        if indexes:
            kept = columns_list([n for n in db.schema_of(table).names if fold(n) not in self.computed])
            db.execute(f"INSERT INTO {copy} ({kept}) SELECT {kept} FROM {table}")
            db.execute(f"DROP TABLE {table}")
            db.execute(f"ALTER TABLE {copy} RENAME TO {name}")
        for _, sql in indexes:
            db.execute(sql)

    def difference(self, names: Iterable[str] | None = None) -> str:
        """Return the condition that two rows of one key differ in what the batch brings, or in some of it.

        Empty when nothing but keys is compared.
        """
        keys = {fold(k) for k in self.key}
        compared = [c for c in (self.insert_names if names is None else names) if fold(c) not in keys]
        return " OR ".join(f"{BATCH}.{quote(c)} IS DISTINCT FROM {TARGET}.{quote(c)}" for c in compared)


def align(db: Connection, write: TableWrite) -> Alignment:
    """Hold a batch against its target.

    Raises:
        SchemaChanged: a column is new under `alert`, or a type does not fit.

    """
    target = db.schema_of(quote_target(write.target))
    batch = write.staged.schema
    changes: list[str] = []
    complaints: list[str] = []
    names = list(target.names)
    computed = _computed(db, write.target, target)
    for column in batch:
        known = target.get(column.name)
        if fold(column.name) in computed:
            complaints.append(f"column {column.name} is computed by the table itself")
        elif known is None:
            if write.policy == "permissive" or taken_over(write, column):
                changes.append(f"ADD COLUMN {quote(column.name)} {column.type}")
                names.append(column.name)
            else:
                complaints.append(f"new column {column.name} {column.type}")
        elif not _fits(db, write, column, known):
            accepted = write.policy == "permissive" and widens(known.type, column.type)
            if accepted or taken_over(write, column) or _gives_way(db, write.target, known):
                changes.append(f"ALTER {quote(known.name)} SET DATA TYPE {column.type}")
            else:
                complaints.append(f"column {known.name} is {known.type} there and {column.type} in the batch")
    _refuse_keyless(db, write, target)
    complaints += _missing_required(target, batch)
    if complaints:
        raise SchemaChanged(
            f"the batch does not fit {write.target}: " + "; ".join(complaints),
            hint=_hint(complaints),
            code="SF721",
        )
    changes += _required(db, write, target)
    return Alignment(tuple(names), batch.names, write.key, tuple(changes), computed)


def _refuse_keyless(db: Connection, write: TableWrite, target: TableSchema) -> None:
    """Refuse to hold a batch by its key against rows that have no such column: none of them would ever be met."""
    lacking = [name for name in write.key if target.get(name) is None]
    if lacking and db.execute(f"SELECT 1 FROM {quote_target(write.target)} LIMIT 1"):
        raise StepError(
            f"{write.target} has no column {lacking[0]!r}, which is part of the key; it has: {', '.join(target.names)}",
            hint=did_you_mean(lacking[0], target.names, noun="column") + " Or load it anew with --full-refresh",
            code="SF705",
        )


def taken_over(write: TableWrite, column: Column) -> bool:
    """Tell whether a person has said that the target is to have a column as it is now."""
    found = write.accepted.get(column.name) if write.accepted else None
    return found is not None and normal_type(found.type) == normal_type(column.type)


def _required(db: Connection, write: TableWrite, target: TableSchema) -> list[str]:
    """Hold the batch to what is declared `not null`, and return what sets it on a target that lacks it."""
    changes = []
    for name, spec in write.columns.items():
        known = target.get(name)
        if spec.nullable:
            if spec.states_nullable and known is not None and known.nullable is False:
                changes.append(f"ALTER {quote(known.name)} DROP NOT NULL")
            continue
        counted = f"SELECT count(*) FROM {write.staged.relation} WHERE {quote(name)} IS NULL"
        if nulls := db.execute(counted, write.staged.parameters)[0][0]:
            raise StepError(
                f"column {name!r} of the batch for {write.target} is declared not null, and {nulls} rows hold NULL",
                hint="mend the source, filter the rows, or drop `not null` from columns",
                code="SF712",
            )
        if known is not None and known.nullable is not False:
            changes.append(f"ALTER {quote(known.name)} SET NOT NULL")
    return changes


def _gives_way(db: Connection, table: str, column: Column) -> bool:
    """Tell whether nothing speaks for the type of a column: it holds no value, and nobody gave the type to it."""
    if normal_type(column.type) not in _NO_EVIDENCE or not db.warehouse.owned(table):
        return False
    return bool(db.execute(f"SELECT count({quote(column.name)}) FROM {quote_target(table)}")[0][0] == 0)


def _computed(db: Connection, table: str, schema: TableSchema) -> frozenset[str]:
    """Return the folded names of the columns that a table computes; no catalog of DuckDB 1.5 tells them."""
    entry = db.warehouse.entry(table)
    sql = entry.sql if entry else ""
    ways = [(column.name, f"{name} {column.type} ") for column in schema for name in (column.name, quote(column.name))]
    return frozenset(fold(n) for n, way in ways if any(f"{at}{way}GENERATED ALWAYS AS(" in sql for at in ("(", ", ")))


def _definition(db: Connection, table: str) -> str:
    """Return the statement that makes a table as it is, with its constraints and defaults."""
    schema, name = split_name(beside(table, split_name(table)[-1]))
    found = db.execute(
        "SELECT sql FROM duckdb_tables() WHERE database_name = $database "
        "AND lower(schema_name) = lower($schema) AND lower(table_name) = lower($name)",
        {"database": ALIAS, "schema": schema, "name": name},
    )
    return str(found[0][0])


def _fits(db: Connection, write: TableWrite, column: Column, known: Column) -> bool:
    """Tell whether every value of the batch's column may enter the target's without loss."""
    if normal_type(column.type) == normal_type(known.type) or widens(column.type, known.type):
        return True
    counted = f"SELECT count({quote(column.name)}) FROM {write.staged.relation}"
    values = db.execute(counted, write.staged.parameters)[0][0]
    return bool(values == 0)  # empty or all NULL: nothing speaks for another type


def _missing_required(target: TableSchema, batch: TableSchema) -> list[str]:
    return [
        f"column {column.name} of the target is not null and the batch does not have it"
        for column in target
        if column.nullable is False and batch.get(column.name) is None
    ]


def _hint(complaints: list[str]) -> str:
    if any(c.startswith("new column") for c in complaints):
        return "write on_schema_change: permissive to add new columns, or leave them out of the batch"
    if any(c.endswith("by the table itself") for c in complaints):
        return "leave the computed columns out of the batch"
    return "declare the type under columns, cast it in the SQL, or replace the target"
