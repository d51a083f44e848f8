"""Columns of a batch against columns of its target: what is new, what is missing, what has another type."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlflow.sdk import (
    Column,
    SchemaChanged,
    StepError,
    TableSchema,
    TableWrite,
    fold,
    normal_type,
    quote,
    split_name,
    widens,
)

from .connection import Connection
from .warehouse import STAGE_PREFIX, beside, quoted

#: How SQL calls the two sides; no column of a user is likely to be a struct of this name.
TARGET, BATCH = "sqlflow_target", "sqlflow_batch"


@dataclass(frozen=True)
class Alignment:
    """How a batch fits. `changes` alter the target first; `insert_names` are the columns that the batch brings."""

    target_names: tuple[str, ...]
    insert_names: tuple[str, ...]
    key: tuple[str, ...]
    changes: tuple[str, ...] = ()

    @property
    def carried(self) -> list[str]:
        """The columns of the target that the batch does not bring."""
        brought = {fold(name) for name in self.insert_names}
        return [name for name in self.target_names if fold(name) not in brought]

    def apply(self, db: Connection, target: str) -> None:
        """Change the target so that the batch fits. DuckDB alters no table with an index, so such a one is copied."""
        if not self.changes:
            return
        entry = db.warehouse.entry(target)
        indexes = entry.indexes if entry else ()
        table = quoted(target)
        if indexes:
            required = [c.name for c in db.schema_of(table) if c.nullable is False]
            copy = quoted(beside(target, f"{STAGE_PREFIX}{split_name(target)[-1]}"))
            db.execute(f"CREATE TABLE {copy} AS FROM {table}")
            for change in (*self.changes, *(f"ALTER {quote(name)} SET NOT NULL" for name in required)):
                db.execute(f"ALTER TABLE {copy} {change}")
            db.execute(f"DROP TABLE {table}")
            db.execute(f"ALTER TABLE {copy} RENAME TO {quote(split_name(target)[-1])}")
            for _, sql in indexes:
                db.execute(sql)
        else:
            for change in self.changes:
                db.execute(f"ALTER TABLE {table} {change}")

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
    target = db.schema_of(quoted(write.target))
    batch = write.staged.schema
    changes: list[str] = []
    complaints: list[str] = []
    names = list(target.names)
    for column in batch:
        known = target.get(column.name)
        if known is None:
            if write.policy == "permissive" or taken_over(write, column):
                changes.append(f"ADD COLUMN {quote(column.name)} {column.type}")
                names.append(column.name)
            else:
                complaints.append(f"new column {column.name} {column.type}")
        elif not _fits(db, write, column, known):
            accepted = write.policy == "permissive" and widens(known.type, column.type)
            if (
                accepted
                or taken_over(write, column)
                or _is_empty(db, f"SELECT {quote(known.name)} FROM {quoted(write.target)}")
            ):
                changes.append(f"ALTER {quote(known.name)} SET DATA TYPE {column.type}")
            else:
                complaints.append(f"column {known.name} is {known.type} there and {column.type} in the batch")
    complaints += _missing_required(target, batch)
    if complaints:
        raise SchemaChanged(
            f"the batch does not fit {write.target}: " + "; ".join(complaints),
            hint=_hint(complaints),
            code="SF721",
        )
    changes += _required(db, write, target)
    return Alignment(tuple(names), batch.names, write.key, tuple(changes))


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


def _is_empty(db: Connection, query: str) -> bool:
    """Tell whether a column holds no value at all, so that nothing speaks for its type."""
    return bool(db.execute(f"SELECT count(COLUMNS(*)) FROM ({query})")[0][0] == 0)


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
    return "declare the type under columns, cast it in the SQL, or replace the target"
