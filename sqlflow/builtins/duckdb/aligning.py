"""Columns of a batch against columns of its target: what is new, what is missing, what has another type."""

from __future__ import annotations

from dataclasses import dataclass

from sqlflow.sdk import Column, SchemaChanged, TableSchema, TableWrite, normal_type, quote, widens

from .connection import Connection
from .warehouse import quoted


@dataclass(frozen=True)
class Alignment:
    """How a batch fits. `statements` change the target first; `insert_names` are the columns that the batch brings."""

    target_names: tuple[str, ...]
    batch_names: frozenset[str]
    insert_names: tuple[str, ...]
    key: tuple[str, ...]
    statements: tuple[str, ...] = ()

    def apply(self, db: Connection, target: str) -> None:
        """Change the target so that the batch fits; rebuilds indexes, in whose presence DuckDB alters nothing."""
        if not self.statements:
            return
        entry = db.warehouse.entry(target)
        indexes = entry.indexes if entry else ()
        schema = quoted(target).rpartition(".")[0]
        for name, _ in indexes:
            db.execute(f"DROP INDEX {schema}.{quote(name)}")
        for statement in self.statements:
            db.execute(statement)
        for _, sql in indexes:
            db.execute(sql)

    def difference(self, left: str, right: str) -> str:
        """Return the condition that two rows of one key differ in what the batch brings; empty when only keys come."""
        keys = {k.lower() for k in self.key}
        return " OR ".join(
            f"{left}.{quote(c)} IS DISTINCT FROM {right}.{quote(c)}" for c in self.insert_names if c.lower() not in keys
        )


def align(db: Connection, write: TableWrite) -> Alignment:
    """Hold a batch against its target.

    Raises:
        SchemaChanged: a column is new under `alert`, or a type does not fit.

    """
    target = db.schema_of(quoted(write.target))
    batch = write.staged.schema
    statements: list[str] = []
    complaints: list[str] = []
    names = list(target.names)
    for column in batch:
        known = target.get(column.name)
        if known is None:
            if write.policy == "permissive":
                statements.append(f"ALTER TABLE {quoted(write.target)} ADD COLUMN {quote(column.name)} {column.type}")
                names.append(column.name)
            else:
                complaints.append(f"new column {column.name} {column.type}")
        elif not _fits(db, write, column, known):
            if write.policy == "permissive" and widens(known.type, column.type):
                statements.append(
                    f"ALTER TABLE {quoted(write.target)} ALTER {quote(known.name)} SET DATA TYPE {column.type}"
                )
            else:
                complaints.append(f"column {known.name} is {known.type} there and {column.type} in the batch")
    complaints += _missing_required(target, batch)
    if complaints:
        raise SchemaChanged(
            f"the batch does not fit {write.target}: " + "; ".join(complaints),
            hint=_hint(complaints),
            code="SF721",
        )
    return Alignment(tuple(names), frozenset(n.lower() for n in batch.names), batch.names, write.key, tuple(statements))


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
