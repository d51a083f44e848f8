"""What compiling a plan gives: problems, and the columns of its tables as far as they can be known. Values."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from sqlflow.problem import Mark, Problem
from sqlflow.sdk import TableSchema


class Gap(Struct):
    """Something that cannot be known here, where it stands, and the way to make it known.

    It is told only when somebody needs it: `needed` gathers the steps that could not be checked for it.
    """

    what: str
    mark: Mark | None
    hint: str
    needed: dict[str, None] = field(default_factory=dict)


class Table(Struct, frozen=True):
    """A table of the pipeline. `schema` None: its columns are not known, for the reason in `gap`, if that is told."""

    name: str
    schema: TableSchema | None
    gap: Gap | None = None
    gone: bool = False
    """Whether a statement has dropped it."""
    partial: bool = False
    """Whether it may have more columns: `columns` declares in part what a source has that nobody asks here."""


class Compiled(Struct, frozen=True):
    """What is wrong with a plan, and what its tables will be, by folded name."""

    problems: tuple[Problem, ...]
    tables: Mapping[str, Table]
    batches: Mapping[str, TableSchema] = field(default_factory=dict)
    """The columns of the rows of a step as they come, by its id, where they are known."""
    around: Mapping[str, Table] = field(default_factory=dict)
    """The tables of other documents that it was held with."""

    def known(self, key: str) -> Table | None:
        """Return what is known of a table, whoever makes it."""
        return self.tables.get(key) or self.around.get(key)
