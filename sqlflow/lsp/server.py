"""The server: it takes the editor's messages, has texts read in a thread of their own, and answers.

Requests are answered from the text as it is and from the last reading; a reading that is overtaken by the next change
is thrown away. Whatever goes wrong in an answer is told to the editor's log, and the server goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial, wraps
from pathlib import Path
from typing import Any, TypeVar

from lsprotocol import types as lsp
from pygls import uris
from pygls.lsp.server import LanguageServer
from pygls.workspace import PositionCodec

from sqlflow.project import open_workspace
from sqlflow.root import PROJECT_FILE
from sqlflow.spec import Source
from sqlflow.version import __version__

from .completion import complete
from .definition import find_definition
from .grammar import Grammar
from .hover import Note, describe, explained
from .names import Names
from .outline import outline
from .reading import Desk, Reading, is_spec
from .spot import Spot, spot_at
from .wire import Ruler, diagnostic, item, symbol

QUIET = 0.01
"""Seconds without a change before a text is read: what is typed or pasted in one go is read once."""
T = TypeVar("T")


class Speaker(LanguageServer):
    """Speaks the protocol. What the library itself stumbles over goes to the editor's log, not into its windows."""

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Tell the editor's log."""
        self.window_log_message(lsp.LogMessageParams(lsp.MessageType.Error, f"{type(error).__name__}: {error}"))


