"""A plan held against empty tables, step after step, in the order in which they run."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from msgspec.structs import replace

from sqlflow.plan import Plan, PlannedStep, SqlField, table_key
from sqlflow.problem import Mark
from sqlflow.registry import Catalog, load_functions
from sqlflow.sdk import (
    Bound,
    BoundStatement,
    Check,
    Grid,
    PluginError,
    Role,
    Session,
    StepError,
    TableSchema,
    TableStep,
    fold,
    parse_moment,
    quote_name,
    roles,
    values_at,
)

from .bench import Bench, borrowed
from .checking import hold_checks
from .functions import Functions, declared_functions
from .ground import Ground
from .landing import land, missing, order_of
from .model import Compiled, Gap, Table
from .scripts import run_script
from .sources import source_columns

NOTHING: Mapping[str, Table] = MappingProxyType({})


def compile_plan(
    plan: Plan,
    catalog: Catalog,
    bench: Bench | None = None,
    *,
    warehouse: Session | None = None,
    around: Mapping[str, Table] = NOTHING,
    import_functions: bool = False,
) -> Compiled:
    """Bind every SQL of a plan, which may be partial.

    `warehouse` is one to look into for recorded columns and for tables that are there; `around` are tables that other
    documents make, by `table_key`. `import_functions`: the project's functions are imported, not read off their source.
    """
    with borrowed(bench) as mine:
        functions, problem = Functions(), None
        if any(step.functions for step in plan.steps):
            functions = declared_functions(plan.function_folders)
            if import_functions:
                try:
                    found = load_functions(plan.function_folders)
                    functions = Functions({f.name.lower(): f for f in found})
                except PluginError as error:
                    problem = error
        ground = Ground(plan, catalog, mine, warehouse, functions, around)
        if problem is not None:
            ground.report(problem.code or "SF604", problem.message, None, problem.hint)
        for step in plan.steps:
            _hold(ground, step)
        return Compiled(ground.told(), ground.tables, ground.batches, around)


def _hold(ground: Ground, step: PlannedStep) -> None:
    """Hold one step: its condition, what it reads, what it writes, and its checks."""
    if step.condition is not None and step.condition.holds is None and step.places.when is not None:
        _hold_condition(ground, step, step.places.when)
    before = {table_key(name): ground.tables.get(table_key(name)) for name in step.plan.writes}
    if isinstance(step.step_type, TableStep):
        batch = _batch(ground, step, step.step_type)
        schema = batch if isinstance(batch, TableSchema) else None
        if schema is not None:
            ground.batches[step.id] = schema
        land(ground, step, schema)
        if schema is None:
            _leave(ground, step, batch if isinstance(batch, Gap) else None)
        _widen(ground, step)
        target = ground.tables[table_key(step.given.config.target)].schema
        hold_checks(ground, step, lambda check: _checked(step, check, schema, target))
        return
    _hold_others(ground, step)
    for name in step.plan.writes:
        if ground.tables.get(table_key(name)) is before[table_key(name)]:  # its type says nothing of the columns
            known = ground.tables.get(table_key(name))
            ground.tables[table_key(name)] = known or Table(name, None)
    hold_checks(ground, step, lambda _: _table_checked(ground, step))


def _widen(ground: Ground, step: PlannedStep) -> None:
    """Let a table have more columns than are known where `*` brings them from one that may."""
    below = [ground.partial[key] for table in sorted(step.plan.reads) if (key := table_key(table)) in ground.partial]
    key = table_key(step.given.config.target)
    if below and any("*" in statement.sql for found in step.given.sql.values() for statement in found):
        ground.partial.setdefault(key, below[0])
    if key in ground.partial:
        ground.tables[key] = replace(ground.tables[key], partial=True)


def _hold_condition(ground: Ground, step: PlannedStep, piece: SqlField) -> None:
    condition = step.condition
    if condition is None:
        return
    head = "SELECT ("

    def at(offset: int) -> Mark | None:
        return piece.mark(max(offset - len(head), 0))

    schema = ground.bind(step, f"{head}{condition.sql}\n)", condition.parameters, condition.reads, at)
    kind = schema.columns[0].type if schema is not None and len(schema) else "BOOLEAN"
    if kind not in ("BOOLEAN", '"NULL"'):
        ground.report("SF423", f"when of step {step.declared!r} is {kind}, not true or false", at(0), "compare it")


def _batch(ground: Ground, step: PlannedStep, step_type: TableStep) -> TableSchema | Gap | None:
    """Return the columns that the rows of a step have as they come."""
    field = step_type.brings(step.given)
    found: TableSchema | Gap | None = None
    for name, endpoint in step.given.endpoints.items():
        if name == field:
            found = source_columns(ground, step, endpoint)
    for name, statements in step.given.sql.items():
        schema = _query(ground, step, statements[0], step.places.fields[name])
        found = schema if name == field else found
    if field is None:
        what = f"what step {step.declared!r} brings is known when it runs"
        found = ground.gap(what, step.mark, "nothing can be done about it here")
    return found


def _query(ground: Ground, step: PlannedStep, statement: BoundStatement, piece: SqlField) -> TableSchema | None:
    values = dict(statement.parameters)
    for name in statement.deferred:
        values[name] = _deferred(step, name)
    return ground.bind(step, statement.sql, values, statement.reads, lambda at: piece.mark(statement.offset + at))


def _deferred(step: PlannedStep, name: str) -> Any:
    """Return a value such as the step itself would give to a parameter in its first run."""
    config = step.given.config
    if (batches := getattr(config, "batches", None)) is not None and name in ("start", "end"):
        try:
            grid = Grid(parse_moment(batches.initial, what="batches: initial"), batches.size)
        except StepError:
            return None
        return grid.bound(grid.origin)
    cursor = getattr(config, "cursor", None)
    return Bound(str(cursor.initial)).value if cursor is not None and cursor.initial is not None else None


def _leave(ground: Ground, step: PlannedStep, gap: Gap | None) -> None:
    """Note that the columns of what a step writes are not known, and why."""
    for name in step.plan.writes:
        key = table_key(name)
        ground.tables[key] = replace(ground.tables.get(key) or Table(name, None), schema=None, gap=gap)
    config = step.given.config
    if gap is not None and (config.key or config.cursor is not None or step.given.checks):
        gap.needed[step.declared] = None


def _checked(
    step: PlannedStep, check: Check, batch: TableSchema | None, target: TableSchema | None
) -> TableSchema | None:
    if check.scope == "target" and not step.plan.makes_view:
        return target
    return batch


def _table_checked(ground: Ground, step: PlannedStep) -> TableSchema | None:
    """Return the columns of the one table that the checks of a step are about."""
    named = [v for path, role in roles(step.step_type.Config).items() if role is Role.READS
             for _, v in values_at(step.given.config, path)]  # fmt: skip
    tables = named or sorted(step.plan.writes)
    if len(tables) != 1 or not ground.ready(step, tables):
        return None
    table = ground.table(tables[0])
    return table.schema if table is not None else None


def _hold_others(ground: Ground, step: PlannedStep) -> None:
    """Hold the SQL and the tables of a step that lands no batch: an export, a check, statements, a guest's own."""
    rows: TableSchema | None = None
    kinds = roles(step.step_type.Config)
    for name, statements in step.given.sql.items():
        piece = step.places.fields[name]
        path = tuple("*" if part.isdigit() else part for part in name.split("."))
        if kinds.get(path) is Role.STATEMENTS:
            run_script(ground, step, statements, piece)
        elif kinds.get(path) in (Role.QUERY, Role.SQL_FILE):
            rows = _query(ground, step, statements[0], piece)
    for path, role in kinds.items():
        for where, value in values_at(step.given.config, path) if role is Role.READS else ():
            rows = _read(ground, step, value, step.places.option(*where))
    if rows is None or "target" not in step.given.endpoints:
        return
    config, options = step.given.config, step.given.endpoints["target"].options
    named = [("key", name) for name in getattr(config, "key", ())]
    named += order_of(getattr(config, "order_by", ()))
    partitions = tuple(getattr(options, "partition_by", None) or ())
    named += [("target", name) for name in partitions]
    missing(ground, step, named, rows)
    if partitions and {fold(column.name) for column in rows} <= {fold(name) for name in partitions}:
        told = f"step {step.declared!r}: partition_by names every column, so nothing is left to write into the files"
        ground.report("SF424", told, step.places.named("target", partitions[0]), "leave one out")


def _read(ground: Ground, step: PlannedStep, table: str, place: Mark) -> TableSchema | None:
    """Return the columns of a table that an option names."""
    return ground.bind(step, f"SELECT * FROM {quote_name(table)}", {}, {table}, lambda _: place)
