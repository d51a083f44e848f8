"""One state of a project, as its documents were held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from msgspec import Struct

from sqlflow.compile import Compiled, Table
from sqlflow.lineage import Lineage, trace
from sqlflow.plan import Plan, PlannedStep, table_key
from sqlflow.validation import Held

Name = tuple[str, str]
"""A pipeline and the id of one of its steps."""


class Side(Struct, frozen=True, dict=True):
    """A state of the project: its documents as they were held."""

    held: Sequence[Held]

    @cached_property
    def planned(self) -> Sequence[tuple[Plan, Compiled]]:
        """The documents of which something could be planned."""
        return [(one.plan, one.compiled) for one in self.held if one.plan is not None]

    @cached_property
    def steps(self) -> Mapping[Name, tuple[Plan, PlannedStep]]:
        """Every step, by its pipeline and id."""
        return {(plan.pipeline, step.id): (plan, step) for plan, _ in self.planned for step in plan.steps}

    @cached_property
    def tables(self) -> Mapping[str, Table]:
        """The tables that steps write, by their folded names."""
        made = {table_key(name) for _, step in self.steps.values() for name in step.plan.writes}
        return {key: t for _, one in self.planned for key, t in one.tables.items() if key in made and not t.gone}

    @cached_property
    def lineage(self) -> Lineage:
        """Where columns come from."""
        return trace(self.planned)

    def columns(self, reads: frozenset[str]) -> Mapping[str, tuple[str, ...]] | None:
        """Return the columns of tables by their names; None: those of one are not known."""
        found: dict[str, tuple[str, ...]] = {}
        for name in reads:
            table = next(
                (one.tables[table_key(name)] for _, one in self.planned if table_key(name) in one.tables), None
            )
            if table is None or table.schema is None:
                return None
            found[table_key(name)] = table.schema.names
        return found


def written(step: PlannedStep) -> set[str]:
    """Return the tables and places that a step writes, as lineage names them."""
    return {*(table_key(t) for t in step.plan.writes), *step.plan.outputs}


def read(step: PlannedStep) -> set[str]:
    """Return the tables and places that a step reads and that others write."""
    return {*(table_key(t) for t in step.reads), *step.plan.inputs} - written(step)
