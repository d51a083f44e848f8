"""What an engine is: it opens a warehouse and executes SQL in it, and commits data and state together.

Step types talk to a session and never to a database. A session stages a batch, checks it, and publishes it with
its line in the commit ledger in one transaction. After an error a session refuses to commit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from .check import Check, CheckResult
from .config import ColumnSpec, ConfigModel
from .connector import ArrowStream, Mode, Rows, Select
from .cursor import CursorRange
from .events import RowCounts
from .schema import Policy, TableSchema
from .state import Memory, StateEntry
from .storage import StorageLocation
from .udf import Udf

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class TableInfo:
    """A table or view of the warehouse. `owned`: SQLFlow has committed to it before."""

    name: str
    kind: Literal["table", "view"]
    schema: TableSchema
    indexes: tuple[str, ...] = ()
    owned: bool = False


@dataclass(frozen=True)
class Token:
    """Names one commit: a step of a run, which attempt, and which part of it."""

    run: str
    step: str
    attempt: int
    pipeline: str = ""
    part: str | None = None
    """Names one of several commits of an attempt; the step has ended with the commit that names none."""
    fingerprint: str | None = field(default=None, repr=False, compare=False)
    """What the step is and what it read, so that unchanged work is recognised; kept in the ledger."""

    def __str__(self) -> str:
        return "/".join(str(p) for p in (self.run, self.step, self.attempt, self.part) if p is not None)


@dataclass(frozen=True)
class Batch:
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


@dataclass(frozen=True)
class Staged:
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


@dataclass(frozen=True)
class Deletion:
    """Which rows a batch takes away. `marker`: rows of the batch in which this column is true.

    `missing`: rows whose key the batch does not hold, as long as they are not more than `max_share` of the target.
    """

    marker: str | None = None
    soft: bool = False
    missing: bool = False
    max_share: float = 0.1


@dataclass(frozen=True)
class Versioning:
    """How versions are told apart: `at` is the column that holds their time, else `time` is."""

    time: datetime
    at: str | None = None
    track: tuple[str, ...] = ()
    """Columns whose change makes a version; empty: all but the key and `at`."""


@dataclass(frozen=True)
class Interval:
    """The rows that a batch replaces: those whose `column` lies in it, `start` inclusive, `end` exclusive."""

    column: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class TableWrite:
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


@dataclass(frozen=True)
class ViewWrite:
    """A view whose definition holds every value as a typed literal."""

    target: str
    sql: str
    adopt: bool = False


@dataclass(frozen=True)
class ScriptWrite:
    """Statements run in order, each with the parameters that it uses."""

    statements: tuple[tuple[str, Mapping[str, Any]], ...]
    targets: tuple[str, ...] = ()


@dataclass(frozen=True)
class SetAside:
    """Rows that go to a quarantine table. `relation` holds them: their own columns (`schema`), and the reason.

    `sqlflow_check` names the checks that failed; `sqlflow_raw` is the text of a row that could not be read.
    """

    table: str
    relation: str
    schema: TableSchema
    rows: int


@dataclass(frozen=True)
class Commit:
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


@dataclass(frozen=True)
class Published:
    """What a commit did."""

    rows: RowCounts
    schema: TableSchema | None = None
    checks: tuple[CheckResult, ...] = ()
    warnings: tuple[str, ...] = ()


class Session(Protocol):
    """One connection to the warehouse with at most one transaction. `fork` gives an independent one."""

    dialect: str
    commits: tuple[str | None, ...]
    """The target of every commit of this session; core holds a step to it."""

    def fork(self) -> Session:
        """Open another connection to the same warehouse, for one attempt of one step."""

    def prepare(self, schemas: Sequence[str]) -> None:
        """Create schemas and state tables and clear what a killed run left. Serial, before any step."""

    def register(self, function: Udf) -> None:
        """Make a function callable from SQL in every fork."""

    def describe(self, table: str) -> TableInfo | None:
        """Return what is known of a table or view, or None when there is none."""

    def tables(self) -> tuple[str, ...]:
        """Return the qualified names of all tables and views of the warehouse, its own state left out."""

    def columns(self, source: Select | ArrowStream) -> TableSchema:
        """Return the columns of a source without taking its rows."""

    def stage(self, source: Select | ArrowStream, batch: Batch) -> Staged:
        """Take a batch in, cast to its declared columns."""

    def check(self, relation: str, checks: Sequence[Check]) -> tuple[CheckResult, ...]:
        """Run checks against a relation in as few scans as possible."""

    def sift(
        self, staged: Staged, checks: Sequence[Check], table: str
    ) -> tuple[Staged, SetAside | None, tuple[CheckResult, ...]]:
        """Take the rows that fail a check out of a materialized batch, to be set aside in `table`."""

    def rejected(self, source: Select, table: str) -> SetAside | None:
        """Return what the scan of a source could not read, once its rows have been taken."""

    def publish(self, commit: Commit) -> Published:
        """Write, check and record in one transaction, and verify the ledger's line afterwards."""

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Rows:
        """Return the rows of a query on their way out."""

    def fetch(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Return all rows of a small result."""

    def arrow(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """Return a result as an Arrow table."""

    def committed(self, run: str) -> Mapping[str, str | None]:
        """Return the steps of a run that the ledger holds as ended, each with its fingerprint."""

    def state(
        self, pipeline: str | None = None, step: str | None = None, *, history: bool = False
    ) -> tuple[StateEntry, ...]:
        """Return what steps remember: the newest entry of each name, or every one from old to new."""

    def remember(self, *notes: tuple[Token, str, Sequence[Memory]]) -> None:
        """Write what steps remember of their targets outside of a run, in one transaction of its own."""

    def version(self, table: str) -> str | None:
        """Name the last commit that changed a table, or a table below a view; None when that cannot be known."""

    def fingerprint(self, pipeline: str, step: str) -> str | None:
        """Return what the last commit of a step said that it was, if its target has not been written since."""

    def interrupt(self) -> None:
        """Stop the running statement, from any thread; the statement fails at once."""

    def close(self) -> None:
        """Roll back what is open and let go. Closing the first session closes the warehouse."""


@dataclass(frozen=True)
class Opening:
    """How a warehouse is to be opened. `folder` is where temporary files may go when nothing else is said."""

    location: StorageLocation
    folder: Path
    read_only: bool = False


class Engine(ABC):
    """What executes SQL, by the `type` of a profile's `engine`. Subclasses hold no state."""

    name: ClassVar[str]
    dialect: ClassVar[str]
    Config: ClassVar[type[ConfigModel]]

    @abstractmethod
    def open(self, config: Any, opening: Opening) -> Session:
        """Open the warehouse.

        Raises:
            WarehouseLocked: another process is writing it.
            StepError: it cannot be opened.

        """
