"""`type: transform`: the rows of a query as a table or a view."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from msgspec.structs import replace

from sqlflow.sdk import (
    INTERVAL,
    Batches,
    Bound,
    BoundStatement,
    CheckResult,
    Commit,
    CursorRange,
    Delta,
    Grid,
    Interval,
    Memory,
    Objection,
    Query,
    RowCounts,
    Select,
    Span,
    SqlFile,
    StepContext,
    StepError,
    StepExecutionResult,
    StepInput,
    StepPlan,
    TableStep,
    ViewWrite,
    WriteConfig,
    missing,
    naive,
    parse_moment,
    refuse_failed,
    summed,
)


class TransformConfig(WriteConfig):
    """The rows of a query as a table or a view."""

    sql: Query | None = None
    """A SELECT; `$name` is the value of a variable."""

    sql_file: SqlFile | None = None
    """File that holds the SELECT, in the place of `sql`."""

    materialize: Literal["table", "view"] = "table"
    """Whether the target is a table or a view."""

    batches: Batches | None = None
    """Cuts the query into intervals of time: `{by: event_date, size: 1 day, initial: 2024-01-01}`."""


class TransformStep(TableStep):
    """Writes the rows of a query to a table, or makes a view of it."""

    name = "transform"
    Config = TransformConfig

    def plan(self, given: StepInput, folder: Path) -> StepPlan:
        """Say which tables are read and which is written."""
        config: TransformConfig = given.config
        plan = super().plan(given, folder)
        found = list(plan.objections)
        if (config.sql is None) == (config.sql_file is None):
            hint = "write sql: | and the SELECT below it"
            found.append(Objection("sql", "needs sql or sql_file, and not both", hint))
        query = given.sql.get("sql") or given.sql.get("sql_file")
        if query and "watermark" in query[0].deferred and config.cursor and config.cursor.initial is None:
            hint = "write cursor: {column: ..., initial: 2024-01-01}"
            found.append(Objection("cursor", "$watermark has no value in the first run", hint))
        found += _batch_objections(config)
        if config.on_schema_change != "alert" and config.mode == "replace":
            hint = "a replaced table takes the columns of its query; remove it"
            found.append(Objection("on_schema_change", "on_schema_change has no effect in mode replace", hint))
        view = config.materialize == "view"
        if view:
            found = [objection for objection in found if objection.option != "key"]
        without_effect = {
            "mode": config.mode != "replace",
            "key": bool(config.key),
            "columns": bool(config.columns),
            "cursor": config.cursor is not None,
            "batches": config.batches is not None,
            "checks": any(check.quarantine for check in given.checks),
        }
        for option, given_value in without_effect.items():
            if view and given_value:
                found.append(Objection(option, f"{option} has no effect on a view", "remove it, or materialize: table"))
        return replace(
            plan,
            mode=None if view else config.mode,
            makes_view=view,
            incremental=plan.incremental and not view,
            ranged=plan.ranged or config.batches is not None,
            steady=config.batches is None,
            remembers=plan.remembers or config.batches is not None,
            objections=tuple(found),
        )

    def deferred(self, keys: Collection[str]) -> frozenset[str]:
        """Say which parameters have their values from what is new."""
        return frozenset({"watermark"} if "cursor" in keys else ()) | (
            frozenset({"start", "end"}) if "batches" in keys else frozenset()
        )

    def brings(self, given: StepInput) -> str:
        """Say that the columns are those of the query."""
        return "sql" if given.config.sql is not None else "sql_file"

    def rows(self, given: StepInput, context: StepContext, delta: Delta) -> Select:
        """Return the query with its values."""
        query = _query(given)
        values = {name: delta.values.get(name) for name in query.deferred}
        return Select(context.session.dialect, query.sql, {**query.parameters, **values})

    def text(self, given: StepInput) -> str:
        """Return what is the same for two texts of one query."""
        return _query(given).digest

    def keeps_baseline(self, given: StepInput) -> bool:
        """Tell whether rows stay from run to run; a replaced table takes the columns of its query."""
        config: TransformConfig = given.config
        return config.mode != "replace" and config.materialize == "table"

    def pending(self, given: StepInput, context: StepContext) -> Delta | None:
        """Tell whether an interval is missing, where the query is cut into some."""
        batches = given.config.batches
        if batches is None:
            return Delta()
        grid = Grid(parse_moment(batches.initial, what="batches: initial"), batches.size)
        return Delta() if any(_wanted(grid, batches, given.config.target, context)) else None

    def execute(self, given: StepInput, context: StepContext) -> StepExecutionResult:
        """Publish the query's rows, or the view."""
        config: TransformConfig = given.config
        if config.batches is not None:
            return self._execute_batches(given, context, config.batches)
        if config.materialize == "table":
            return self.landing(given, context).land()
        session = context.session
        sql = _query(given).literal_sql or ""
        results: tuple[CheckResult, ...] = ()
        if on_batch := [check for check in given.checks if check.scope == "batch"]:
            results = session.check(f"({sql})", on_batch)
            refuse_failed(results, kept=f"{config.target} stays as it was")
        on_target = tuple(check for check in given.checks if check.scope == "target")
        write = ViewWrite(config.target, sql, config.adopt)
        done = session.publish(Commit(context.token, write, config.target, on_target))
        return StepExecutionResult(done.rows, done.schema, (*results, *done.checks))

    def _execute_batches(self, given: StepInput, context: StepContext, batches: Batches) -> StepExecutionResult:
        """Run every interval that is missing, oldest first, each with a commit of its own."""
        grid = Grid(parse_moment(batches.initial, what="batches: initial"), batches.size)
        cells = list(_wanted(grid, batches, given.config.target, context))
        rebuild = context.window.rebuild
        results = []
        for cell in cells:
            results.append(self._batch(given, context, batches, grid, cell, rebuild=rebuild))
            rebuild = False
        done = context.session.publish(Commit(context.token, None, given.config.target, rows=0))
        if not results:
            counts = RowCounts(read=0, inserted=0, updated=0, deleted=0)
            return StepExecutionResult(counts, done.schema, note="no interval is missing")
        return replace(summed(results), note=f"{len(results)} intervals")

    def _batch(
        self, given: StepInput, context: StepContext, batches: Batches, grid: Grid, cell: Span, *, rebuild: bool
    ) -> StepExecutionResult:
        start, end = grid.bound(cell.start), grid.bound(cell.end)
        since = CursorRange(batches.by, Bound(str(start)), upper=Bound(str(end)), nulls=False)
        return self.landing(
            given,
            context,
            token=replace(context.token, part=cell.start.isoformat()),
            delta=Delta(since=since, values={"start": start, "end": end}),
            interval=Interval(batches.by, cell.start, cell.end) if not given.config.key else None,
            rebuild=rebuild,
            memories=(Memory(INTERVAL, cell.start.isoformat(), {"end": cell.end.isoformat()}),),
        ).land()


