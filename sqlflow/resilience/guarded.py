"""A connector as steps see it: every call to its system goes through the guard of its connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from sqlflow.errors import RunInterrupted, SQLFlowError, StepError, TransientError
from sqlflow.sdk import (
    ArrowStream,
    ConfigModel,
    ConnectionReport,
    Connector,
    FileVersion,
    Objection,
    ReadRequest,
    Rows,
    Select,
    WriteRequest,
    WriteResult,
)

from .guard import Calls, Listings
from .outgoing import Outgoing
from .patience import Watch, silent
from .stream import Opening

T = TypeVar("T")

_FACTS = ("name", "Config", "ReadOptions", "WriteOptions", "write_modes", "keeps_tokens", "lists_files",
          "keeps_rejects", "guesses_types", "resilience", "example")  # fmt: skip


class Guarded(Connector[ConfigModel]):
    """Stands for a connector during one attempt of a step.

    A listing made ahead of the attempt, to know what the step reads, is handed to the step when it asks: one attempt
    lists once, and a second time only to see whether the files have changed meanwhile.
    """

    def __init__(self, inner: Connector[Any], calls: Calls, key: str, kept: Listings | None = None) -> None:
        self.inner = inner
        self.calls = calls
        self._key = key
        self._kept = kept if kept is not None else {}
        for name in _FACTS:
            setattr(self, name, getattr(inner, name))

    def look(self, config: Any, options: Any, folder: Path) -> Sequence[FileVersion] | None:
        """List the files ahead of the attempt."""
        if self._key not in self._kept:
            self._kept[self._key] = self.versions(config, options, folder)
        return self._kept[self._key]

    def versions(self, config: Any, options: Any, folder: Path) -> Sequence[FileVersion] | None:
        """List the files, or return the list that was made ahead."""
        if self._key in self._kept:
            return self._kept.pop(self._key)
        if type(self.inner).versions is Connector.versions:  # it has nothing to list, so nobody is asked
            return None
        return self._small("listing", lambda: self.inner.versions(config, options, folder))

    def exists(self, config: Any, options: Any, folder: Path) -> bool | None:
        """Tell whether what a write leaves is there."""
        if type(self.inner).exists is Connector.exists:
            return None
        return self._small("looking at the target", lambda: self.inner.exists(config, options, folder))

    def test(self, config: Any, folder: Path) -> ConnectionReport:
        """Try the connection."""

        def tried() -> ConnectionReport:
            report = self.inner.test(config, folder)
            if report.kind == "transient":
                raise _NoAnswer(report)
            return report

        try:
            return self._small("testing", tried)
        except _NoAnswer as error:
            return error.report
        except StepError as error:
            return ConnectionReport.failure(error)

    def read(self, request: ReadRequest) -> Select | ArrowStream:
        """Say how the rows come."""
        calls = self.calls
        if calls.guard is None:
            return self._read_of(self.inner.read(request), request)
        end = calls.use()
        try:
            source = calls.tried("reading", lambda _: self._read(request))
        except BaseException:
            end()
            raise
        if isinstance(source, ArrowStream):
            opening = Opening(calls, source, lambda: self._read(request), end)
            return ArrowStream(opening.open, opening.cancel)
        return _ending(self._learning_from(source), end)

    def _read(self, request: ReadRequest) -> Select | ArrowStream:
        calls, over = self.calls, [False]

        def cancel() -> None:
            over[0] = True

        asked = replace(request, stopped=lambda: over[0] or request.stopped(), pace=calls.wait_turn)
        return calls.once(
            "reading",
            lambda: self._read_of(self.inner.read(asked), asked),
            cancel=cancel,
            discard=_dispose,
            tells=lambda source: isinstance(source, Select),  # a stream may not have been asked for yet
        )

    def _read_of(self, found: Select | ArrowStream, request: ReadRequest) -> Select | ArrowStream:
        """Hold what a read returns to what may be returned: a query only in a dialect that the engine takes."""
        found = self._of_kind(found, "read", Select, ArrowStream)
        if isinstance(found, Select) and found.dialect not in request.dialects:
            raise StepError(
                f"read of connector {self.name!r} returned a query in {found.dialect!r}, and the engine takes "
                + (" and ".join(sorted(request.dialects)) or "none"),
                hint="this is a bug in the connector: it must stream its rows then; tell its authors",
                code="SF791",
                kind="internal",
            )
        return found

    def _learning_from(self, source: Select) -> Select:
        """Have the breaker hear of what goes wrong while the engine scans."""
        explain = source.explain
        guard = self.calls.guard
        if explain is None or guard is None or guard.breaker is None:
            return source
        breaker = guard.breaker

        def explained(text: str) -> StepError | None:
            error = explain(text)
            if isinstance(error, TransientError):
                breaker.failed()
            return error

        return replace(source, explain=explained)

    def write(self, request: WriteRequest, rows: Rows) -> WriteResult:
        """Write the rows. It is tried again here only while none of them has been taken."""
        calls, guard = self.calls, self.calls.guard
        outgoing = Outgoing(rows)
        if guard is None:
            try:
                return self._written(request, outgoing)
            finally:
                outgoing.close()
        end = calls.use()
        try:
            asked = replace(request, pace=calls.wait_turn)

            def written() -> WriteResult:
                if guard.limit is None:
                    return self._written(asked, outgoing)
                watch = Watch(guard.limit, calls.around.interrupt)
                outgoing.watch = watch
                try:
                    with watch.running():
                        return self._written(asked, outgoing)
                except SQLFlowError as error:
                    if watch.fired:
                        raise silent(guard.limit, guard.doing("writing")) from error
                    raise

            return calls.tried(
                "writing", lambda _: calls.once("writing", written, patient=False), again=lambda: not outgoing.taken
            )
        finally:
            outgoing.close()
            end()

    def _written(self, request: WriteRequest, rows: Outgoing) -> WriteResult:
        """Have the connector write, and hold it to what it was given: rows that broke off are no rows written."""
        found = self._of_kind(self.inner.write(request, rows), "write", WriteResult)
        if rows.broke is None:
            self._refuse_untaken(found, rows)
            return found
        if self.calls.around.stopped():
            raise RunInterrupted("the run was stopped while rows were written")
        raise StepError(
            f"connector {self.inner.name} went on although its rows broke off: {rows.broke}",
            hint="this is a bug in the connector: it must not swallow what the rows raise; tell its authors",
            code="SF791",
            kind="internal",
        ) from rows.broke

    def _refuse_untaken(self, found: WriteResult, rows: Outgoing) -> None:
        """Hold what is said to be written to what was taken. Who keeps tokens may know the rows without taking them."""
        told = None
        if (found.rows or 0) > rows.count:
            told = f"says that it has written {found.rows} rows, and has taken {rows.count}"
        elif not rows.ended and not self.inner.keeps_tokens:
            told = f"has not taken its rows to their end, only {rows.count} of them"
        if told is not None:
            raise StepError(
                f"connector {self.inner.name} {told}",
                hint="this is a bug in the connector: it must write all that `rows` gives; tell its authors",
                code="SF791",
                kind="internal",
            )

    def objections(self, config: Any, options: Any, folder: Path) -> Iterator[Objection]:
        """Tell what does not go together."""
        return self.inner.objections(config, options, folder)

    def place(self, config: Any, options: Any) -> str | None:
        """Name what is read or written."""
        return self.inner.place(config, options)

    def _of_kind(self, found: T, method: str, *kinds: type[Any]) -> T:
        """Return what a method of the connector has returned, if that is what it has to return."""
        if isinstance(found, kinds):
            return found
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise StepError(
            f"{method} of connector {self.name!r} returned {type(found).__name__}, expected {wanted}",
            hint="this is a bug in the connector; tell its authors",
            code="SF791",
            kind="internal",
        )

    def _small(self, what: str, work: Callable[[], T]) -> T:
        """Make a call that may be repeated and left behind."""
        end = self.calls.use()
        try:
            return self.calls.tried(what, lambda _: self.calls.once(what, work, tells=lambda found: found is not None))
        finally:
            end()


class _NoAnswer(TransientError):
    """A test that found nobody; carries its report through the retries."""

    def __init__(self, report: ConnectionReport) -> None:
        super().__init__(report.message)
        self.report = report


def _ending(source: Select, end: Callable[[], None]) -> Select:
    cleanup = source.cleanup

    def ended() -> None:
        try:
            if cleanup is not None:
                cleanup()
        finally:
            end()

    return replace(source, cleanup=ended)


def _dispose(source: Select | ArrowStream) -> None:
    """Let go of what came too late."""
    if isinstance(source, Select) and source.cleanup is not None:
        source.cleanup()
    elif isinstance(source, ArrowStream) and source.cancel is not None:
        source.cancel()
