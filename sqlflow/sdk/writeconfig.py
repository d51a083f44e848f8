"""The options of a step that writes a table, and what does not go together.

Any step type that brings rows into a table extends `WriteConfig`, so that modes, cursors and schema changes mean
the same everywhere. Nothing here runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Literal

from pydantic import Field, field_validator

from sqlflow.errors import StepError

from .config import Columns, ConfigModel, Duration, Objection, WritesTable
from .connector import Mode
from .cursor import CursorOption
from .intervals import parse_moment
from .schema import Policy

KEYED = frozenset({"merge", "delete_insert", "scd2"})
_ORDER_TERM = re.compile(r"\s*\S+(\s+(asc|desc))?\s*", re.IGNORECASE)


class Deletes(ConfigModel):
    """How rows are taken away (`merge`) or their versions closed (`scd2`)."""

    column: str | None = None
    """Boolean column of the batch that is true for deleted rows; it is not stored."""

    soft: bool = False
    """Whether a deleted row is kept, and its marker with it."""

    missing: Literal["delete"] | None = None
    """Whether rows whose key is not in the batch are deleted; the batch must then be complete."""

    max_share: float = Field(default=0.1, gt=0, le=1)
    """Largest share of the target's rows that `missing` may delete; more is an error."""


class Batches(ConfigModel):
    """A transform cut into intervals of time, each with a commit of its own. `$start` and `$end` are its bounds."""

    by: str = Field(min_length=1)
    """Date or timestamp column of the output; rows outside of the interval are left out."""

    size: Duration
    """Length of an interval, such as `1 day`."""

    initial: str
    """Start of the first interval."""

    lookback: int = Field(default=0, ge=0)
    """Finished intervals before the newest that are run again each time, for late rows."""

    @field_validator("initial")
    @classmethod
    def _is_a_moment(cls, text: str) -> str:
        try:
            parse_moment(text, what="initial")
        except StepError as error:
            raise ValueError(f"{error.message}; {error.hint}") from None
        return text


class WriteConfig(ConfigModel):
    """How rows meet their target table."""

    target: WritesTable
    """Table to write, as `schema.table`; its schema is created when it is not there."""

    mode: Mode = "replace"
    """How rows meet what is there: `replace`, `append`, `merge`, `delete_insert` or `scd2`."""

    key: list[str] = Field(default_factory=list)
    """Columns that identify a row (`merge`, `append`, `scd2`) or a group of rows (`delete_insert`)."""

    cursor: CursorOption | None = None
    """Column that orders new rows: `updated_at`, or `{column: updated_at, lag: 1h}`. Only new rows are read."""

    on_duplicate: Literal["error", "first", "last"] = "error"
    """What happens to rows of one key in a merged batch: an error, or the first or last by `order_by` is kept."""

    order_by: list[str] = Field(default_factory=list)
    """Order in which `on_duplicate` looks at rows, such as `updated_at desc`."""

    track: list[str] = Field(default_factory=list)
    """Columns whose change makes a new version (`scd2`); all but the key and the cursor when left out."""

    deletes: Deletes | None = None
    """How rows are deleted (`merge`, `scd2`)."""

    columns: Columns = Field(default_factory=dict)
    """Columns that must be there, with their types; others may be there too."""

    on_schema_change: Policy = "alert"
    """Whether new and wider columns stop the step (`alert`) or change the target (`permissive`)."""

    adopt: bool = False
    """Whether to replace a table that SQLFlow did not make."""


def write_objections(config: WriteConfig) -> Iterator[Objection]:
    """Tell what does not go together, and what would have no effect."""
    batches = getattr(config, "batches", None)
    if config.mode in KEYED and not config.key and not (batches and config.mode == "delete_insert"):
        yield Objection("mode", f"mode {config.mode} needs a key", "add key: [column]")
    if config.key and config.mode == "replace":
        yield Objection("key", "key has no effect in mode replace", "write mode: merge, or remove key")
    if config.on_duplicate != "error" and config.mode not in ("merge", "scd2"):
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
    if config.track and config.mode != "scd2":
        yield Objection("track", f"track has no effect in mode {config.mode}", "it belongs to mode: scd2")
    yield from _cursor_objections(config)
    yield from _delete_objections(config)
    yield from order_objections(config.order_by)


def _cursor_objections(config: WriteConfig) -> Iterator[Objection]:
    cursor, mode = config.cursor, config.mode
    if cursor is None:
        return
    if mode == "replace":
        hint = "write mode: merge with a key, or append"
        yield Objection("cursor", "mode replace would keep only the rows of the last read", hint)
    if mode == "delete_insert" and config.key and cursor.column not in config.key:
        told = f"delete_insert would lose rows: its groups are not made of whole values of {cursor.column!r}"
        yield Objection("cursor", told, f"add {cursor.column} to key, or write mode: merge")
    if mode == "append" and not config.key:
        if cursor.lag:
            yield Objection("cursor", "an append without a key would write the rows of the lag twice", "add a key")
        if cursor.on_null == "include":
            hint = "add a key, or write on_null: exclude"
            yield Objection("cursor", "an append without a key would write rows without a cursor every time", hint)
    if mode == "scd2" and cursor.on_null == "include":
        hint = "write on_null: exclude"
        yield Objection("cursor", "a version without a time has no place in a history", hint)
    negative = cursor.lag < timedelta() if isinstance(cursor.lag, timedelta) else cursor.lag < 0
    if negative:
        yield Objection("cursor", "a lag cannot be negative", "write how far to look back")


def _delete_objections(config: WriteConfig) -> Iterator[Objection]:
    deletes = config.deletes
    if deletes is None:
        return
    if config.mode not in ("merge", "scd2"):
        hint = "it belongs to the modes merge and scd2"
        yield Objection("deletes", f"deletes has no effect in mode {config.mode}", hint)
    if (deletes.column is None) == (deletes.missing is None):
        yield Objection("deletes", "needs column or missing, and not both", "write deletes: {column: is_deleted}")
    if deletes.missing and config.cursor is not None:
        told = "with a cursor the batch is never complete, and rows that are not new would be deleted"
        yield Objection("deletes", told, "mark deleted rows: deletes: {column: is_deleted}")
    if deletes.soft and (deletes.column is None or config.mode == "scd2"):
        yield Objection("deletes", "soft needs a column that marks rows, and mode: merge", "remove soft")
    if deletes.column is None and "max_share" in deletes.model_fields_set and not deletes.missing:
        yield Objection("deletes", "max_share has no effect without missing", "remove it")
    if deletes.column is not None and "max_share" in deletes.model_fields_set:
        yield Objection("deletes", "max_share has no effect with a column that marks rows", "remove it")


def order_objections(terms: Iterable[str]) -> Iterator[Objection]:
    """Tell which terms of an order are not a column with asc or desc behind it."""
    for term in terms:
        if not _ORDER_TERM.fullmatch(term):
            yield Objection("order_by", f"{term!r} is not a column with asc or desc", "write column, or column desc")
