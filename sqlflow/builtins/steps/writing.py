"""What load and transform share: the options of writing a table, and the way from a source to a commit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from sqlflow.sdk import (
    ArrowStream,
    CheckFailed,
    CheckResult,
    Columns,
    Commit,
    ConfigModel,
    Mode,
    Objection,
    Policy,
    Select,
    StepContext,
    StepExecutionResult,
    StepInput,
    TableWrite,
    WritesTable,
)

NEEDS_KEY = frozenset({"merge", "delete_insert"})
_ORDER_TERM = re.compile(r"\s*\S+(\s+(asc|desc))?\s*", re.IGNORECASE)


class WriteConfig(ConfigModel):
    """How rows meet their target table."""

    target: WritesTable
    """Table to write, as `schema.table`; its schema is created when it is not there."""

    mode: Mode = "replace"
    """How rows meet what is there: `replace`, `append`, `merge` or `delete_insert`."""

    key: list[str] = Field(default_factory=list)
    """Columns that identify a row (`merge`, `append`) or a group of rows (`delete_insert`)."""

    on_duplicate: Literal["error", "first", "last"] = "error"
    """What happens to rows of one key in a merged batch: an error, or the first or last by `order_by` is kept."""

    order_by: list[str] = Field(default_factory=list)
    """Order in which `on_duplicate` looks at rows, such as `updated_at desc`."""

    columns: Columns = Field(default_factory=dict)
    """Columns that must be there, with their types; others may be there too."""

    on_schema_change: Policy = "alert"
    """Whether new and wider columns stop the step (`alert`) or change the target (`permissive`)."""

    adopt: bool = False
    """Whether to replace a table that SQLFlow did not make."""


def objections(config: WriteConfig) -> Iterator[Objection]:
    """Tell what does not go together."""
    if config.mode in NEEDS_KEY and not config.key:
        yield Objection("mode", f"mode {config.mode} needs a key", "add key: [column]")
    if config.key and config.mode == "replace":
        yield Objection("key", "key has no effect in mode replace", "write mode: merge, or remove key")
    if config.on_duplicate != "error" and config.mode != "merge":
        yield Objection(
            "on_duplicate", f"on_duplicate has no effect in mode {config.mode}", "it belongs to mode: merge"
        )
    if config.on_duplicate != "error" and not config.order_by:
        yield Objection(
            "on_duplicate",
            "on_duplicate needs order_by to say which row is first",
            "add order_by: [column desc]",
        )
    if config.order_by and config.on_duplicate == "error":
        yield Objection(
            "order_by",
            "order_by has no effect without on_duplicate",
            "write on_duplicate: first, or remove it",
        )
    if config.adopt and config.mode != "replace":
        yield Objection("adopt", f"adopt has no effect in mode {config.mode}", "remove it")
    if config.on_schema_change != "alert" and config.mode == "replace":
        yield Objection(
            "on_schema_change",
            "on_schema_change has no effect in mode replace",
            "a replaced table takes the columns of its rows; remove it",
        )
    for term in config.order_by:
        if not _ORDER_TERM.fullmatch(term):
            yield Objection("order_by", f"{term!r} is not a column with asc or desc", "write column, or column desc")


def write_table(
    config: WriteConfig, given: StepInput, source: Select | ArrowStream, context: StepContext
) -> StepExecutionResult:
    """Stage, check, publish."""
    session = context.session
    on_batch = [check for check in given.checks if check.scope == "batch"]
    once = not on_batch and config.mode in ("replace", "append") and not config.key
    staged = session.stage(
        source,
        target=config.target,
        token=context.token,
        columns=config.columns,
        once=once,
        replacing=config.mode == "replace",
    )
    results: tuple[CheckResult, ...] = ()
    if on_batch:
        results = session.check(staged.relation, on_batch)
        refuse(results, config.target)
    write = TableWrite(
        config.target,
        staged,
        config.mode,
        tuple(config.key),
        config.on_schema_change,
        config.on_duplicate,
        tuple(config.order_by),
        config.adopt,
        config.columns,
    )
    on_target = tuple(check for check in given.checks if check.scope == "target")
    done = session.publish(Commit(context.token, write, config.target, on_target))
    for warning in done.warnings:
        context.warn(warning)
    return StepExecutionResult(done.rows, done.schema, (*results, *done.checks))


def refuse(results: tuple[CheckResult, ...], target: str) -> None:
    """Raise CheckFailed when a check of severity error does not hold on the batch."""
    failed = [r for r in results if not r.passed and r.severity == "error"]
    if failed:
        told = "\n".join(f"check {r.name} failed: {r.message}" for r in failed)
        raise CheckFailed(told, hint=f"nothing was written; {target} keeps its old rows", code="SF701")
