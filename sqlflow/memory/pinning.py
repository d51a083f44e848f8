"""Writing the columns that a source has into `columns` of its step, in the document itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from sqlflow.errors import SQLFlowError, StepError
from sqlflow.plan import PlannedStep
from sqlflow.sdk import Column, ColumnSpec, fold
from sqlflow.spec import CannotEdit, Wish, as_block, edited, rewrite

from .book import Book
from .looking import keeper_of, looking


class Pin(Struct, frozen=True):
    """A document with other `columns`. `columns` are what they become; `text` is None when it cannot be edited."""

    path: Path
    before: str
    text: str | None
    columns: Mapping[str, ColumnSpec]
    block: str
    reason: str = ""

    @property
    def changed(self) -> bool:
        """Whether the document says something else than before."""
        return self.text != self.before

    def write(self) -> None:
        """Put the text in the place of the document, whole or not at all.

        Raises:
            SQLFlowError: it cannot be written, or somebody has changed it meanwhile.

        """
        if self.text is None:
            raise SQLFlowError(f"columns of {self.path} cannot be edited: {self.reason}", code="SF743")
        rewrite(self.path, self.before, self.text)


def pin(book: Book, step: PlannedStep) -> Pin:
    """Work out the document in which a step declares the columns that its source has now; writes nothing.

    A declared column that is still there and fits is left as it is written; one that is gone goes.

    Raises:
        DocumentError: the step records no columns.
        StepError: the source cannot be read.

    """
    keeper_of(step)
    stated: Mapping[str, ColumnSpec] = step.given.config.columns
    fits, found = _seen(book, step, stated)
    wished: dict[str, Wish | None] = {}
    columns: dict[str, ColumnSpec] = {}
    for name, spec in stated.items():
        column = found.pop(fold(name), None)
        if column is None:
            continue
        wished[name] = None if fold(name) in fits else _wish(column.type, required=spec.states_nullable is False)
        columns[name] = spec if fold(name) in fits else spec.model_copy(update={"type": column.type})
    for column in found.values():
        wished[column.name] = _wish(column.type, required=column.nullable is False)
        columns[column.name] = _spec(column)
    block = as_block("columns", {n: _wish(s.type, required=not s.nullable).short for n, s in columns.items()})
    source = book.plan.source
    try:
        text = edited(source, ("steps", step.position), "columns", wished, after="target")
    except CannotEdit as error:
        return Pin(book.plan.path, source.text, None, columns, block, str(error))
    return Pin(book.plan.path, source.text, text, columns, block)


def _seen(book: Book, step: PlannedStep, stated: Mapping[str, ColumnSpec]) -> tuple[set[str], dict[str, Column]]:
    """Return which declared columns fit, and the columns that are there, both by folded names."""
    try:
        with looking(book, step, columns={}, anew=True) as look:
            return {fold(name) for name in look.fitting(stated)}, {fold(column.name): column for column in look.schema}
    except StepError as error:
        if not stated:
            raise
        try:  # what is declared may be what makes the source readable
            with looking(book, step, anew=True) as look:
                return {fold(name) for name in stated}, {fold(column.name): column for column in look.schema}
        except StepError:
            raise error from None


def _spec(column: Column) -> ColumnSpec:
    return ColumnSpec(type=column.type, nullable=False) if column.nullable is False else ColumnSpec(type=column.type)


def _wish(sql_type: str, *, required: bool) -> Wish:
    """Write a type as the document takes it; `${` would be an expression."""
    text = sql_type.replace("${", "$${")
    return Wish(f"{text} not null" if required else text, text, "type")
