"""What columns the source of a step has now, found out the way its next run would, without writing anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from sqlflow.errors import DocumentError, StepError
from sqlflow.plan import PlannedStep
from sqlflow.problem import Problem
from sqlflow.resilience import Guards, Surroundings
from sqlflow.run import register_functions
from sqlflow.sdk import (
    WITHOUT_EVIDENCE,
    ArrowStream,
    Baseline,
    Batch,
    Change,
    Column,
    ColumnSpec,
    Delta,
    Grid,
    SchemaChanged,
    Session,
    StepContext,
    StepMemory,
    TableSchema,
    TableStep,
    Token,
    compare,
    declared,
    fold,
    increment,
    never,
    normal_type,
    parse_moment,
    quote,
    refused_changes,
    remembered,
    united,
    widens,
)

from .book import Book
from .entries import fault_of


class Look(Struct, frozen=True):
    """The columns as the next run would see them, and what they are held against.

    `silent` are columns that hold no value, where that was looked at. `idle`: the next run reads nothing.
    """

    step: PlannedStep
    session: Session
    baseline: Baseline | None
    schema: TableSchema
    text: str
    silent: frozenset[str] = frozenset()
    idle: bool = False
    relation: str | None = None
    """What may follow FROM to read the rows; None for a stream, which is read once."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    guessed: bool = False

    @property
    def changes(self) -> tuple[Change, ...]:
        """What is other than in the baseline."""
        was = self.baseline
        return compare(was.schema, self.schema, without_evidence=self.silent) if was is not None else ()

    @property
    def edited(self) -> bool:
        """Whether the query is another one than at the last good run."""
        return self.baseline is not None and self.baseline.text != self.text

    @property
    def refused(self) -> list[Change]:
        """The changes that would stop the next run."""
        policy = self.step.given.config.on_schema_change
        return [] if self.idle else refused_changes(self.changes, policy, edited=self.edited)

    @property
    def present(self) -> Baseline:
        """The columns as a baseline that a person has said yes to. A silent column keeps the type that it had."""
        old = {fold(c.name): c.type for c in self.baseline.schema} if self.baseline else {}
        stated = {fold(name) for name in self.step.given.config.columns}
        kept = [replace(c, type=self._evident(c, old, stated)) for c in self.schema]
        return Baseline(TableSchema(tuple(kept)), self.text, accepted=True)

    def _evident(self, column: Column, old: Mapping[str, str], stated: Iterable[str]) -> str:
        name = fold(column.name)
        if name not in self.silent or name in stated:
            return column.type
        if old.get(name):
            return old[name]
        return "" if self.guessed and normal_type(column.type) in WITHOUT_EVIDENCE else column.type

    def fitting(self, columns: Mapping[str, ColumnSpec]) -> set[str]:
        """Return which of the declared columns are there with values that fit their declared types."""
        present = {name: found for name in columns if (found := self.schema.get(name)) is not None}
        doubtful = [n for n, found in present.items() if not _holds(columns[n].type, found.type)]
        if not doubtful or self.relation is None:
            return set(present)
        casts = ", ".join(
            f"count({quote(present[n].name)}) = count(TRY_CAST({quote(present[n].name)} AS {columns[n].type}))"
            for n in doubtful
        )
        answers = self.session.fetch(f"SELECT {casts} FROM {self.relation}", self.parameters)[0]
        wrong = {name for name, fits in zip(doubtful, answers, strict=True) if not fits}
        return set(present) - wrong


def _holds(wide: str, narrow: str) -> bool:
    return normal_type(wide) == normal_type(narrow) or widens(narrow, wide)


@contextmanager
def looking(
    book: Book, step: PlannedStep, columns: Mapping[str, ColumnSpec] | None = None, *, anew: bool = False
) -> Iterator[Look]:
    """Ask the source of a step for its columns; `columns` stand for those that the step declares.

    Files, whose types are guessed, are read through to see whether the types of the last good run still fit.
    `anew`: what is damaged in the state does not count, as it will be replaced.

    Raises:
        DocumentError: the step keeps no columns.
        StepError: the source cannot be read, or lacks a declared column.

    """
    keeper = keeper_of(step)
    if columns is not None:
        step = replace(
            step, given=replace(step.given, config=step.given.config.model_copy(update={"columns": dict(columns)}))
        )
    register_functions(book.plan, book.catalog, book.session)
    session = book.session.fork()
    try:
        plan = book.plan
        around = Surroundings(never, session.interrupt)
        step = replace(step, given=Guards(plan.resilience).given(step.given, around))
        token = Token(plan.run_id, step.id, 1, plan.pipeline)
        memory = StepMemory(
            lambda: tuple(e for e in session.state(plan.pipeline, step.id) if not (anew and fault_of(e)))
        )
        context = StepContext(session, token, plan.folder, plan.started_at, lambda _: None, memory, step.window)
        baseline = remembered(context.memory(step.given.config.target))
        pending = keeper.pending(step.given, context)
        delta = _delta(step, context, pending or Delta())
        look = Look(step, session, baseline, TableSchema(()), keeper.text(step.given), idle=pending is None)
        yield _looked(look, keeper, context, delta)
    finally:
        session.close()


