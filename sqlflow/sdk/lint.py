"""What a lint rule is: it looks at a pipeline that is valid, and tells what is likely not meant.

A rule reads values; it parses nothing, opens nothing and holds no state. Where its findings are shown, and whether
they are switched off or tolerated, is not its business.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal

from msgspec import Struct, field

from .answers import hold
from .config import ConfigModel, Role, roles
from .step import StepInput, StepPlan

LintLevel = Literal["off", "warn", "error"]
DocumentPath = tuple["str | int", ...]


class SqlSpot(Struct, frozen=True):
    """A word of a piece of SQL: the field that holds it, as in `StepInput.sql`, and its character."""

    word: str
    field: str
    offset: int


class LintStep(Struct, frozen=True):
    """A step as a rule sees it. Steps of one `for_each` are seen one by one; `id` is the one in the document."""

    id: str
    type: str
    path: DocumentPath
    """Where it stands in the document, such as `("steps", 2)`."""
    given: StepInput
    plan: StepPlan
    reads: frozenset[str]
    """Every table that it reads, in the form in which names are compared; its checks and condition included."""
    writes: frozenset[str]
    """Every table that it writes, in the same form."""
    stars: tuple[SqlSpot, ...] = ()
    """`*` in the outermost columns of a query, that stands for the columns of a table."""
    crossings: tuple[SqlSpot, ...] = ()
    """Tables after a comma in FROM that no condition ties to the others."""
    volatile: tuple[SqlSpot, ...] = ()
    """Calls that give another value at another time, or by chance, such as `now()`; of statements, those that change
    tables which are not made anew in every run."""

    def has(self, role: Role) -> bool:
        """Tell whether an option of the step is of a kind: `Role.DESTINATION` for one that rows go out to."""
        kind: type[ConfigModel] = type(self.given.config)
        return role in roles(kind).values()


class LintPipeline(Struct, frozen=True):
    """A pipeline as a rule sees it. The project file itself, and documents of tests, have no steps."""

    name: str
    document: Any
    """The document as plain data: mappings, lists, texts and numbers."""
    steps: tuple[LintStep, ...] = ()
    variables: frozenset[str] = frozenset()
    """Variables that the document declares. Nothing is said of those of a project file while one of its pipelines is
    broken, or was not asked about."""
    used_variables: frozenset[str] = frozenset()
    """Variables that it uses; of the project file, those that any document uses."""
    declared_elsewhere: frozenset[str] | None = None
    """Of the project file: variables that pipelines of the project declare, if all of these are known."""
    connections: frozenset[str] = frozenset()
    """Connections that the document declares."""
    used_connections: frozenset[str] = frozenset()
    read_elsewhere: frozenset[str] = frozenset()
    """Tables that other pipelines of the project read."""
    also_written: Mapping[str, str] = field(default_factory=dict)
    """What this pipeline writes and another of the project as well, and the document of that one: tables as in
    `LintStep.writes`, and places outside of the warehouse as in `StepPlan.outputs`."""
    secret_fields: frozenset[DocumentPath] = frozenset()
    """Places of options that the owner of a connector has declared to be secrets."""


class Finding(Struct, frozen=True):
    """Something that is likely not meant. `path` is its place in the document, `spot` one inside SQL of the step."""

    message: str
    path: DocumentPath = ()
    hint: str | None = None
    spot: SqlSpot | None = None
    secret: str | None = None
    """A text that is masked in the line that is shown."""

    def __post_init__(self) -> None:
        """Hold it to its types."""
        hold(self, message=str, path=tuple)
        hold(self, optional=True, hint=str, spot=SqlSpot, secret=str)


class LintRule(ABC):
    """A rule, by its code: letters and digits such as `ACME001`; `SF` belongs to SQLFlow."""

    name: ClassVar[str]
    """The code."""
    title: ClassVar[str]
    """What is wrong, in a few words."""
    level: ClassVar[LintLevel] = "warn"
    """What a finding is unless the project says otherwise."""
    example: ClassVar[str] = ""
    """The smallest thing that shows what the rule finds. The docstring of the class says why it is wrong."""
    remedy: ClassVar[str] = ""
    """What to do about it."""

    @abstractmethod
    def find(self, pipeline: LintPipeline) -> Iterable[Finding]:
        """Yield everything that this rule finds."""
