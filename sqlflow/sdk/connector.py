"""What a connector is: code that reads from or writes to one kind of system.

A connector gets its validated config and options and says how rows come or go: as SQL that the engine can run
itself (no row passes through Python), or as an Arrow stream. It never sees the document, the engine or a table
of the warehouse.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, TypeVar

from msgspec import Struct, field

from sqlflow.errors import ErrorKind, StepError

from .answers import hold, hold_all
from .config import ColumnSpec, ConfigModel, Objection
from .cursor import Delta
from .schema import TableSchema

if TYPE_CHECKING:
    import pyarrow as pa


Mode = Literal["replace", "append", "merge", "delete_insert", "scd2"]


RESILIENCE = frozenset({"retry", "timeout", "rate_limit", "circuit_breaker", "max_connections"})
"""The keys of a connection that core enforces around every call of a connector, without its help."""


def never() -> bool:
    """Tell that nothing stops what runs."""
    return False


def free() -> None:
    """Let a request go, since nothing limits it."""


class NoOptions(ConfigModel):
    """The model of a connector that has nothing to configure in this place."""


class Select(Struct, frozen=True):
    """Rows as a SELECT in an engine's dialect; the engine runs it at its own speed.

    `setup` and `teardown` are statements around it, such as attaching another database. `explain` turns an
    engine's error over this scan into the connector's own words; it may return None to let the error stand.
    `cleanup` is called when the rows have been taken, whatever happened.
    """

    dialect: str
    sql: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    setup: tuple[str, ...] = ()
    teardown: tuple[str, ...] = ()
    explain: Callable[[str], StepError | None] | None = None
    cleanup: Callable[[], None] | None = None
    rejects: str | None = None
    """Query of the rows that the scan left out: `sqlflow_check` is the reason, `sqlflow_raw` the text."""
    typed: Callable[[Mapping[str, str]], str] | None = None
    """Writes the SELECT anew with the type of every column given, for a source whose types are guessed."""
    textual: bool = False
    """Whether `typed` reads numbers from their digits, so that a decimal may be read with more places than it keeps."""


class ArrowStream(Struct, frozen=True):
    """Rows as record batches. `open` is called once, by whoever consumes them, and the reader is closed by them.

    `cancel` makes an `open` or a read that waits in another thread fail at once; it may be called at any time.
    """

    open: Callable[[], pa.RecordBatchReader]
    cancel: Callable[[], None] | None = None


class ReadRequest(Struct, frozen=True):
    """What a step wants from a source. `dialects` are those in which the engine takes a native scan.

    A connector may push `delta.since` down to its system; rows outside of it are left out afterwards in any case.
    """

    config: Any
    options: Any
    folder: Path
    columns: Mapping[str, ColumnSpec] = field(default_factory=dict)
    dialects: frozenset[str] = frozenset()
    delta: Delta = field(default_factory=Delta)
    """Which rows and files are wanted, and what is known of the columns' types."""
    keep_rejects: bool = False
    """Whether rows that cannot be read are left out and told by `Select.rejects`, in the place of an error."""
    stopped: Callable[[], bool] = never
    """Whether the run was stopped or the step is out of time; who waits long looks often, and raises RunInterrupted."""
    pace: Callable[[], None] = free
    """Waits until `rate_limit` of the connection lets one more request go. The first one of a read has waited already;
    a connector that sends more of them calls it before each."""


class FileVersion(Struct, frozen=True):
    """A file as it was seen: its path, and what tells that it has changed (size in bytes, and a time or an etag)."""

    path: str
    size: int
    stamp: str


class Rows(Protocol):
    """Rows on their way out. Take them once, either way; then `copy` may ask the engine about files that it wrote."""

    dialect: str
    schema: TableSchema

    def copy(self, statement: str) -> int:
        """Run a native export; `{query}` in the statement stands for the rows. Returns how many were written."""

    def batches(self) -> pa.RecordBatchReader:
        """Stream the rows as Arrow record batches."""


class WriteRequest(Struct, frozen=True):
    """How rows are to meet what is there. `token` names this write, so that a repeated one can be recognised."""

    config: Any
    options: Any
    folder: Path
    mode: Mode = "replace"
    key: Sequence[str] = ()
    token: str = ""
    on_interrupt: Callable[[Callable[[], None] | None], None] = lambda _: None
    """Takes what ends the write at once when the step is stopped; it is called from another thread."""
    pace: Callable[[], None] = free
    """Waits until `rate_limit` of the connection lets one more request go; the first one has waited already."""


