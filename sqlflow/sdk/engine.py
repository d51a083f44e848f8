"""What an engine is: it opens a warehouse and executes SQL in it, and commits data and state together.

Step types talk to a session and never to a database. A session stages a batch, checks it, and publishes it with
its line in the commit ledger in one transaction. After an error a session refuses to commit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from .check import Check, CheckResult
from .config import ColumnSpec, ConfigModel
from .connector import ArrowStream, Mode, Rows, Select
from .events import RowCounts
from .schema import Policy, TableSchema
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
    """Names one commit: a step of a run, and which attempt."""

    run: str
    step: str
    attempt: int

    def __str__(self) -> str:
        return f"{self.run}/{self.step}/{self.attempt}"


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
class TableWrite:
    """A staged batch meets its target. Columns meet by name."""

    staged: Staged
    key: tuple[str, ...] = ()
    policy: Policy = "alert"
    on_duplicate: Literal["error", "first", "last"] = "error"
    order_by: tuple[str, ...] = ()
    adopt: bool = False

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
class Commit:
    """Everything that becomes visible at once. `write` None records only that the step is done.

    `checks` hold on `target` after writing and before the commit.
    """

    token: Token
    write: TableWrite | ViewWrite | ScriptWrite | None
    target: str | None = None
    checks: tuple[Check, ...] = ()
    rows: int | None = None


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

    def stage(self, source: Select | ArrowStream, batch: Batch) -> Staged:
        """Take a batch in, cast to its declared columns."""

    def check(self, relation: str, checks: Sequence[Check]) -> tuple[CheckResult, ...]:
        """Run checks against a relation in as few scans as possible."""

    def publish(self, commit: Commit) -> Published:
        """Write, check and record in one transaction, and verify the ledger's line afterwards."""

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Rows:
        """Return the rows of a query on their way out."""

    def fetch(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Return all rows of a small result."""

    def arrow(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """Return a result as an Arrow table."""

    def committed(self, run: str) -> frozenset[str]:
        """Return the steps of a run that the ledger holds."""

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
