"""The one exception tree.

    SQLFlowError
    ├── DocumentError            the document or the command is wrong; carries problems          exit 2
    ├── PluginError
    │   ├── PluginBroken         a plugin that the document needs does not load                  exit 3
    │   └── PluginConflict       two distributions bring the same name                           exit 3
    ├── StepError                a step did not do what it should                                exit 1
    │   ├── TransientError       may succeed when tried again: the only one that is retried
    │   ├── Imprecise            numbers have to be read the careful way: met while loading, never shown
    │   ├── CheckFailed          data is not as the document says it must be
    │   ├── SchemaChanged        a source or a target has other columns than expected
    │   └── CannotBind           SQL does not fit the tables that it reads: met while validating
    ├── RunInterrupted           the user or the system stopped the run                          exit 130
    └── WarehouseLocked          another process is writing the warehouse                        exit 1

Every message says what was found, what was expected and what to do.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .problem import Problem

ErrorKind = Literal["transient", "authentication", "permission", "not_found", "bad_data", "internal"]


class SQLFlowError(Exception):
    """Anything that SQLFlow says went wrong. `hint` is the remedy, kept apart so that faces can set it off."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        given: tuple[object, object] = (message, hint)
        if not isinstance(given[0], str) or not isinstance(given[1], str | None):
            raise TypeError(f"message and hint of {type(self).__name__} must be str, found {message!r} and {hint!r}")
        self.message = message
        self.hint = hint
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:  # subclasses take other things than the message
        return _restored, (type(self), self.args, self.__dict__)

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


def raised_in(error: BaseException) -> str:
    """Name the place in which a guest raised something: the last that is not SQLFlow's or Python's own."""
    import traceback

    libraries = (f"{os.sep}pydantic{os.sep}", f"{os.sep}msgspec{os.sep}")
    frames = traceback.extract_tb(error.__traceback__)
    own, python = os.path.dirname(__file__) + os.sep, os.path.dirname(os.__file__) + os.sep  # noqa: PTH120 - no path
    foreign = [
        frame
        for frame in frames
        if not frame.filename.startswith((own, "<"))
        and (not frame.filename.startswith(python) or "site-packages" in frame.filename)
        and not any(library in frame.filename for library in libraries)
    ]
    frame = (foreign or frames)[-1]
    return f"{frame.filename}, line {frame.lineno}"


def _restored(kind: type[SQLFlowError], arguments: tuple[Any, ...], values: dict[str, Any]) -> SQLFlowError:
    """Make an error again that another process has raised."""
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(values)
    return error


class DocumentError(SQLFlowError):
    """The document cannot run. `problems` holds every one that was found, in file order."""

    exit_code: ClassVar[int] = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(_lines(self.problems)))

    @property
    def exit_status(self) -> int:
        """3 when a plugin that the document needs is broken, else 2."""
        return exit_status(self.problems)


def exit_status(problems: Iterable[Problem]) -> int:
    """Return the exit code that problems ask for: 3 for a broken plugin, 2 for any other error, 0 for none."""
    errors = {p.code for p in problems if p.severity == "error"}
    return 3 if errors & {"SF601", "SF602"} else 2 if errors else 0


class PluginError(SQLFlowError):
    """Something is wrong with an installed plugin."""

    exit_code = 3


class PluginBroken(PluginError):
    """A plugin that is needed did not load."""


class PluginConflict(PluginError):
    """Two distributions bring the same name, or one brings a name it may not use."""


class StepError(SQLFlowError):
    """A step failed. `kind` sorts the cause, so that a reader knows whom to ask."""

    def __init__(
        self, message: str, *, hint: str | None = None, code: str | None = None, kind: ErrorKind = "bad_data"
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.kind: ErrorKind = kind


class TransientError(StepError):
    """A failure that may pass: the network, a busy server, a write conflict. Only this one is retried."""

    def __init__(self, message: str, *, hint: str | None = None, code: str | None = None) -> None:
        super().__init__(message, hint=hint, code=code, kind="transient")


class CheckFailed(StepError):
    """A check of severity `error` does not hold; the target keeps its old rows. `results` are those of all checks."""

    def __init__(
        self, message: str, *, hint: str | None = None, code: str | None = None, results: Iterable[Any] = ()
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.results: tuple[Any, ...] = tuple(results)


class SchemaChanged(StepError):
    """Columns are not what the target or the contract expects. `changes` holds them one by one, where known."""

    def __init__(
        self, message: str, *, hint: str | None = None, code: str | None = None, changes: Iterable[Any] = ()
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.changes: tuple[Any, ...] = tuple(changes)


class Imprecise(StepError):
    """Numbers came that the fast way of reading cannot hold exactly; the batch is read again the careful way."""


Misfit = Literal["table", "column", "function", "sql", "syntax", "unknown"]
"""What does not fit: a name that is not there, the SQL around it; or nothing can be said without running it."""


class CannotBind(StepError):
    """SQL does not fit the tables that it reads. `offset` is the character where, `name` what is not there."""

    def __init__(
        self, message: str, what: Misfit, *, offset: int | None = None, name: str = "", candidates: Iterable[str] = ()
    ) -> None:
        super().__init__(message, code="SF709", kind="not_found")
        self.what: Misfit = what
        self.offset = offset
        self.name = name
        self.candidates = tuple(candidates)


class RunInterrupted(SQLFlowError):
    """The run was stopped from outside; what had not been committed was rolled back."""

    exit_code = 130


class WarehouseLocked(SQLFlowError):
    """Another process has the warehouse open for writing. `pid` is that process, when known."""

    def __init__(self, message: str, *, pid: int | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint, code="SF703")
        self.pid = pid


def _lines(problems: Iterable[Problem]) -> Iterable[str]:
    for problem in problems:
        yield str(problem)
        if problem.hint:
            yield f"  hint: {problem.hint}"
