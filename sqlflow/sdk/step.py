"""What a step type is: it says what it will do, and it does it. It holds no state.

Core reads the config model, parses the fields that are SQL, resolves sources and targets, and hands all of it
over. A step type therefore parses nothing, looks up nothing and opens nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from .check import Check, CheckResult, CheckScope
from .config import ConfigModel, Objection, Role, roles, values_at
from .connector import Connector
from .context import StepContext
from .events import RowCounts
from .schema import TableSchema


@dataclass(frozen=True)
class BoundStatement:
    """One SQL statement with the values of the parameters that it uses, and the tables it touches."""

    sql: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    literal_sql: str | None = None
    """The statement with every parameter as a typed literal, where an engine cannot bind."""


@dataclass(frozen=True)
class BoundEndpoint:
    """A connector with its validated config and options. `label` is how messages name it."""

    connector: Connector[Any]
    config: ConfigModel
    options: Any
    label: str

    @property
    def place(self) -> str | None:
        """What is read or written, as one name."""
        return self.connector.place(self.config, self.options)


@dataclass(frozen=True)
class StepInput:
    """A step's own part of the document, ready to use. Keys of the maps are field names."""

    config: Any
    sql: Mapping[str, tuple[BoundStatement, ...]] = field(default_factory=dict)
    endpoints: Mapping[str, BoundEndpoint] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()

    def query(self, name: str) -> BoundStatement:
        """Return the one statement of a SQL field."""
        return self.sql[name][0]


@dataclass(frozen=True)
class StepPlan:
    """What a step will do: tables read and written, and how. Names are as in the document."""

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    mode: str | None = None
    makes_view: bool = False
    inputs: tuple[str, ...] = ()
    """Places outside the warehouse that are read."""
    outputs: tuple[str, ...] = ()
    """Places outside the warehouse that are written."""
    objections: tuple[Objection, ...] = ()


@dataclass(frozen=True)
class StepExecutionResult:
    """What a step did. A step that returns has committed."""

    rows: RowCounts = field(default_factory=RowCounts)
    schema: TableSchema | None = None
    checks: tuple[CheckResult, ...] = ()
    outputs: tuple[str, ...] = ()
    bytes: int | None = None


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

    @abstractmethod
    def execute(self, given: StepInput, context: StepContext) -> StepExecutionResult:
        """Do it. Raises StepError; only a TransientError is tried again."""
