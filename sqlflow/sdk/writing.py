"""Writing a table from a step: the options that users know, and the way from a source to a commit.

Any step type that brings rows into a table uses these, so that modes, checks and schema changes mean the same
everywhere.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from .check import CheckResult, refuse_failed
from .config import Columns, ConfigModel, Objection, WritesTable
from .connector import ArrowStream, Mode, Select
from .context import StepContext
from .engine import Batch, Commit, TableWrite
from .schema import Policy
from .step import StepExecutionResult, StepInput, StepPlan, StepType

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


def write_objections(config: WriteConfig) -> Iterator[Objection]:
    """Tell what does not go together, and what would have no effect."""
    if config.mode in NEEDS_KEY and not config.key:
        yield Objection("mode", f"mode {config.mode} needs a key", "add key: [column]")
    if config.key and config.mode == "replace":
        yield Objection("key", "key has no effect in mode replace", "write mode: merge, or remove key")
    if config.on_duplicate != "error" and config.mode != "merge":
        yield Objection(
            "on_duplicate", f"on_duplicate has no effect in mode {config.mode}", "it belongs to mode: merge"
        )
    if config.on_duplicate != "error" and not config.order_by:
        hint = "add order_by: [column desc]"
        yield Objection("on_duplicate", "on_duplicate needs order_by to say which row is first", hint)
    if config.order_by and config.on_duplicate == "error":
        hint = "write on_duplicate: first, or remove it"
        yield Objection("order_by", "order_by has no effect without on_duplicate", hint)
    if config.adopt and config.mode != "replace":
        yield Objection("adopt", f"adopt has no effect in mode {config.mode}", "remove it")
    if config.on_schema_change != "alert" and config.mode == "replace":
        hint = "a replaced table takes the columns of its rows; remove it"
        yield Objection("on_schema_change", "on_schema_change has no effect in mode replace", hint)
    yield from order_objections(config.order_by)


def order_objections(terms: Iterable[str]) -> Iterator[Objection]:
    """Tell which terms of an order are not a column with asc or desc behind it."""
    for term in terms:
        if not _ORDER_TERM.fullmatch(term):
            yield Objection("order_by", f"{term!r} is not a column with asc or desc", "write column, or column desc")


def write_table(
    config: WriteConfig, given: StepInput, source: Select | ArrowStream, context: StepContext
) -> StepExecutionResult:
    """Stage the rows, check them, publish them: all or nothing.

    Raises:
        StepError: the rows cannot be read or do not fit; the target keeps its old rows.
        CheckFailed: a check of severity `error` does not hold.

    """
    session = context.session
    on_batch = [check for check in given.checks if check.scope == "batch"]
    once = not on_batch and config.mode in ("replace", "append") and not config.key
    staged = session.stage(source, Batch(config.target, context.token, config.mode, config.columns, once))
    results: tuple[CheckResult, ...] = ()
    if on_batch:
        results = session.check(staged.relation, on_batch)
        refuse_failed(results, kept=f"nothing was written and {config.target} keeps its old rows")
    write = TableWrite(
        staged, tuple(config.key), config.on_schema_change, config.on_duplicate, tuple(config.order_by), config.adopt
    )
    on_target = tuple(check for check in given.checks if check.scope == "target")
    done = session.publish(Commit(context.token, write, config.target, on_target))
    for warning in done.warnings:
        context.warn(warning)
    return StepExecutionResult(done.rows, done.schema, (*results, *done.checks))


class TableStep(StepType):
    """A step type that brings rows into a table: it says where they come from, and everything else is done.

    Its `Config` extends `WriteConfig`.
    """

    check_scopes = frozenset({"batch", "target"})

    @abstractmethod
    def rows(self, given: StepInput, context: StepContext) -> Select | ArrowStream:
        """Say where the rows come from."""

    def plan(self, given: StepInput, folder: Path) -> StepPlan:
        """Say which table is written and how, and what does not go together."""
        config: WriteConfig = given.config
        return replace(super().plan(given, folder), mode=config.mode, objections=tuple(write_objections(config)))

    def execute(self, given: StepInput, context: StepContext) -> StepExecutionResult:
        """Stage, check, publish."""
        return write_table(given.config, given, self.rows(given, context), context)
