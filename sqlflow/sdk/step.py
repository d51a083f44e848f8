"""What a step type is: it says what it will do, and it does it. It holds no state.

Core reads the config model, parses the fields that are SQL, resolves sources and targets, and hands all of it
over. A step type therefore parses nothing, looks up nothing and opens nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from msgspec import Struct, field

from .answers import hold, hold_all
from .check import Check, CheckResult, CheckScope
from .config import ConfigModel, Objection, Role, roles, values_at
from .connector import Connector
from .context import StepContext
from .events import RowCounts
from .schema import TableSchema


class BoundStatement(Struct, frozen=True):
    """One SQL statement with the values of the parameters that it uses, and the tables it touches."""

    sql: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    deferred: frozenset[str] = frozenset()
    """Parameters whose values are known only when the step runs."""
    volatile: str | None = None
    """What the statement calls that gives other rows at another time, such as `now` or `read_csv`."""
    digest: str = ""
    """The same for two texts of one meaning, whatever their layout and comments."""
    literal_sql: str | None = None
    """The statement with every parameter as a typed literal, where an engine cannot bind."""
    offset: int = 0
    """The character of its text where it starts."""


class BoundEndpoint(Struct, frozen=True):
    """A connector with its validated config and options. `label` is how messages name it."""

    connector: Connector[Any]
    config: ConfigModel
    options: Any
    label: str
    incremental: Literal["new_files"] | None = None
    """How a source is read again: `new_files` leaves out the files that have been loaded."""
    connection: str | None = None
    """The named connection that it goes through; None for a connector written out in the step."""

    @property
    def place(self) -> str | None:
        """What is read or written, as one name."""
        return self.connector.place(self.config, self.options)


class StepInput(Struct, frozen=True):
    """A step's own part of the document, ready to use. Keys of the maps are field names."""

    config: Any
    sql: Mapping[str, tuple[BoundStatement, ...]] = field(default_factory=dict)
    endpoints: Mapping[str, BoundEndpoint] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()

    def query(self, name: str) -> BoundStatement:
        """Return the one statement of a SQL field."""
        return self.sql[name][0]


class StepPlan(Struct, frozen=True):
    """What a step will do: tables read and written, and how. Names are as in the document."""

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    mode: str | None = None
    makes_view: bool = False
    incremental: bool = False
    """Whether a run may bring only what is new."""
    ranged: bool = False
    """Whether a run may be asked for a range of the cursor or of batches."""
    remembers: bool = False
    """Whether what it reads depends on what it read before."""
    steady: bool = True
    """Whether it does the same at any time, given the same input."""
    repeatable: bool = True
    """Whether rows that come a second time are not doubled."""
    inputs: tuple[str, ...] = ()
    """Places outside the warehouse that are read."""
    outputs: tuple[str, ...] = ()
    """Places outside the warehouse that are written."""
    objections: tuple[Objection, ...] = ()

    def __post_init__(self) -> None:
        """Hold it to its types."""
        hold_all(self, frozenset, reads=str, writes=str)
        hold_all(self, tuple, inputs=str, outputs=str)
        hold_all(self, tuple, objections=Objection)
        hold(self, optional=True, mode=str)


class StepExecutionResult(Struct, frozen=True):
    """What a step did. A step that returns has committed."""

    rows: RowCounts = field(default_factory=RowCounts)
    schema: TableSchema | None = None
    checks: tuple[CheckResult, ...] = ()
    outputs: tuple[str, ...] = ()
    bytes: int | None = None
    note: str | None = None
    """What a person wants to know beside the counts, such as how many files were new."""

    def __post_init__(self) -> None:
        """Hold it to its types."""
        hold(self, rows=RowCounts)
        hold(self, optional=True, schema=TableSchema, bytes=int, note=str)
        hold_all(self, tuple, checks=CheckResult)
        hold_all(self, tuple, outputs=str)


class StepType(ABC):
    """A kind of step, by the `type` of a step."""

    name: ClassVar[str]
    Config: ClassVar[type[ConfigModel]]
    check_scopes: ClassVar[frozenset[CheckScope]] = frozenset()
    """Where checks of such a step can hold; empty when it writes no table of its own."""

    def plan(self, given: StepInput, folder: Path) -> StepPlan:
        """Say what the step will do. The default reads it off the roles of the config's fields."""
        reads: set[str] = set()
        writes: set[str] = set()
        for path, role in roles(self.Config).items():
            if role in (Role.READS, Role.WRITES):
                (reads if role is Role.READS else writes).update(v for _, v in values_at(given.config, path))
        for statements in given.sql.values():
            for statement in statements:
                reads |= statement.reads
                writes |= statement.writes
        places = {Role.SOURCE: set[str](), Role.DESTINATION: set[str]()}
        for name, endpoint in given.endpoints.items():
            if endpoint.place is not None:
                places[roles(self.Config)[name,]].add(endpoint.place)
        return StepPlan(
            frozenset(reads),
            frozenset(writes),
            inputs=tuple(sorted(places[Role.SOURCE])),
            outputs=tuple(sorted(places[Role.DESTINATION])),
        )

    def deferred(self, keys: Collection[str]) -> frozenset[str]:
        """Name the parameters whose values the step gives itself when it runs; `keys` are those it is written with."""
        return frozenset()

    @abstractmethod
    def execute(self, given: StepInput, context: StepContext) -> StepExecutionResult:
        """Do it. Raises StepError; only a TransientError is tried again."""
