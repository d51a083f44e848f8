"""A SQLFlow plugin on one page: a connector, a step type, a check, a function and a lint rule.

Copy it, rename it, keep what you need. Three rules: import nothing but `sqlflow.sdk` (and pydantic), import
drivers inside the methods that use them, and give every option a docstring, which is its documentation.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlflow.sdk import (
    ArrowStream,
    CheckKind,
    ConfigModel,
    ConnectionReport,
    Connector,
    Delta,
    Finding,
    LintPipeline,
    LintRule,
    NoOptions,
    Objection,
    ReadRequest,
    ReadsTable,
    RowTest,
    Select,
    StepContext,
    StepInput,
    StepType,
    TableStep,
    Udf,
    WriteConfig,
    hookimpl,
    literal,
    quote,
    quote_name,
    udf,
)

if TYPE_CHECKING:
    import pyarrow as pa

EPOCH = date(1970, 1, 1).toordinal()


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

    def objections(self, config: Any, options: CalendarRead, folder: Path) -> Iterator[Objection]:
        """Tell, before anything runs, when the range holds no day."""
        if options.end < options.start:
            yield Objection("end", f"end {options.end} is before start {options.start}", "swap the two dates")

    def read(self, request: ReadRequest) -> ArrowStream:
        """Hand out a stream; the days are made when somebody takes it."""
        return ArrowStream(lambda: _days(request.options))

    def test(self, config: NoOptions, folder: Path) -> ConnectionReport:
        """Answer that there is nothing to reach."""
        return ConnectionReport(ok=True, message="days are computed here")


def _days(options: CalendarRead) -> "pa.RecordBatchReader":
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = range(options.start.toordinal() - EPOCH, options.end.toordinal() - EPOCH + 1)
    day = pa.array(numbers, pa.int32()).cast(pa.date32())
    weekday = pc.day_of_week(day, count_from_zero=False)  # Monday is 1
    columns = {"day": day, "year": pc.year(day), "month": pc.month(day)}
    return pa.table({**columns, "weekday": weekday, "is_weekend": pc.greater(weekday, 5)}).to_reader()


class CopyTableConfig(WriteConfig):
    """A table of the warehouse under a second name; `target`, `mode`, `key` and the rest come with WriteConfig."""

    table: ReadsTable
    """Table or view to copy; the step waits for whatever writes it."""


class CopyTable(TableStep):
    """Copies a table. The copy, its checks and the commit record are one transaction."""

    name = "copy_table"
    Config = CopyTableConfig

    def rows(self, given: StepInput, context: StepContext, delta: Delta) -> Select:
        """Say where the rows come from; staging, checking and publishing are done for us."""
        return Select(context.session.dialect, f"SELECT * FROM {quote_name(given.config.table)}")


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
    sifts = True

    def compile(self, config: MatchesConfig, relation: str) -> RowTest:
        """Find the rows that do not match, and show their column first."""
        fails = f"NOT regexp_full_match({quote(config.column)}, {literal(config.pattern)})"
        return RowTest(fails, shows=(config.column,))


@udf
def initials(name: str) -> str:
    """Return the first letters of a name's words: `Ada Lovelace` gives `AL`."""
    return "".join(word[0].upper() for word in name.split())


class UntoldCopy(LintRule):
    """A copy is there for a reason, and nobody remembers it a year later."""

    name = "EX001"
    title = "Copy without a reason"
    example = "- {id: copy, type: copy_table, table: raw.orders, target: raw.orders_copy}"
    remedy = "Add description: and the reason for the copy."

    def find(self, pipeline: LintPipeline) -> Iterator[Finding]:
        """Find `copy_table` steps without a description."""
        for step in pipeline.steps:
            if step.type == "copy_table" and "description" not in pipeline.document["steps"][step.path[-1]]:
                yield Finding(f"step {step.id!r} copies a table and does not say why", step.path, "add description:")


@hookimpl
def sqlflow_lint_rules() -> Sequence[type[LintRule]]:
    """Bring the rule `EX001`."""
    return [UntoldCopy]


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
