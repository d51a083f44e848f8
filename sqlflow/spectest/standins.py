"""What stands in the place of sources, tables and targets while a test runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from sqlflow.sdk import (
    WATERMARK,
    Batch,
    ColumnSpec,
    Commit,
    ConfigModel,
    ConnectionReport,
    Connector,
    Memory,
    NoOptions,
    ReadRequest,
    RowCounts,
    Select,
    StepContext,
    StepExecutionResult,
    StepInput,
    StepPlan,
    StepType,
    TableWrite,
    Token,
    quote,
    quote_target,
)

from .fixtures import Given


class GivenOptions(ConfigModel):
    """Where the rows are."""

    rows: Any = Field(default=None, exclude=True)
    """The rows (`Given`)."""


class GivenRows(Connector[NoOptions]):
    """Reads the rows of a test in the place of a source."""

    name = "given rows"
    ReadOptions = GivenOptions
    guesses_types = True

    def read(self, request: ReadRequest) -> Select:
        """Return the rows, with the columns that they do not name as NULL."""
        source: Given = request.options.rows
        return source.select(request.dialects, request.columns)

    def test(self, config: NoOptions, folder: Path) -> ConnectionReport:
        """Say that the rows are there."""
        return ConnectionReport(ok=True, message="rows of a test")


class FillConfig(ConfigModel):
    """A table to fill."""

    target: str
    """The table."""

    rows: Any = Field(exclude=True)
    """What it holds (`Given`)."""

    columns: Any = Field(default=None, exclude=True)
    """Columns that are cast, and held to what they declare."""

    owner: str = ""
    """Step in whose name the rows are written."""

    cursor: str | None = None
    """Column of the watermark."""

    watermark: Any = None
    """The watermark; the highest cursor when left out."""


class FillTable(StepType):
    """Fills a table with the rows of a test, as if an earlier run of its writer had done so."""

    name = "given table"
    Config = FillConfig

    def plan(self, given: StepInput, folder: Path) -> StepPlan:
        """Say which table is written."""
        return StepPlan(writes=frozenset({given.config.target}))

    def execute(self, given: StepInput, context: StepContext) -> StepExecutionResult:
        """Write the rows, and the watermark with them."""
        config: FillConfig = given.config
        session = context.session
        columns: Mapping[str, ColumnSpec] = config.columns or {}
        rows: Given = config.rows
        select = rows.select(frozenset({session.dialect}), columns)
        token = Token(f"{context.token.run}-given", config.owner or context.token.step, 1, context.token.pipeline)
        staged = session.stage(select, Batch(config.target, token, "replace", columns))
        memories: tuple[Memory, ...] = ()
        if config.cursor is not None and (column := staged.schema.get(config.cursor)) is not None:
            mark = f"CAST(max({quote(column.name)}) AS VARCHAR)"
            highest = session.fetch(f"SELECT {mark} FROM {staged.relation}", staged.parameters)[0][0]
            text = highest if config.watermark is None else str(config.watermark)
            if text is not None:
                memories = (Memory(WATERMARK, "", {"column": column.name, "value": text, "type": column.type}),)
        done = session.publish(Commit(token, TableWrite(staged, adopt=True), config.target, state=memories))
        return StepExecutionResult(RowCounts(read=done.rows.read), done.schema)


def all_rows(table: str) -> str:
    """Return the query of a table's rows."""
    return f"SELECT * FROM {quote_target(table)}"