class Server:
    """One editor's server. Everything but reading happens in one thread."""

    def __init__(self, profile: str | None = None, variables: Mapping[str, str] | None = None) -> None:
        self.lsp = Speaker("sqlflow", __version__)
        self.worker = ThreadPoolExecutor(1, thread_name_prefix="reading")
        self.desk = self.worker.submit(Desk, profile, variables)
        self.texts: dict[Path, str] = {}
        self.uris: dict[Path, str] = {}
        self.readings: dict[Path, Reading] = {}
        self.tasks: dict[Path, asyncio.Task[None]] = {}
        self.told: dict[Path, dict[Path, list[lsp.Diagnostic]]] = {}
        self.grammars: dict[str, asyncio.Future[Grammar]] = {}
        self.done = False
        self._listen()

    def run(self) -> int:
        """Serve until the editor leaves. Standard output belongs to the protocol; what others print goes elsewhere."""
        logger = logging.getLogger("pygls")
        logger.propagate = False
        logger.addHandler(logging.NullHandler())
        output = sys.stdout.buffer
        with contextlib.redirect_stdout(sys.stderr):
            self.lsp.start_io(sys.stdin.buffer, output)
        self.worker.submit(lambda: self.desk.result().close()).result()
        self.worker.shutdown()
        return 0 if self.done else 1

    def _listen(self) -> None:
        feature = self.lsp.feature
        triggers = lsp.CompletionOptions(trigger_characters=[".", "$", "{"])
        feature(lsp.TEXT_DOCUMENT_DID_OPEN)(self._notified(self.changed))
        feature(lsp.TEXT_DOCUMENT_DID_CHANGE)(self._notified(self.changed))
        feature(lsp.TEXT_DOCUMENT_DID_CLOSE)(self._notified(self.closed))
        feature(lsp.TEXT_DOCUMENT_DID_SAVE)(self._notified(self.saved))
        feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)(self._notified(self.saved))
        feature(lsp.TEXT_DOCUMENT_COMPLETION, triggers)(self._answered(self.completion))
        feature(lsp.TEXT_DOCUMENT_HOVER)(self._answered(self.hover))
        feature(lsp.TEXT_DOCUMENT_DEFINITION)(self._answered(self.definition))
        feature(lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL)(self._answered(self.symbols))
        feature(lsp.SHUTDOWN)(self._notified(self.shut))

    def _notified(self, act: Callable[[Any], None]) -> Callable[[Any], None]:
        @wraps(act)
        def guarded(params: Any) -> None:
            try:
                act(params)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next message may be in order
                self.lsp.report_server_error(error, type(error))

        return guarded

    def _answered(self, answer: Callable[[Any], Awaitable[T]]) -> Callable[[Any], Awaitable[T | None]]:
        @wraps(answer)
        async def guarded(params: Any) -> T | None:
            try:
                return await answer(params)
            except Exception as error:  # noqa: BLE001 - no answer is one, too
                self.lsp.report_server_error(error, type(error))
                return None

        return guarded

    # --- documents

    def changed(self, params: lsp.DidOpenTextDocumentParams | lsp.DidChangeTextDocumentParams) -> None:
        """Take a new text, and have read what depends on it."""
        uri = params.text_document.uri
        path = _path(uri)
        if path is None:
            return
        text = self.lsp.workspace.get_text_document(uri).source
        if path not in self.texts and not is_spec(path, text, self._projects()):
            return
        self.texts[path], self.uris[path] = text, uri
        self._read(path)
        if path.name == PROJECT_FILE:
            self._read_all(below=path.parent)

    def closed(self, params: lsp.DidCloseTextDocumentParams) -> None:
        """Forget a document; its problems are shown no more."""
        path = _path(params.text_document.uri)
        if path is None or self.texts.pop(path, None) is None:
            return
        if (task := self.tasks.pop(path, None)) is not None:
            task.cancel()
        self.readings.pop(path, None)
        self._publish({*self.told.pop(path, {}), path})
        self.worker.submit(lambda: self.desk.result().forget(path))
        if path.name == PROJECT_FILE:
            self._read_all(below=path.parent)

    def saved(self, _: Any) -> None:
        """Read everything again: files beside the documents may be others now."""
        self.worker.submit(lambda: self.desk.result().forget())
        self._read_all()

    def shut(self, _: Any) -> None:
        """Note that the editor has said goodbye."""
        self.done = True

    def _projects(self) -> dict[Path, str]:
        return {path: text for path, text in self.texts.items() if path.name == PROJECT_FILE}

    def _read_all(self, below: Path | None = None) -> None:
        for path in self.texts:
            if below is None or (path.is_relative_to(below) and path.name != PROJECT_FILE):
                self._read(path)

    def _read_readers(self, path: Path, tables: set[str]) -> None:
        """Read again what else is open and needs tables that have changed."""
        for other, reading in self.readings.items():
            if other != path and other in self.texts and reading.neighbour.needs & tables:
                self._read(other)

    def _read(self, path: Path) -> None:
        before = self.tasks.get(path)
        if before is not None:
            before.cancel()
        self.tasks[path] = asyncio.ensure_future(self._reading(path))

    async def _reading(self, path: Path) -> None:
        """Read a text once nobody has changed it for a moment, and tell its problems."""
        await asyncio.sleep(QUIET)
        text, projects = self.texts[path], self._projects()
        work = partial(lambda: self.desk.result().read(path, text, projects))
        try:
            reading = await asyncio.get_running_loop().run_in_executor(self.worker, work)
        except Exception as error:  # noqa: BLE001 - the next change may be in order
            self.lsp.report_server_error(error, type(error))
            return
        before, self.readings[path] = self.readings.get(path), reading
        self._tell(path, reading)
        if before is not None and (moved := reading.neighbour.moved(before.neighbour)):
            self._read_readers(path, moved)

    def _tell(self, path: Path, reading: Reading) -> None:
        """Publish the problems of a reading at the files where they stand."""
        before = set(self.told.get(path, ()))
        found: dict[Path, list[lsp.Diagnostic]] = {path: []}
        ruler = cache(self._ruler)
        for problem in reading.problems:
            file = reading.file(problem.mark) if problem.mark is not None else path
            places = [(reading.file(mark), mark) for mark in problem.related]
            related = [lsp.Location(self._uri(other), ruler(other).mark(mark)) for other, mark in places]
            found.setdefault(file, []).append(diagnostic(problem, ruler(file), related))
        self.told[path] = found
        self._publish({*before, *found})

    def _publish(self, files: set[Path]) -> None:
        """Send what all open documents have to say about files."""
        for file in files:
            every = [one for told in self.told.values() for one in told.get(file, ())]
            once = [one for number, one in enumerate(every) if one not in every[:number]]
            self.lsp.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(self._uri(file), once))

    # --- requests

    async def completion(self, params: lsp.CompletionParams) -> lsp.CompletionList | None:
        """Offer what may be typed."""
        found = await self._spot(params.text_document.uri, params.position, settled=False)
        if found is None:
            return None
        spot, names, ruler = found
        offers = complete(spot, names)
        unfinished = not spot.is_key and not spot.typed.strip()[-1:].isalnum()
        return lsp.CompletionList(unfinished, [item(offer, params.position, ruler) for offer in offers])

    async def hover(self, params: lsp.HoverParams) -> lsp.Hover | None:
        """Tell what is known of what stands there, and what the problems there mean."""
        path = _path(params.text_document.uri)
        found = await self._spot(params.text_document.uri, params.position, settled=True)
        if path is None or path not in self.readings:
            return None
        ruler, told, where = self._ruler(path), [], None
        if found is not None:
            spot, names, ruler = found
            note = describe(spot, names)
            if note is not None:
                told.append(note.text)
                where = self._span(path, spot, note, ruler)
        reading = self.readings[path]
        here = [p for p in reading.problems if p.mark and reading.file(p.mark) == path]
        at = (params.position.line, params.position.character)
        here = [p for p in here if _within(at, ruler.mark(p.mark))]
        told += explained(here, self._desk().catalog)
        if not told:
            return None
        return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, "\n\n---\n\n".join(told)), where)

    def _span(self, path: Path, spot: Spot, note: Note, ruler: Ruler) -> lsp.Range:
        if note.start is None or note.end is None:
            return ruler.scalar(spot.scalar)
        mark = Source("", self.texts[path]).within(spot.scalar, note.start)
        return ruler.span(mark.line - 1, mark.column - 1, mark.column - 1 + note.end - note.start)

    async def definition(self, params: lsp.DefinitionParams) -> list[lsp.Location] | None:
        """Say where what stands there is declared."""
        found = await self._spot(params.text_document.uri, params.position, settled=True)
        if found is None:
            return None
        spot, names, _ = found
        places = find_definition(spot, names, Source("", self.texts[names.path]))
        return [lsp.Location(self._uri(p.path), self._ruler(p.path).scalar(p.scalar)) for p in places]

    async def symbols(self, params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol] | None:
        """Return the outline of a document."""
        path = _path(params.text_document.uri)
        if path is None or path not in self.texts:
            return None
        return [symbol(part, self._ruler(path)) for part in outline(self.texts[path])]

    async def _spot(self, uri: str, position: lsp.Position, *, settled: bool) -> tuple[Spot, Names, Ruler] | None:
        """Return what stands at a place. `settled`: what is typed at the moment is read first."""
        path = _path(uri)
        if path is None or path not in self.texts:
            return None
        task = self.tasks.get(path)
        if task is not None and (settled or path not in self.readings):
            await asyncio.wait([task])
        grammar = await self._grammar("project" if path.name == PROJECT_FILE else "pipeline")
        ruler = self._ruler(path)
        spot = spot_at(self.texts[path], position.line, ruler.character(position))
        if spot is None:
            return None
        reading = self.readings.get(path)
        workspace = reading.workspace if reading is not None else open_workspace(path, self._projects())
        file = workspace.folder / PROJECT_FILE
        project = (file, self._text(file)) if file in self.texts or file.is_file() else None
        return spot, Names(self.texts[path], reading, path, grammar, project), ruler

    async def _grammar(self, kind: str) -> Grammar:
        """Return a grammar; it is composed once, which takes longer than an answer should."""
        if kind not in self.grammars:
            composing = asyncio.to_thread(lambda: Grammar(kind, self._desk().catalog).composed())
            self.grammars[kind] = asyncio.ensure_future(composing)
        return await self.grammars[kind]

    def _desk(self) -> Desk:
        return self.desk.result()

    def _text(self, path: Path) -> str:
        if path in self.texts:
            return self.texts[path]
        with contextlib.suppress(OSError):
            return path.read_text(encoding="utf-8-sig", errors="replace")
        return ""

    def _ruler(self, path: Path) -> Ruler:
        codec: PositionCodec = self.lsp.workspace.position_codec
        return Ruler(self._text(path), codec)

    def _uri(self, path: Path) -> str:
        return self.uris.get(path) or uris.from_fs_path(str(path)) or path.as_uri()


def _path(uri: str) -> Path | None:
    """Return the file of a document; None: it is none of this machine's."""
    path = uris.to_fs_path(uri) if uri.startswith("file:") else None
    return Path(path).resolve() if path else None


def _within(at: tuple[int, int], span: lsp.Range) -> bool:
    return (span.start.line, span.start.character) <= at <= (span.end.line, span.end.character)
