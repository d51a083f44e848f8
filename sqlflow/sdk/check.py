"""What a check is: a kind with its options, compiled to SQL that finds what is wrong.

A kind only writes SQL text. Which table, when, in how many scans and with which consequences is not its business.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Literal

from msgspec import Struct, field

from sqlflow.errors import CheckFailed

from .config import ConfigModel

CheckScope = Literal["batch", "target"]
CheckSeverity = Literal["error", "warn"]


class RowTest(Struct, frozen=True):
    """A SQL boolean that is true for a bad row. All row tests of a table share one scan."""

    fails: str
    shows: tuple[str, ...] = ()
    """The columns worth showing of a bad row; empty: all."""


class TableTest(Struct, frozen=True):
    """An expression of SQL aggregates, and what its value says is wrong (None: nothing).

    Shares the scan of the row tests, unless it looks at some of the rows only.
    """

    measure: str
    complaint: Callable[[Any], str | None]


class QueryTest(Struct, frozen=True):
    """A query whose every row is a failure. A scan of its own."""

    sql: str


CompiledCheck = RowTest | TableTest | QueryTest


class CheckKind(ABC):
    """A kind of check, by its key under `checks`. Subclasses hold no state."""

    name: ClassVar[str]
    Config: ClassVar[type[ConfigModel]]
    scope: ClassVar[CheckScope] = "batch"
    """Where it holds unless the document says otherwise: on the staged batch, or on the target before the commit."""
    scopes: ClassVar[frozenset[CheckScope]] = frozenset({"batch", "target"})
    """Where it can hold at all."""
    shorthand: ClassVar[str | None] = None
    """The field that a bare value fills: `- not_null: [a]` is `- not_null: {columns: [a]}`."""
    takes_where: ClassVar[bool] = True
    """Whether the common option `where` applies."""
    sifts: ClassVar[bool] = False
    """Whether it compiles to a `RowTest`, which tells the bad rows of a batch from the good ones."""
    steady: ClassVar[bool] = True
    """Whether it says the same of the same rows at any time."""

    @abstractmethod
    def compile(self, config: Any, relation: str) -> CompiledCheck:
        """Write the SQL that finds failures in `relation`, which is SQL text that may follow FROM."""


class Check(Struct, frozen=True):
    """A check of a document, ready to run against any relation."""

    name: str
    kind: CheckKind
    config: ConfigModel
    scope: CheckScope
    severity: CheckSeverity = "error"
    where: str | None = None
    max_failures: int = 0
    quarantine: bool = False
    """Whether bad rows are set aside and the others go on."""
    parameters: Mapping[str, Any] = field(default_factory=dict)


class CheckResult(Struct, frozen=True):
    """What a check found. `failures` of `total` rows; `sample` holds some of them, column by column."""

    name: str
    kind: str
    severity: CheckSeverity
    passed: bool
    failures: int | None = None
    total: int | None = None
    message: str = ""
    sample: tuple[Mapping[str, Any], ...] = ()
    quarantined: int = 0
    """Rows that were set aside because of it."""


def refuse_failed(results: Iterable[CheckResult], *, kept: str) -> None:
    """Let nothing pass a check of severity `error` that does not hold; `kept` says what stays as it was.

    Raises:
        CheckFailed: tells every check that failed, with samples.

    """
    results = tuple(results)
    failed = [r for r in results if not r.passed and r.severity == "error"]
    if failed:
        told = "\n".join(f"check {r.name} failed: {r.message}" for r in failed)
        hint = f"{kept}; mend the rows, or the check"
        raise CheckFailed(told, hint=hint, code="SF701", results=results)
