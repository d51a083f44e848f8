"""`type: export`: rows of a table or a query to a connector.

An export never shares the engine's transaction, so it must be safe to repeat.
"""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace
from pydantic import Field

from sqlflow.sdk import (
    Commit,
    ConfigModel,
    Destination,
    Mode,
    Objection,
    Query,
    ReadsTable,
    RowCounts,
    StepContext,
    StepExecutionResult,
    StepInput,
    StepPlan,
    StepType,
    WriteRequest,
    order_objections,
    quote_name,
)


class ExportConfig(ConfigModel):
    """Rows of a table or a query to a connector."""

    source: ReadsTable | None = None
    """Table whose rows go out."""

    sql: Query | None = None
    """A SELECT whose rows go out, in the place of `source`."""

    target: Destination
    """Where the rows go."""

    mode: Mode = "replace"
    """How rows meet what is there."""

    key: list[str] = Field(default_factory=list)
    """Columns that identify a row, for `merge` and `delete_insert`."""

    order_by: list[str] = Field(default_factory=list)
    """Order of the rows, such as `day desc`."""

    at_least_once: bool = False
    """Whether an append that is repeated after a failure may write rows twice."""


class ExportStep(StepType):
    """Writes the rows of a table or a query to a connector."""

    name = "export"
    Config = ExportConfig

    def plan(self, given: StepInput, folder: Path) -> StepPlan:
        """Say which tables are read and where the rows go."""
        config: ExportConfig = given.config
        plan = super().plan(given, folder)
        endpoint = given.endpoints.get("target")
        found = list(order_objections(config.order_by))
        if (config.source is None) == (config.sql is None):
            found.append(Objection("source", "needs source or sql, and not both", "write source: schema.table"))
        if endpoint is not None and config.mode not in endpoint.connector.write_modes:
            known = ", ".join(sorted(endpoint.connector.write_modes))
            found.append(
                Objection("mode", f"connector {endpoint.connector.name!r} cannot {config.mode}", f"it knows {known}")
            )
        elif endpoint is not None:
            found.extend(endpoint.connector.mode_objections(endpoint.options, config.mode, config.key))
        if config.mode in ("merge", "delete_insert") and not config.key:
            found.append(Objection("mode", f"mode {config.mode} needs a key", "add key: [column]"))
        if config.key and config.mode in ("replace", "append"):
            found.append(
                Objection("key", f"key has no effect in mode {config.mode}", "remove it, or write mode: merge")
            )
        keeps_tokens = endpoint is not None and endpoint.connector.keeps_tokens
        if config.mode == "append" and not config.at_least_once and endpoint is not None and not keeps_tokens:
            found.append(
                Objection(
                    "mode",
                    "an append that is repeated after a failure writes rows twice",
                    "write mode: merge with a key, or at_least_once: true",
                )
            )
        if config.at_least_once and config.mode != "append":
            found.append(Objection("at_least_once", f"at_least_once has no effect in mode {config.mode}", "remove it"))
        elif config.at_least_once and endpoint is not None and keeps_tokens:
            told = f"connector {endpoint.connector.name!r} recognises an append that is repeated"
            found.append(Objection("at_least_once", f"at_least_once has no effect: {told}", "remove it"))
        return replace(plan, mode=config.mode, objections=tuple(found))

    def execute(self, given: StepInput, context: StepContext) -> StepExecutionResult:
        """Write the rows, then record that it is done."""
        config: ExportConfig = given.config
        endpoint = given.endpoints["target"]
        if config.sql is not None:
            query = given.query("sql")
            sql = query.literal_sql or query.sql
        else:
            sql = f"SELECT * FROM {quote_name(config.source or '')}"
        if config.order_by:
            sql = f"SELECT * FROM ({sql}) ORDER BY {', '.join(_ordered(term) for term in config.order_by)}"
        rows = context.session.rows(sql)
        request = WriteRequest(
            endpoint.config,
            endpoint.options,
            context.folder,
            config.mode,
            config.key,
            f"{context.token.run}/{context.token.step}",  # a repeated attempt is the same write
            context.session.on_interrupt,
        )
        try:
            written = endpoint.connector.write(request, rows)
        finally:
            context.session.on_interrupt(None)
        context.session.publish(Commit(context.token, None, rows=written.rows))
        counts = RowCounts(read=written.rows, inserted=written.rows)
        return StepExecutionResult(counts, rows.schema, (), written.places, written.bytes)


def _ordered(term: str) -> str:
    column, _, direction = term.strip().partition(" ")
    return (
        f"{quote_name(column)} {direction.strip().upper() if direction.strip().lower() in ('asc', 'desc') else 'ASC'}"
    )
