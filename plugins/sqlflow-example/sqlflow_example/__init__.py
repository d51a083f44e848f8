"""A SQLFlow plugin on one page: a connector, a step type, a check and a function.

Copy it, rename it, keep what you need. Three rules: import nothing but `sqlflow.sdk` (and pydantic), import
drivers inside the methods that use them, and give every option a docstring, which is its documentation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlflow.sdk import (
    ArrowStream,
    CheckKind,
    Commit,
    ConfigModel,
    ConnectionReport,
    Connector,
    Finding,
    NoOptions,
    ReadRequest,
    ReadsTable,
    RowTest,
    Select,
    StepContext,
    StepExecutionResult,
    StepInput,
    StepPlan,
    StepType,
    TableWrite,
    Udf,
    WritesTable,
    hookimpl,
    literal,
    quote,
    quote_name,
    udf,
)

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 10_000  # days


class CalendarRead(ConfigModel):
    """Which days to read."""

    start: date
    """First day."""

    end: date
    """Last day; it is part of the range."""


class Calendar(Connector[NoOptions]):
    """Reads a range of days, one row each, with what a date dimension needs."""

    name = "calendar"
    ReadOptions = CalendarRead

    def missing(self, config: Any, options: CalendarRead, folder: Path) -> Iterator[Finding]:  # noqa: ARG002
        """Tell, before anything runs, when the range holds no day."""
        if options.end < options.start:
            yield Finding("end", f"end {options.end} is before start {options.start}", "swap the two dates")

    def read(self, request: ReadRequest) -> ArrowStream:
        """Stream the days; they are made while somebody takes them."""
        return ArrowStream(lambda: _days(request.options))

    def test(self, config: NoOptions, folder: Path) -> ConnectionReport:  # noqa: ARG002
        """Answer that there is nothing to reach."""
        return ConnectionReport(ok=True, message="days are computed here")


def _days(options: CalendarRead) -> pa.RecordBatchReader:
    import pyarrow as pa  # noqa: PLC0415 - heavy: only a run that reads a calendar pays for it

    first, last = options.start.toordinal(), options.end.toordinal()
    fields = [("day", pa.date32()), ("year", pa.int32()), ("month", pa.int32())]
    schema = pa.schema([*fields, ("weekday", pa.int32()), ("is_weekend", pa.bool_())])

    def batches() -> Iterator[pa.RecordBatch]:
        for begin in range(first, last + 1, BATCH):
            days = [date.fromordinal(n) for n in range(begin, min(begin + BATCH, last + 1))]
            weekdays = [day.isoweekday() for day in days]  # Monday is 1
            columns = [days, [d.year for d in days], [d.month for d in days], weekdays, [w > 5 for w in weekdays]]  # noqa: PLR2004
            yield pa.record_batch([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


class CopyTableConfig(ConfigModel):
    """A table of the warehouse under a second name."""

    table: ReadsTable
    """Table or view to copy; the step waits for whatever writes it."""

    target: WritesTable
    """Table that becomes the copy; it is replaced on every run."""

    adopt: bool = False
    """Whether to replace a target that SQLFlow did not make."""


class CopyTable(StepType):
    """Copies a table. The copy, its checks and the commit record are one transaction."""

    name = "copy_table"
    Config = CopyTableConfig
    check_scopes = frozenset({"target"})

    def plan(self, given: StepInput, folder: Path) -> StepPlan:
        """Say how the target is written; which tables are read and written stands in the types of the fields."""
        return replace(super().plan(given, folder), mode="replace")

    def execute(self, given: StepInput, context: StepContext) -> StepExecutionResult:
        """Stage the rows, then publish them: readers see the old copy or the new one."""
        config: CopyTableConfig = given.config
        session = context.session
        rows = Select(session.dialect, f"SELECT * FROM {quote_name(config.table)}")
        staged = session.stage(rows, target=config.target, token=context.token, replacing=True)
        write = TableWrite(config.target, staged, "replace", adopt=config.adopt)
        done = session.publish(Commit(context.token, write, config.target, given.checks))
        return StepExecutionResult(done.rows, done.schema, done.checks)


class MatchesConfig(ConfigModel):
    """A column and the pattern of its values."""

    column: str
    """Text column to look at."""

    pattern: str
    """Regular expression that the whole value must match; NULL passes."""


class Matches(CheckKind):
    """Every value of a column matches a regular expression."""

    name = "matches"
    Config = MatchesConfig
    scope = "batch"

    def compile(self, config: MatchesConfig, relation: str) -> RowTest:  # noqa: ARG002
        """Find the rows that do not match, and show their column first."""
        return RowTest(f"NOT regexp_full_match({quote(config.column)}, {literal(config.pattern)})", (config.column,))


@udf
def initials(name: str) -> str:
    """Return the first letters of a name's words: `Ada Lovelace` gives `AL`."""
    return "".join(word[0].upper() for word in name.split())


@hookimpl
def sqlflow_connectors() -> Sequence[type[Connector[Any]]]:
    """Bring `connector: calendar`."""
    return [Calendar]


@hookimpl
def sqlflow_step_types() -> Sequence[type[StepType]]:
    """Bring `type: copy_table`."""
    return [CopyTable]


@hookimpl
def sqlflow_checks() -> Sequence[type[CheckKind]]:
    """Bring `- matches:`."""
    return [Matches]


@hookimpl
def sqlflow_udfs() -> Sequence[Udf]:
    """Bring `initials(name)`."""
    return [initials]
