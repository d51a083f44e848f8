"""What a step hands to its session to become visible at once: a batch on its way into a table, and what goes with it.

Values; nothing here reads or writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct, field

from .check import Check, CheckResult
from .config import ColumnSpec
from .connector import Mode, Select
from .cursor import CursorRange
from .events import RowCounts
from .schema import Policy, TableSchema
from .state import Memory


class Token(Struct, frozen=True):
    """Names one commit: a step of a run, which attempt, and which part of it."""

    run: str
    step: str
    attempt: int
    pipeline: str = ""
    part: str | None = None
    """Names one of several commits of an attempt; the step has ended with the commit that names none."""
    fingerprint: str | None = None
    """What the step is and what it read, so that unchanged work is recognised; kept in the ledger."""

    def __str__(self) -> str:
        return "/".join(str(p) for p in (self.run, self.step, self.attempt, self.part) if p is not None)


class Batch(Struct, frozen=True):
    """What a batch is to become: which table it meets and how, and what its columns must be.

    `once` says that the batch is used a single time, so that it may stay a query until it is published.
    """

    target: str
    token: Token
    mode: Mode = "replace"
    columns: Mapping[str, ColumnSpec] = field(default_factory=dict)
    once: bool = False
    types: Mapping[str, str] = field(default_factory=dict)
    """What columns were at the last good run, for a source whose types are guessed."""
    since: CursorRange | None = None
    """Rows outside of it are left out, whatever the source returned."""
    rebuild: bool = False
    """Whether the target is made anew, whatever the mode."""
    careful: bool = False
    """Whether numbers are read from their text, since the fast way has raised `Imprecise`."""


class Staged(Struct, frozen=True):
    """A batch ready to be checked and published.

    `relation` is SQL text that may follow FROM. A batch that is used once may stay a query until it is published
    (`materialized` false); then its rows are counted when they are written.
    """

    batch: Batch
    relation: str
    schema: TableSchema
    materialized: bool
    rows: int | None = None
    table: str | None = None
    source: Select | None = None

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters that `relation` uses: those of its query, as long as it is one."""
        return self.source.parameters if self.source is not None and not self.materialized else {}


class Deletion(Struct, frozen=True):
    """Which rows a batch takes away. `marker`: rows of the batch in which this column is true.

    `missing`: rows whose key the batch does not hold, as long as they are not more than `max_share` of the target.
    """

    marker: str | None = None
    soft: bool = False
    missing: bool = False
    max_share: float = 0.1


class Versioning(Struct, frozen=True):
    """How versions are told apart: `at` is the column that holds their time, else `time` is."""

    time: datetime
    at: str | None = None
    track: tuple[str, ...] = ()
    """Columns whose change makes a version; empty: all but the key and `at`."""


class Interval(Struct, frozen=True):
    """The rows that a batch replaces: those whose `column` lies in it, `start` inclusive, `end` exclusive."""

    column: str
    start: datetime
    end: datetime


class TableWrite(Struct, frozen=True):
    """A staged batch meets its target. Columns meet by name."""

    staged: Staged
    key: tuple[str, ...] = ()
    policy: Policy = "alert"
    on_duplicate: Literal["error", "first", "last"] = "error"
    order_by: tuple[str, ...] = ()
    adopt: bool = False
    accepted: TableSchema | None = None
    """Columns that the target may take over, new or of another type, whatever the policy."""
    deletion: Deletion | None = None
    versioning: Versioning | None = None
    interval: Interval | None = None

    @property
    def target(self) -> str:
        """The table that is written."""
        return self.staged.batch.target

    @property
    def mode(self) -> Mode:
        """How rows meet what is there."""
        return self.staged.batch.mode

    @property
    def columns(self) -> Mapping[str, ColumnSpec]:
        """The declared columns."""
        return self.staged.batch.columns


class ViewWrite(Struct, frozen=True):
    """A view whose definition holds every value as a typed literal."""

    target: str
    sql: str
    adopt: bool = False


class ScriptWrite(Struct, frozen=True):
    """Statements run in order, each with the parameters that it uses."""

    statements: tuple[tuple[str, Mapping[str, Any]], ...]
    targets: tuple[str, ...] = ()


class SetAside(Struct, frozen=True):
    """Rows that go to a quarantine table. `relation` holds them: their own columns (`schema`), and the reason.

    `sqlflow_check` names the checks that failed; `sqlflow_raw` is the text of a row that could not be read.
    """

    table: str
    relation: str
    schema: TableSchema
    rows: int


class Commit(Struct, frozen=True):
    """Everything that becomes visible at once. `write` None records only that the step is done.

    `checks` hold on `target` after writing and before the commit. `state` is what the step remembers of `target`.
    `aside` are rows that are kept in quarantine tables.
    """

    token: Token
    write: TableWrite | ViewWrite | ScriptWrite | None
    target: str | None = None
    checks: tuple[Check, ...] = ()
    rows: int | None = None
    state: tuple[Memory, ...] = ()
    learned: Callable[[TableSchema], tuple[Memory, ...]] | None = None
    """Called with the columns of the target after writing; may refuse them by raising."""
    first: ScriptWrite | None = None
    """Statements that run before the write."""
    aside: tuple[SetAside, ...] = ()


class Published(Struct, frozen=True):
    """What a commit did."""

    rows: RowCounts
    schema: TableSchema | None = None
    checks: tuple[CheckResult, ...] = ()
    warnings: tuple[str, ...] = ()
