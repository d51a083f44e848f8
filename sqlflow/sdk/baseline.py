"""The columns that a source had at the last good run, and what a change of them means to a step.

Decides; reads no table. What may change is the policy's to say, and an edited query counts as a wish for change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from sqlflow.errors import SchemaChanged, StepError

from .config import ColumnSpec
from .schema import Change, ChangeKind, Column, Policy, TableSchema, compare
from .sqltext import fold
from .state import SCHEMA, Memory, StepMemory

FORMAT = 1
#: What an edited query may do to its target besides what `permissive` lets through: leave a column out.
_EDITED = frozenset({ChangeKind.NEW_NULLABLE, ChangeKind.WIDENED, ChangeKind.RELAXED, ChangeKind.REMOVED})


class Baseline(Struct, frozen=True):
    """Columns as remembered. `text` tells which query made them; `accepted` that a person has said yes to them."""

    schema: TableSchema
    text: str = ""
    accepted: bool = False

    def memory(self) -> Memory:
        """Return the baseline as something to remember."""
        columns = [{"name": c.name, "type": c.type, "nullable": c.nullable} for c in self.schema]
        value = {"format": FORMAT, "columns": columns, "text": self.text, "accepted": self.accepted}
        return Memory(SCHEMA, "", value)

    @property
    def types(self) -> dict[str, str]:
        """The type of each column that has shown one."""
        return {column.name: column.type for column in self.schema if column.type}


def remembered(state: StepMemory) -> Baseline | None:
    """Return the baseline of a step, if it has one.

    Raises:
        StepError: it cannot be read, or a newer version of SQLFlow wrote it.

    """
    value = state.get(SCHEMA)
    return None if value is None else parse_baseline(value)


def parse_baseline(value: Mapping[str, Any]) -> Baseline:
    """Read a baseline from its value. Raises StepError as `remembered` does."""
    form = value.get("format")
    if isinstance(form, int) and form > FORMAT:
        raise StepError(
            f"the schema baseline was written by a newer version of SQLFlow (format {form}; this one knows {FORMAT})",
            hint="install that version, or forget the baseline with `sqlflow state reset`",
            code="SF730",
        )
    try:
        columns = tuple(Column(str(c["name"]), str(c["type"]), c.get("nullable")) for c in value["columns"])
    except (KeyError, TypeError, AttributeError) as error:
        raise StepError(
            f"the schema baseline cannot be read: {type(error).__name__}: {error}",
            hint="forget it with `sqlflow state reset`; the next run records a new one",
            code="SF730",
        ) from error
    return Baseline(TableSchema(columns), str(value.get("text", "")), bool(value.get("accepted")))


def declared(schema: TableSchema, columns: Mapping[str, ColumnSpec]) -> TableSchema:
    """Return the schema with the nullability that the document states."""
    said = {fold(name): spec.states_nullable for name, spec in columns.items()}
    kept = [replace(c, nullable=said.get(fold(c.name)) if fold(c.name) in said else c.nullable) for c in schema]
    return TableSchema(tuple(kept))


def united(schema: TableSchema, baseline: Baseline | None) -> TableSchema:
    """Add the columns of the last good run to those of rows that may lack some of them."""
    known = baseline.schema if baseline is not None else ()
    return TableSchema((*schema, *(column for column in known if schema.get(column.name) is None)))


def judge(
    baseline: Baseline, now: TableSchema, policy: Policy, *, what: str, text: str = "", silent: Iterable[str] = ()
) -> TableSchema:
    """Return the columns that go on, or refuse them. Silent columns hold no value and keep their type.

    Raises:
        SchemaChanged: a change that the policy does not let through; tells all of them, what was and what is.

    """
    quiet = {fold(name) for name in silent}
    changes = compare(baseline.schema, now, without_evidence=quiet)
    edited = text != baseline.text
    refused = refused_changes(changes, policy, edited=edited)
    if refused:
        raise SchemaChanged(
            f"{what} has changed since the last good run:\n{change_table(changes)}",
            hint=_hint(refused, edited=edited),
            code="SF732",
            changes=changes,
        )
    old = {fold(c.name): c for c in baseline.schema}
    kept = [replace(c, type=old[fold(c.name)].type or c.type) if fold(c.name) in quiet & old.keys() else c for c in now]
    return TableSchema(tuple(kept))


def refused_changes(changes: Iterable[Change], policy: Policy, *, edited: bool) -> list[Change]:
    """Return the changes that stop a step; `edited` tells that its query is another one than at the last good run."""
    return [c for c in changes if not (c.accepted(policy) or (edited and c.kind in _EDITED))]


def change_table(changes: Iterable[Change]) -> str:
    """Draw changes as a table of what was and what is, a line for each column."""
    rows = [("column", "was", "is", "change")]
    rows += [(c.column, _shown(c.was), _shown(c.now), c.kind.value) for c in changes]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return "\n".join("  " + "  ".join(cell.ljust(w) for cell, w in zip(r, widths, strict=True)).rstrip() for r in rows)


def _shown(column: Column | None) -> str:
    return "-" if column is None else column.type + (" not null" if column.nullable is False else "")


def _hint(refused: list[Change], *, edited: bool) -> str:
    if edited:
        return "the query was edited in a way that the rows already there cannot follow; run with --full-refresh"
    if all(c.accepted("permissive") for c in refused):
        return "take it over once with `sqlflow schema accept SPEC STEP`, or always: on_schema_change: permissive"
    return "look at it with `sqlflow schema compare SPEC STEP`, and take it over with `sqlflow schema accept SPEC STEP`"