def keeper_of(step: PlannedStep) -> TableStep:
    """Return the type of a step that keeps a baseline. Raises DocumentError for any other."""
    if isinstance(step.step_type, TableStep) and step.step_type.keeps_baseline(step.given):
        return step.step_type
    told = f"step {step.id!r} ({step.type_name}) keeps no columns from run to run"
    hint = "only loads, and transforms that add to their table, hold their columns against the last good run"
    raise DocumentError([Problem("SF744", told, step.mark, hint)])


def _delta(step: PlannedStep, context: StepContext, delta: Delta) -> Delta:
    """Say what is read, with a value for every parameter that a query takes from what is new."""
    config = step.given.config
    values = dict(delta.values)
    if config.cursor is not None:
        state = context.memory(config.target)
        news = increment(config.cursor, state, context.window, context.session, keyed=bool(config.key))
        values["watermark"] = news.value
        delta = replace(delta, since=news.since)
    if (batches := getattr(config, "batches", None)) is not None:
        grid = Grid(parse_moment(batches.initial, what="batches: initial"), batches.size)
        values |= {"start": grid.bound(grid.origin), "end": grid.bound(grid.origin + grid.size)}
    return replace(delta, values=values)


def _looked(look: Look, keeper: TableStep, context: StepContext, delta: Delta) -> Look:
    """Fill in the columns: first as the last good run has seen them, and where that does not fit, afresh."""
    given = look.step.given
    guesses = any(endpoint.connector.guesses_types for endpoint in given.endpoints.values())
    types = look.baseline.types if look.baseline and guesses else {}
    look = replace(look, guessed=guesses)
    try:
        found = _seen(look, keeper, context, replace(delta, types=types))
    except StepError as error:
        if not types or error.kind != "bad_data" or isinstance(error, SchemaChanged):
            raise
        found = _seen(look, keeper, context, replace(delta, types={}))
    return replace(found, schema=united(found.schema, found.baseline)) if keeper.lacks_columns(given) else found


def _seen(look: Look, keeper: TableStep, context: StepContext, delta: Delta) -> Look:
    config, session = look.step.given.config, look.session
    source = keeper.rows(look.step.given, context, delta)
    if isinstance(source, ArrowStream):
        schema = _contracted(session.columns(source), config.columns)
        return replace(look, schema=declared(schema, config.columns))
    batch = Batch(
        config.target,
        context.token,
        "append",
        config.columns,
        once=True,
        types=delta.types,
        since=delta.since,
        careful=True,
    )
    staged = session.stage(source, batch)  # used once, so it stays a query
    schema = declared(staged.schema, config.columns)
    look = replace(look, schema=schema, relation=staged.relation, parameters=staged.parameters)
    return replace(look, silent=frozenset(_silent(look)))


def _silent(look: Look) -> Iterator[str]:
    """Yield the columns that hold no value: of a source with types only those that changed are looked at."""
    was = {fold(c.name): normal_type(c.type) for c in look.baseline.schema} if look.baseline else {}
    asked = [c.name for c in look.schema if look.guessed or was.get(fold(c.name), "") not in ("", normal_type(c.type))]
    if asked:
        counts = ", ".join(f"count({quote(name)})" for name in asked)
        found = look.session.fetch(f"SELECT {counts} FROM {look.relation}", look.parameters)[0]
        yield from (fold(name) for name, count in zip(asked, found, strict=True) if not count)


def _contracted(schema: TableSchema, columns: Mapping[str, ColumnSpec]) -> TableSchema:
    """Return the columns of a stream as they are once cast to those declared."""
    stated = {fold(name): spec for name, spec in columns.items()}
    lacking = [name for name in columns if schema.get(name) is None]
    if lacking:
        told = f"column {lacking[0]!r} is declared under columns but the source does not have it; it has: "
        raise SchemaChanged(told + ", ".join(schema.names), hint="declare the columns that are there", code="SF720")
    return TableSchema(
        tuple(replace(c, type=stated[fold(c.name)].type) if fold(c.name) in stated else c for c in schema)
    )
