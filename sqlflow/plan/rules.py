"""What steps may not do to each other: rules over the whole plan, which no step can see alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlflow.problem import Problem

from .graph import table_key, writers
from .model import PlannedStep

STATE_SCHEMA = "_sqlflow"


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
                    related=(first.mark,),
                )
            elif len(kinds) > 1:
                yield Problem(
                    "SF410",
                    f"step {step.id!r} and step {first.id!r} make {table} a view and a table",
                    step.mark,
                    "let one of them write another target",
                    related=(first.mark,),
                )


def shared_outputs(steps: Iterable[PlannedStep]) -> Iterator[Problem]:
    """Refuse two exports to one place: whichever ends last would win."""
    seen: dict[str, PlannedStep] = {}
    for step in steps:
        for output in step.plan.outputs if step.skip is None else ():
            if (first := seen.setdefault(output, step)) is not step:
                yield Problem(
                    "SF411",
                    f"step {step.id!r} and step {first.id!r} both write {output}",
                    step.mark,
                    "give one of them another path",
                    related=(first.mark,),
                )


def state_tables(steps: Iterable[PlannedStep]) -> Iterator[Problem]:
    """Refuse to write SQLFlow's own state: the ledger tells what has been committed."""
    for step in steps:
        for table in step.plan.writes:
            if table_key(table).startswith(f"{STATE_SCHEMA}."):
                yield Problem(
                    "SF412",
                    f"step {step.id!r} writes {table}, which is SQLFlow's own state",
                    step.mark,
                    "write another schema",
                )
