"""What becomes of a target when a batch meets it: its columns afterwards, and every option that names a column.

Holds options against columns. What an engine does with rows is its own business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlflow.plan import PlannedStep, table_key
from sqlflow.problem import Mark
from sqlflow.sdk import (
    Bound,
    CannotBind,
    Column,
    StepError,
    TableSchema,
    WriteConfig,
    did_you_mean,
    fold,
    lagged,
    literal,
    normal_type,
    quarantine_table,
    quote,
    widens,
)

from .ground import Ground
from .model import Table

#: What a history adds to its rows, and what quarantine tells of them.
FROM, TO, CURRENT = "valid_from", "valid_to", "is_current"
SET_ASIDE = dict.fromkeys(("sqlflow_check", "sqlflow_raw"), "VARCHAR")
SET_ASIDE_BY = {
    "sqlflow_pipeline": "VARCHAR", "sqlflow_step": "VARCHAR", "sqlflow_run_id": "VARCHAR",
    "sqlflow_at": "TIMESTAMP WITH TIME ZONE",
}  # fmt: skip

_ROWS, _VALUE = "sqlflow_rows", "sqlflow_value"


def relation_of(schema: TableSchema) -> str:
    """Write rows of these columns as SQL that may follow FROM; there is one, and nothing is in it."""
    return f"(SELECT {', '.join(f'CAST(NULL AS {c.type}) AS {quote(c.name)}' for c in schema)})"


def land(ground: Ground, step: PlannedStep, batch: TableSchema | None) -> None:
    """Note what is wrong with the options of a step that writes a table, and what the table is afterwards."""
    config: WriteConfig = step.given.config
    key = table_key(config.target)
    before = ground.tables.get(key)
    made = None
    if batch is not None:
        batch = _declared(ground, step, batch)
        _options(ground, step, batch)
        made = _met(ground, step, before, _stored(step, batch))
    for name in step.plan.writes:
        if table_key(name) == table_key(quarantine_table(config.target)):
            aside = None if batch is None else _aside(batch)
            ground.tables[table_key(name)] = Table(name, aside, before.gap if before and aside is None else None)
    gap = before.gap if before is not None and made is None else None
    ground.tables[key] = Table(config.target, made, gap)


def _declared(ground: Ground, step: PlannedStep, batch: TableSchema) -> TableSchema:
    """Cast a batch to the declared columns."""
    types = {}
    for name, spec in step.given.config.columns.items():
        found, place = batch.get(name), step.places.key("columns", name)
        if found is None and "source" not in step.given.endpoints:
            told = f"step {step.declared!r}: column {name!r} is declared, and the query does not bring it"
            ground.report("SF424", told, place, did_you_mean(name, batch.names, noun="column"))
        elif found is not None:
            types[fold(name)] = spec.type
            _cast(ground, step, Column(name, found.type), spec.type, place)
    return TableSchema(tuple(Column(c.name, types.get(fold(c.name), c.type)) for c in batch))


def _cast(ground: Ground, step: PlannedStep, column: Column, kind: str, place: Mark) -> None:
    """Note a declared type that there is not, or to which no value of the column can be cast."""
    try:
        ground.blank.session.bind(f"SELECT CAST(CAST(NULL AS {column.type}) AS {kind})")
    except CannotBind as error:
        hint = "write a type of the engine, such as bigint, varchar or decimal(12,2)"
        ground.report("SF425", f"step {step.declared!r}: {error.message}", place, hint)
        return
    if normal_type(kind) != normal_type(column.type) and not _castable(ground, column.type, kind):
        told = f"step {step.declared!r}: {column.name!r} is {column.type}, which nothing casts to {kind}"
        ground.report("SF425", told, place, "convert it in SQL, or declare another type")


def _castable(ground: Ground, kind: str, wanted: str) -> bool:
    """Tell whether any value of a type can be cast to another."""
    ground.blank.put(_ROWS, TableSchema((Column(_VALUE, kind),)))
    try:
        ground.blank.session.bind(f"SELECT CAST({_VALUE} AS {wanted}) FROM {_ROWS}", constants=True)
    except CannotBind:
        return False
    finally:
        ground.blank.put(_ROWS, None)
    return True


def _options(ground: Ground, step: PlannedStep, batch: TableSchema) -> None:
    """Hold every option that names a column against those of the batch."""
    config: WriteConfig = step.given.config
    named = [("key", name) for name in config.key]
    named += [("track", name) for name in config.track]
    named += [("order_by", term.split()[0]) for term in config.order_by if term.split()]
    named += [("cursor", config.cursor.column)] if config.cursor is not None else []
    named += [("deletes", config.deletes.column)] if config.deletes is not None and config.deletes.column else []
    batches = getattr(config, "batches", None)
    named += [("batches", batches.by)] if batches is not None else []
    missing(ground, step, named, batch)
    for option, name, wanted in (
        ("deletes", config.deletes.column if config.deletes is not None else None, ("BOOLEAN",)),
        ("batches", batches.by if batches is not None else None, ("DATE", "TIMESTAMP")),
    ):
        found = batch.get(name) if name is not None else None
        if found is not None and not normal_type(found.type).startswith(wanted):
            told = f"step {step.declared!r}: {option} names {name!r}, which is {found.type}, not {' or '.join(wanted)}"
            ground.report("SF425", told, step.places.named(option, found.name), "cast it, or name another column")
    if config.cursor is not None and (found := batch.get(config.cursor.column)) is not None:
        _cursor(ground, step, found)
    taken = [n for n in (FROM, TO, CURRENT) if batch.get(n) is not None] if config.mode == "scd2" else []
    if taken:
        told = f"step {step.declared!r}: the rows have a column {taken[0]!r}, which a history adds by itself"
        ground.report("SF425", told, step.places.option("mode"), "rename it, or leave it out")


def missing(ground: Ground, step: PlannedStep, named: Iterable[tuple[str, str]], schema: TableSchema) -> None:
    """Note every option that names a column that is not there, or names one twice."""
    seen: set[tuple[str, str]] = set()
    for option, name in named:
        if (option, fold(name)) in seen:
            told = f"step {step.declared!r}: {option} names column {name!r} twice"
            ground.report("SF424", told, step.places.named(option, name), "name it once")
        seen.add((option, fold(name)))
        mark = step.places.named(option, name)
        if schema.get(name) is None and not ground.may_have(
            step, name, step.reads | step.plan.writes, schema.names, mark
        ):
            told = f"step {step.declared!r}: {option} names column {name!r}, which the rows do not have"
            hint = did_you_mean(name, schema.names, noun="column")
            ground.report("SF424", told, mark, hint)


def _cursor(ground: Ground, step: PlannedStep, column: Column) -> None:
    """Note a lag or an initial value that does not suit the type of the cursor."""
    cursor = step.given.config.cursor
    place = step.places.named("cursor", column.name)
    try:
        lagged(Bound("0", column.type), cursor.lag)
    except StepError as error:
        ground.report("SF425", f"step {step.declared!r}: {error.message}", place, error.hint)
    if cursor.initial is not None:
        text = literal(str(cursor.initial))
        try:
            fits = ground.blank.session.fetch(f"SELECT TRY_CAST({text} AS {column.type}) IS NOT NULL")[0][0]
        except StepError:
            return
        if not fits:
            told = f"step {step.declared!r}: initial {cursor.initial!r} is no {column.type}, the type of the cursor"
            hint = f"write a {column.type}, or name another column"
            ground.report("SF425", told, step.places.option("cursor", "initial"), hint)


def _stored(step: PlannedStep, batch: TableSchema) -> TableSchema:
    """Return the columns that are kept of a batch, and those that a history adds."""
    config: WriteConfig = step.given.config
    marker = config.deletes.column if config.deletes is not None and not config.deletes.soft else None
    kept = [c for c in batch if marker is None or fold(c.name) != fold(marker)]
    if config.mode == "scd2":
        at = batch.get(config.cursor.column) if config.cursor is not None else None
        time = at.type if at is not None else "TIMESTAMP WITH TIME ZONE"
        added = {FROM: time, TO: time, CURRENT: "BOOLEAN"}
        kept = [c for c in kept if fold(c.name) not in added]
        kept += [Column(name, kind) for name, kind in added.items()]
    return TableSchema(tuple(kept))


def _met(ground: Ground, step: PlannedStep, before: Table | None, rows: TableSchema) -> TableSchema | None:
    """Let a batch meet what an earlier step has made of the target."""
    config: WriteConfig = step.given.config
    if before is None or before.gone or config.mode == "replace" or step.plan.makes_view:
        return rows
    if before.schema is None:
        return None
    columns = list(before.schema)
    for told, column in _unfit(before.schema, rows, permissive=config.on_schema_change == "permissive"):
        if told is None:
            columns = [c for c in columns if fold(c.name) != fold(column.name)] + [column]
        else:
            hint = "leave it out, cast it, or write on_schema_change: permissive"
            ground.report(
                "SF425", f"step {step.declared!r}: {told} {config.target}", step.places.option("target"), hint
            )
    return TableSchema(tuple(columns))


def _unfit(target: TableSchema, rows: TableSchema, *, permissive: bool) -> Iterator[tuple[str | None, Column]]:
    """Yield the columns of rows that do not fit a table, each with the reason; None: it is taken over."""
    for column in rows:
        known = target.get(column.name)
        if known is None:
            yield None if permissive else f"column {column.name!r} is not in", column
        elif normal_type(known.type) != normal_type(column.type) and not widens(column.type, known.type):
            if permissive and widens(known.type, column.type):
                yield None, column
            else:
                yield f"column {column.name!r} is {column.type} here and {known.type} in", column


def _aside(batch: TableSchema) -> TableSchema:
    told = [Column(name, kind) for name, kind in (SET_ASIDE | SET_ASIDE_BY).items()]
    return TableSchema((*told, *batch))


def order_of(terms: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """Yield the columns that an order names."""
    for term in terms:
        words = str(term).split()
        if words:
            yield "order_by", words[0]
