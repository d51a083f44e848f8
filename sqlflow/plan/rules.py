"""What steps may not do to each other: rules over the whole plan, which no step can see alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlflow.problem import Mark, Problem
from sqlflow.sdk import split_name

from .graph import table_key, writers
from .model import PlannedStep

STATE_SCHEMA = "_sqlflow"
RESERVED = frozenset({STATE_SCHEMA, "temp", "system", "memory", "information_schema", "pg_catalog"})


def shared_tables(steps: Iterable[PlannedStep]) -> Iterator[Problem]:
    """Refuse what would throw away another step's rows: `replace` by any but the first writer of a table.

    Steps that `when` has ruled out already write nothing and do not count.
    """
    active = [step for step in steps if step.skip is None]
    for table, sharing in writers(active).items():
        kinds = {step.plan.makes_view for step in sharing}
        for step in sharing[1:]:
            first = sharing[0]
            if step.plan.mode == "replace":
                yield Problem(
                    "SF410",
                    f"step {step.id!r} replaces {table}, which step {first.id!r} has written before it",
                    step.mark,
                    "write mode: append, merge or delete_insert, or another target",
                    related=_elsewhere(first, step),
                )
            elif step.plan.remembers and first.plan.mode == "replace":
                yield Problem(
                    "SF410",
                    f"step {step.id!r} adds only what is new to {table}, which step {first.id!r} replaces each time",
                    step.mark,
                    "write another target, or let both of them add",
                    related=(first.mark,),
                )
            elif step.plan.mode == "scd2" and first.plan.mode == "replace":
                yield Problem(
                    "SF410",
                    f"step {step.id!r} keeps a history in {table}, which step {first.id!r} replaces each time",
                    step.places.option("target"),
                    "write another target",
                    related=(first.mark,),
                )
            elif len(kinds) > 1:
                yield Problem(
                    "SF410",
                    f"step {step.id!r} and step {first.id!r} make {table} a view and a table",
                    step.mark,
                    "let one of them write another target",
                    related=_elsewhere(first, step),
                )


def shared_outputs(steps: Iterable[PlannedStep]) -> Iterator[Problem]:
    """Refuse two exports to one place: whichever ends last would win."""
    seen: dict[str, PlannedStep] = {}
    for step in steps:
        for output in step.plan.outputs if step.skip is None else ():
            if (first := seen.setdefault(output, step)) is not step:
                mark, other = step.places.option("target", "path"), first.places.option("target", "path")
                yield Problem(
                    "SF411",
                    f"step {step.id!r} and step {first.id!r} both write {output}",
                    mark,
                    "give one of them another path",
                    related=() if mark == other else (other,),
                )


def _elsewhere(first: PlannedStep, step: PlannedStep) -> tuple[Mark, ...]:
    """Return the place of the first step, unless one step of the document stands for both."""
    return () if first.mark == step.mark else (first.mark,)


def reserved_schemas(steps: Iterable[PlannedStep]) -> Iterator[Problem]:
    """Refuse to write SQLFlow's own state, which tells what has been committed, and schemas that cannot be made."""
    for step in steps:
        for table in step.plan.writes:
            *outside, schema, _ = ("", *split_name(table_key(table)))[-3:]
            if any(outside):
                told = f"step {step.id!r} writes {table}, which is in another database"
                yield Problem("SF412", told, step.mark, "write schema.table; other databases are exported to")
            if schema in RESERVED:
                what = "SQLFlow's own state" if schema == STATE_SCHEMA else "not a schema that tables can be kept in"
                told = f"step {step.id!r} writes {table}, and {schema} is {what}"
                yield Problem("SF412", told, step.mark, "write another schema")
