"""`type: load`: rows from a source into a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from msgspec.structs import replace
from pydantic import Field

from sqlflow.sdk import (
    FILE,
    ArrowStream,
    BoundEndpoint,
    Commit,
    Delta,
    FileVersion,
    Landing,
    Memory,
    Objection,
    ReadRequest,
    RowCounts,
    Select,
    Source,
    StepContext,
    StepError,
    StepExecutionResult,
    StepInput,
    StepPlan,
    TableStep,
    TransientError,
    WriteConfig,
    quarantine_table,
)


class LoadConfig(WriteConfig):
    """Rows from a source into a table."""

    source: Source
    """Where the rows come from."""

    on_bad_row: Literal["fail", "quarantine"] = "fail"
    """What happens to a row that cannot be read as its columns' types: an error, or it is set aside."""

    max_bad_rows: int | None = Field(default=None, ge=0)
    """Most rows that may be set aside so; more fail the step."""


class LoadStep(TableStep):
    """Loads rows from a connector into a table."""

    name = "load"
    Config = LoadConfig

    def plan(self, given: StepInput, folder: Path) -> StepPlan:
        """Say which table is written, and what does not go together."""
        plan = super().plan(given, folder)
        endpoint = given.endpoints.get("source")
        if endpoint is None:
            return plan
        config: LoadConfig = given.config
        found = list(plan.objections)
        if config.on_bad_row == "quarantine":
            plan = replace(plan, writes=plan.writes | {quarantine_table(config.target)})
            if not endpoint.connector.keeps_rejects:
                told = f"connector {endpoint.connector.name!r} reads rows whole or not at all"
                found.append(Objection("on_bad_row", told, "remove it"))
        elif config.max_bad_rows is not None:
            found.append(Objection("max_bad_rows", "max_bad_rows has no effect without on_bad_row", "remove it"))
        if endpoint.incremental is None:
            return replace(plan, objections=tuple(found))
        if not endpoint.connector.lists_files:
            told = f"connector {endpoint.connector.name!r} lists no files, so none can be new"
            found.append(Objection("source", told, "remove incremental, or write cursor: COLUMN"))
        if given.config.mode == "replace":
            told = "mode replace would keep only the rows of the new files"
            found.append(Objection("source", told, "write mode: append, or merge with a key"))
        deletes = given.config.deletes
        if deletes is not None and deletes.missing:
            told = "new files are never complete, and the rows of the other files would be deleted"
            found.append(Objection("deletes", told, "mark deleted rows: deletes: {column: is_deleted}"))
        return replace(plan, remembers=True, objections=tuple(found))

    def brings(self, given: StepInput) -> str:
        """Say that the columns are those of the source."""
        return "source"

    def lacks_columns(self, given: StepInput) -> bool:
        """Say so of new files, which are but some of those whose columns meet by name."""
        source = given.endpoints["source"]
        return source.incremental is not None and bool(getattr(source.options, "union_by_name", False))

    def rows(self, given: StepInput, context: StepContext, delta: Delta) -> Select | ArrowStream:
        """Ask the connector, telling it the declared columns and what the engine can scan by itself."""
        source = given.endpoints["source"]
        dialects = frozenset({context.session.dialect})
        config: LoadConfig = given.config
        keep = config.on_bad_row == "quarantine"
        return source.connector.read(
            ReadRequest(
                source.config, source.options, context.folder, config.columns, dialects, delta, keep, context.stopped
            )
        )

    def landing(self, given: StepInput, context: StepContext, **more: Any) -> Landing:
        """Prepare one batch; rows that cannot be read may be set aside."""
        config: LoadConfig = given.config
        keep = {"keep_rejects": config.on_bad_row == "quarantine", "max_rejects": config.max_bad_rows}
        return super().landing(given, context, **keep, **more)

    def pending(self, given: StepInput, context: StepContext) -> Delta | None:
        """Return the files that are new, where only those are read."""
        source = given.endpoints["source"]
        if source.incremental is None:
            return Delta()
        listed, known = _files(source, given, context)
        fresh = tuple(file.path for file in listed if known.get(file.path) != _value(file))
        return Delta(files=fresh) if fresh else None

    def execute(self, given: StepInput, context: StepContext) -> StepExecutionResult:
        """Load everything, or only the files that are new."""
        source = given.endpoints["source"]
        if source.incremental is None:
            return super().execute(given, context)
        listed, known = _files(source, given, context)
        fresh = [file for file in listed if known.get(file.path) != _value(file)]
        repeatable = given.config.mode != "append" or bool(given.config.key)
        if not repeatable and (changed := [file.path for file in fresh if file.path in known]):
            raise StepError(
                f"{changed[0]} was loaded before and has changed since; append would write its rows twice",
                hint="write mode: merge with a key, or run with --full-refresh",
                code="SF734",
            )
        if not fresh:
            on_target = tuple(check for check in given.checks if check.scope == "target")
            done = context.session.publish(Commit(context.token, None, given.config.target, on_target, rows=0))
            counts = RowCounts(read=0, inserted=0, updated=0, deleted=0)
            return StepExecutionResult(counts, checks=done.checks, note=f"none of {len(listed)} files is new")
        paths = tuple(file.path for file in fresh)
        result = self.landing(
            given,
            context,
            delta=Delta(files=paths),
            memories=tuple(Memory(FILE, file.path, _value(file)) for file in fresh),
            verify=lambda: _unchanged(source, context.folder, fresh),
        ).land()
        return replace(result, note=f"{len(fresh)} of {len(listed)} files are new")


def _files(
    source: BoundEndpoint, given: StepInput, context: StepContext
) -> tuple[Sequence[FileVersion], Mapping[str, Mapping[str, Any]]]:
    """Return the files that are there, and what is remembered of those that were loaded."""
    listed = source.connector.versions(source.config, source.options, context.folder) or ()
    state = context.memory(given.config.target)
    return listed, {} if context.window.full_refresh else state.all(FILE)


def _value(file: FileVersion) -> Mapping[str, Any]:
    return {"size": file.size, "stamp": file.stamp}


def _unchanged(source: BoundEndpoint, folder: Path, read: Sequence[FileVersion]) -> None:
    """Make sure that the files are what they were when they were listed."""
    now = {f.path: f for f in source.connector.versions(source.config, source.options, folder) or ()}
    changed = [file.path for file in read if now.get(file.path) != file]
    if changed:
        raise TransientError(
            f"{changed[0]} changed while it was read; nothing was written",
            hint="run again when it is complete, or let it be written under another name and renamed",
            code="SF734",
        )