class WriteResult(Struct, frozen=True):
    """What was written: rows, bytes (None: not known) and where, as a person would say it."""

    rows: int | None
    bytes: int | None = None
    places: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Hold it to its types."""
        hold(self, optional=True, rows=int, bytes=int)
        hold_all(self, tuple, places=str)
        if self.rows is not None and self.rows < 0:
            raise ValueError(f"rows of WriteResult must not be negative, found {self.rows}")


class ConnectionReport(Struct, frozen=True):
    """What testing a connection showed: None where it was not found out, or where there is nothing to find out.

    `facts` are further things for a person to read. How long the test took is measured by whoever asks for it.
    """

    ok: bool
    message: str
    facts: Mapping[str, str] = field(default_factory=dict)
    reachable: bool | None = None
    """Whether the system answers at all."""
    authenticated: bool | None = None
    """Whether it takes the credentials."""
    can_read: bool | None = None
    """Whether these credentials may read."""
    can_write: bool | None = None
    """Whether these credentials may write."""
    version: str | None = None
    """What the system says that it is, such as `PostgreSQL 17.2`."""
    latency_ms: float | None = None
    """How long one small question and its answer took, once connected."""
    kind: ErrorKind | None = None
    """What kind of failure it was."""

    def __post_init__(self) -> None:
        """Hold it to its types."""
        hold(self, ok=bool, message=str, facts=Mapping)
        hold(self, optional=True, reachable=bool, authenticated=bool, can_read=bool, can_write=bool)
        hold(self, optional=True, version=str, latency_ms=(int, float), kind=str)

    @classmethod
    def failure(cls, error: Exception, **facts: str) -> ConnectionReport:
        """Tell of an error, with what its kind says of how far one came: refused credentials were at least heard."""
        kind: ErrorKind = getattr(error, "kind", "internal")
        heard = {"transient": False, "authentication": True, "permission": True}.get(kind)
        known = {"authentication": False, "permission": True}.get(kind)
        read = False if kind == "permission" else None
        told = getattr(error, "message", None) or str(error)
        return cls(False, told, facts, heard, known, can_read=read, kind=kind)


class Example(Struct, frozen=True):
    """Options that make up a document which validates; those that are required and not told here are made up."""

    config: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    target: Mapping[str, Any] = field(default_factory=dict)


C = TypeVar("C", bound=ConfigModel)


class Connector(ABC, Generic[C]):
    """A kind of system, by the `connector` of a connection. Subclasses hold no state.

    Config shares no field name with read options or write options, so that a source stays flat in the document.
    """

    name: ClassVar[str]
    Config: ClassVar[type[ConfigModel]] = NoOptions
    ReadOptions: ClassVar[type[ConfigModel] | None] = None
    """None: it cannot read."""
    WriteOptions: ClassVar[type[ConfigModel] | None] = None
    """None: it cannot write."""
    write_modes: ClassVar[frozenset[str]] = frozenset({"replace"})
    keeps_tokens: ClassVar[bool] = False
    """Whether it recognises a write by its token, less the attempt, so that repeating a plain append is safe."""
    lists_files: ClassVar[bool] = False
    """Whether `versions` lists files. A read option `union_by_name` of such a connector says that each of them may lack
    columns that others have."""
    keeps_rejects: ClassVar[bool] = False
    """Whether it can leave rows out that it cannot read, and tell which."""
    local: ClassVar[bool] = False
    """Whether all that it reads is on this machine, so that its columns may be looked at while validating."""
    guesses_types: ClassVar[bool] = False
    """Whether types of columns are read off the data, so that those of the last good run are given back to it."""
    resilience: ClassVar[frozenset[str]] = RESILIENCE
    """Which keys of a connection that core enforces have an effect. A connector whose work is done by the engine, such
    as reading a local file, makes no calls that could be limited or tried again, and names none."""

    example: ClassVar[Example] = Example()
    """Options of the document that `sqlflow connector describe` shows; it validates."""

    def read(self, request: ReadRequest) -> Select | ArrowStream:
        """Say how the rows come. Raises StepError, sorted by kind, when they cannot."""
        raise StepError(f"connector {self.name!r} cannot read", hint="use it as a target", kind="internal")

    def versions(self, config: Any, options: Any, folder: Path) -> Sequence[FileVersion] | None:
        """List the files that would be read, in order; None when what is read are not files.

        With it a load may be `incremental: new_files`, and unchanged input is recognised.
        """
        return None

    def exists(self, config: Any, options: Any, folder: Path) -> bool | None:
        """Tell whether what a write of these options leaves is there; None when only a look at the system can tell."""
        return None

    def write(self, request: WriteRequest, rows: Rows) -> WriteResult:
        """Write the rows so that a reader sees all of them or what was there before."""
        raise StepError(f"connector {self.name!r} cannot write", hint="use it as a source", kind="internal")

    def objections(self, config: Any, options: Any, folder: Path) -> Iterator[Objection]:
        """Tell what does not go together, and which local file is missing (code SF501); touches no network."""
        return iter(())

    def mode_objections(self, options: Any, mode: Mode, key: Sequence[str]) -> Iterator[Objection]:
        """Tell why a target of these options cannot be written in a mode, though others can; touches no network."""
        return iter(())

    def place(self, config: Any, options: Any) -> str | None:
        """Name what is read or written, so that a step that reads a place waits for the one that writes it."""
        named = [getattr(model, key, None) for model in (config, options) for key in ("path", "table")]
        return ":".join(str(value) for value in named if value) or None

    @abstractmethod
    def test(self, config: C, folder: Path) -> ConnectionReport:
        """Try the connection; answers rather than raises."""
