"""What an engine is: it opens a warehouse and executes SQL in it, and commits data and state together.

Step types talk to a session and never to a database. A session stages a batch, checks it, and publishes it with
its line in the commit ledger in one transaction. After an error a session refuses to commit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from msgspec import Struct

from .check import Check, CheckResult
from .commit import Batch, Commit, Published, SetAside, Staged, Token
from .config import ConfigModel
from .connector import ArrowStream, Rows, Select
from .schema import TableSchema
from .state import Memory, StateEntry
from .storage import StorageLocation
from .udf import Udf

if TYPE_CHECKING:
    import pyarrow as pa


class TableInfo(Struct, frozen=True):
    """A table or view of the warehouse. `owned`: SQLFlow has committed to it before."""

    name: str
    kind: Literal["table", "view"]
    schema: TableSchema
    indexes: tuple[str, ...] = ()
    owned: bool = False


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

    def exists(self, table: str) -> bool:
        """Tell whether there is a table or view of that name."""

    def describe(self, table: str) -> TableInfo | None:
        """Return what is known of a table or view, or None when there is none."""

    def tables(self) -> tuple[str, ...]:
        """Return the qualified names of all tables and views of the warehouse, its own state left out."""

    def columns(self, source: Select | ArrowStream) -> TableSchema:
        """Return the columns of a source without taking its rows."""

    def declare(self, table: str, schema: TableSchema | None) -> None:
        """Make an empty table of these columns, in the place of what is there; None: take it away."""

    def bind(self, sql: str, parameters: Mapping[str, Any] | None = None, *, constants: bool = False) -> TableSchema:
        """Hold a statement against the tables that are there, without running it; returns the columns of a query.

        `constants`: those that cannot be cast to the type that is asked of them are found, too; it takes longer.

        Raises:
            CannotBind: it does not fit them; says at which character.

        """

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
        """Return all rows of a small result.

        Raises:
            StepError: the statement is no query; what writes is published.

        """

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

    def on_interrupt(self, way: Callable[[], None] | None) -> None:
        """Say what `interrupt` calls as well: what stops a writer that waits for another system. None: nothing."""

    def close(self) -> None:
        """Roll back what is open and let go. Closing the first session closes the warehouse."""


class Opening(Struct, frozen=True):
    """How a warehouse is to be opened. `folder` is where temporary files may go when nothing else is said."""

    location: StorageLocation
    folder: Path
    read_only: bool = False
    sealed: bool = False
    """Whether no statement may reach a file, the network or a variable of Python."""


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
