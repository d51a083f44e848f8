"""The differences between two states of a project, as values."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from sqlflow.problem import Mark


class Option(Struct, frozen=True):
    """One thing about a step that is other than it was. None: it was not there, or its texts are too long to show."""

    name: str
    was: str | None = None
    now: str | None = None


class StepChange(Struct, frozen=True):
    """A step that is new, gone or other than it was. `mark` is where it stands, or stood."""

    kind: Literal["added", "changed", "removed"]
    pipeline: str
    step: str
    mark: Mark
    options: tuple[Option, ...] = ()


class ColumnChange(Struct, frozen=True):
    """A column of a table that is new, gone, or of another type. A table that is new or gone has no `column`."""

    kind: Literal["added", "removed", "retyped"]
    table: str
    column: str | None = None
    was: str | None = None
    now: str | None = None


class Touched(Struct, frozen=True):
    """A table or an export further down whose contents may become others: these columns, or all its rows."""

    name: str
    kind: Literal["table", "export"]
    pipeline: str
    step: str
    columns: tuple[str, ...] = ()
    rows: bool = False


class Effect(Struct, frozen=True):
    """Something that will be lost or left behind, in a sentence."""

    pipeline: str
    step: str
    message: str


class Changes(Struct, frozen=True):
    """Everything that a change does.

    `runs` are the steps that `sqlflow run --changed` will not skip, each with the reason; `unknown` is what could not
    be compared.
    """

    steps: tuple[StepChange, ...] = ()
    columns: tuple[ColumnChange, ...] = ()
    touched: tuple[Touched, ...] = ()
    effects: tuple[Effect, ...] = ()
    runs: tuple[tuple[str, str, str], ...] = ()
    """Pipeline, step, reason."""
    total: int = 0
    """How many steps there are now."""
    unknown: tuple[str, ...] = ()