def _wanted(grid: Grid, batches: Batches, target: str, context: StepContext) -> Iterator[Span]:
    """Yield the intervals to run: those asked for, else the complete ones that are missing or looked back at."""
    now = naive(context.started_at)
    window = context.window
    if window.bounded:
        since = parse_moment(window.since, what="--from") if window.since else grid.origin
        until = parse_moment(window.until, what="--to") if window.until else now
        yield from grid.between(since, until, partial=True)
        return
    cells = list(grid.between(grid.origin, now))
    if window.full_refresh:
        yield from cells
        return
    finished = [_span(name, value) for name, value in context.memory(target).all(INTERVAL).items()]
    again = cells[len(cells) - batches.lookback :] if batches.lookback else []
    yield from sorted({*missing(cells, finished), *again})


def _span(name: str, value: Mapping[str, Any]) -> Span:
    try:
        return Span(datetime.fromisoformat(name), datetime.fromisoformat(str(value["end"])))
    except (KeyError, ValueError) as error:
        raise StepError(
            f"the finished interval {name!r} in the warehouse's state cannot be read: {dict(value)}",
            hint="forget it with `sqlflow state reset`; the next run does it again",
            code="SF730",
        ) from error


def _batch_objections(config: TransformConfig) -> Iterator[Objection]:
    if config.batches is None:
        return
    if config.cursor is not None:
        yield Objection("batches", "a step has a cursor or batches, and not both", "remove one of them")
    if config.mode not in ("delete_insert", "merge"):
        told = f"mode {config.mode} cannot run an interval again"
        yield Objection("batches", told, "write mode: delete_insert, which replaces the rows of the interval")
    if config.mode == "delete_insert" and config.key:
        told = "with batches delete_insert replaces the rows of the interval, and key has no effect"
        yield Objection("key", told, "remove key")
    if config.deletes is not None:
        yield Objection("deletes", "deletes has no effect with batches", "remove it")


def _query(given: StepInput) -> BoundStatement:
    return given.query("sql" if given.config.sql is not None else "sql_file")
