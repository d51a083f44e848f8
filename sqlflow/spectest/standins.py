"""What stands in the place of sources, tables and targets while a test runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
    StepError,
    StepExecutionResult,
    StepInput,
    StepPlan,
    StepType,
    TableWrite,
    Token,
    quote,
    quote_target,
)


class GivenOptions(ConfigModel):
    """Where the rows are."""

    rows: Any = Field(default=None, exclude=True)
    """A connector with the config and options that read them; None: there are none."""


class GivenRows(Connector[NoOptions]):
    """Reads the rows of a test in the place of a source."""

    name = "given rows"
    ReadOptions = GivenOptions
    guesses_types = True

    def read(self, request: ReadRequest) -> Select:
        """Return the rows, with the declared columns that they do not name as NULL."""
        source: Given = request.options.rows
        return source.select(request)

    def test(self, config: NoOptions, folder: Path) -> ConnectionReport:
        """Say that the rows are there."""
        return ConnectionReport(ok=True, message="rows of a test")


@dataclass(frozen=True)
class Given:
    """Rows of a test: a connector that reads them from a file, with its options. `names` are their columns."""

    what: str
    connector: Connector[Any] | None
    options: Any
    folder: Path
    names: frozenset[str]
    config: Any = None

    def select(self, request: ReadRequest) -> Select:
        """Return the rows as a SELECT.

        Raises:
            StepError: there is neither a row nor a declared column.

        """
        columns = request.columns
        missing = {name: spec for name, spec in columns.items() if name.lower() not in self.names}
        more = "".join(f", CAST(NULL AS {spec.type}) AS {quote(name)}" for name, spec in missing.items())
        if self.connector is None:
            if not columns:
                raise StepError(f"{self.what} has no rows, so its columns are not known", hint="declare columns")
            return Select(min(request.dialects), f"SELECT {more.removeprefix(', ')} WHERE FALSE")
        own = {name: spec for name, spec in columns.items() if name.lower() in self.names}
        inner = ReadRequest(self.config, self.options, self.folder, own, request.dialects)
        found = self.connector.read(inner)
        if not isinstance(found, Select):
            raise StepError(f"connector {self.connector.name!r} gives no SELECT", kind="internal")
        return Select(found.dialect, f"SELECT *{more} FROM (\n{found.sql}\n)", found.parameters)


class FillConfig(ConfigModel):
    """A table to fill."""

    target: str
    """The table."""

    rows: Any = Field(exclude=True)
    """What it holds (`Given`)."""

    columns: Any = Field(default=None, exclude=True)
    """Columns that its writer declares."""

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
        select = config.rows.select(ReadRequest(None, None, context.folder, columns, frozenset({session.dialect})))
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
