"""A server that speaks lines over TCP, and a plugin that reads and writes through it without any help for resilience.

What the server does to a connection is told by its `script`, one word for each connection in turn: `ok`, `refuse`
(hang up before an answer), `break` (hang up after one batch), `stall` (never answer), `pause` (stall after one batch),
`deny` (refuse for good). The last word goes on for ever.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa

from sqlflow.builtins import checks, duckdb, files, secrets, steps, storages
from sqlflow.pipeline import RESERVED
from sqlflow.registry import Catalog, PluginRecord, host_of
from sqlflow.sdk import (
    ArrowStream,
    ConfigModel,
    ConnectionReport,
    Connector,
    FileVersion,
    ReadRequest,
    Rows,
    StepError,
    TransientError,
    WriteRequest,
    WriteResult,
    hookimpl,
)

SCHEMA = pa.schema([("n", pa.int64())])
BATCHES = ((1, 2), (3, 4), (5, 6))


class LineServer:
    """A real server on loopback that keeps when it was asked what, and how many asked at once."""

    def __init__(self, *script: str, work: float = 0.0) -> None:
        self.script = list(script) or ["ok"]
        self.work = work
        self.asked: list[tuple[float, str]] = []
        self.written: list[list[str]] = []
        self.most = self._now = 0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def words(self) -> list[str]:
        """What it was asked, in order."""
        return [word for _, word in self.asked]

    def stop(self) -> None:
        """End it."""
        self._over.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in it
        self._socket.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            with client, client.makefile("rw") as stream:
                word = stream.readline().strip()
                with self._lock:
                    self.asked.append((time.monotonic(), word))
                    what = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                time.sleep(self.work)
                self._do(what, word, stream)
        except OSError:
            pass  # the client has gone
        finally:
            with self._lock:
                self._now -= 1

    def _do(self, what: str, word: str, stream: Any) -> None:
        if what == "deny":
            stream.write("denied\n")
        if what == "stall":
            self._over.wait(20)
        if what in ("refuse", "deny", "stall"):
            return
        if word == "WRITE":
            self.written.append(list(iter(lambda: stream.readline().strip() or "end", "end")))
            stream.write("done\n")
            return
        for number, batch in enumerate(BATCHES if word == "READ" else ((),)):
            if number == 1 and what == "break":
                return
            if number == 1 and what == "pause":
                stream.flush()
                self._over.wait(20)
                return
            stream.write(" ".join(map(str, batch)) + "\n")
        stream.write("end\n")


class LinesConfig(ConfigModel):
    """Where the server is."""

    port: int
    """Its port."""


class LinesOptions(ConfigModel):
    """Nothing to choose."""

    files: bool = False
    """Whether files are listed."""


def _ask(config: LinesConfig, word: str) -> Any:
    try:
        client = socket.create_connection(("127.0.0.1", config.port))
        stream = client.makefile("rw")
        client.close()  # the file keeps it
        stream.write(word + "\n")
        stream.flush()
    except OSError as error:
        raise TransientError(f"the line server is not there: {error}") from error
    return stream


def _line(stream: Any) -> str:
    try:
        line = stream.readline()
    except OSError as error:
        raise TransientError(f"the line broke: {error}") from error
    if not line:
        raise TransientError("the line server hung up")
    if line == "denied\n":
        raise StepError("the line server refuses", kind="permission")
    return str(line.strip())


class Lines(Connector[LinesConfig]):
    """Reads and writes lines."""

    name = "lines"
    Config = LinesConfig
    ReadOptions = LinesOptions
    WriteOptions = LinesOptions
    write_modes = frozenset({"replace"})
    lists_files = True

    def read(self, request: ReadRequest) -> ArrowStream:
        """Open a line when the rows are wanted."""

        def opened() -> pa.RecordBatchReader:
            stream = _ask(request.config, "READ")

            def batches() -> Iterator[Any]:
                with stream:
                    while (line := _line(stream)) != "end":
                        yield pa.record_batch([pa.array([int(n) for n in line.split()], pa.int64())], schema=SCHEMA)

            return pa.RecordBatchReader.from_batches(SCHEMA, batches())

        return ArrowStream(opened)

    def versions(self, config: LinesConfig, options: LinesOptions, folder: Path) -> list[FileVersion] | None:
        """List one file, if any."""
        if not options.files:
            return None
        with _ask(config, "LIST") as stream:
            _line(stream)
        return [FileVersion("lines", 1, "1")]

    def write(self, request: WriteRequest, rows: Rows) -> WriteResult:
        """Send every row."""
        with _ask(request.config, "WRITE") as stream:
            count = 0
            for batch in rows.batches():
                for value in batch.column(0).to_pylist():
                    stream.write(f"{value}\n")
                    count += 1
            stream.write("end\n")
            stream.flush()
            _line(stream)
        return WriteResult(count)

    def test(self, config: LinesConfig, folder: Path) -> ConnectionReport:
        """Ask for a list."""
        try:
            with _ask(config, "LIST") as stream:
                _line(stream)
        except StepError as error:
            return ConnectionReport.failure(error)
        return ConnectionReport(ok=True, message="answers", reachable=True)


def catalog() -> Catalog:
    """Return what is in the box and this plugin."""
    module = ModuleType("lines")
    module.sqlflow_connectors = hookimpl(lambda: [Lines], specname="sqlflow_connectors")  # type: ignore[attr-defined]
    modules = [checks, duckdb, files, secrets, steps, storages, module]
    return Catalog(host_of([(PluginRecord(m.__name__, "test", "1", ""), lambda m=m: m) for m in modules]), RESERVED)
