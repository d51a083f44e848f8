"""Parquet in S3 with a selective filter: how many bytes come over the wire, against those of the wanted row groups.

Needs the plugin sqlflow-s3 and moto, which `make bench` installs. A forwarder between SQLFlow and the store counts.
"""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from measure import Options, Program, Verdict, main, run, script, sqlflow

WANTED = 2

SPEC = """\
version: 1
name: s3
connections:
  lake: {{connector: s3, bucket: lake, endpoint: "http://127.0.0.1:{port}", region: us-east-1, access_key_id: x, secret_access_key: y}}
steps:
  - id: events
    type: load
    source: {{connection: lake, path: events.parquet{select}}}
    target: events
    {mode}
"""  # noqa: E501 - YAML


class Meter:
    """Passes connections on to a port and counts the bytes that come back."""

    def __init__(self, port: int) -> None:
        self.bytes = 0
        self._to = port
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._socket.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._socket.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                threading.Thread(target=self._pass, args=(near, far, False), daemon=True).start()
                threading.Thread(target=self._pass, args=(far, near, True), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if counted:
                    with self._lock:
                        self.bytes += len(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@contextmanager
def store(groups: int) -> Iterator[dict[str, Any]]:
    """Run a store with an object of so many row groups; what it tells of itself."""
    command = script("raw/s3_store.py", groups, WANTED)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101 - for the type checker
        yield json.loads(process.stdout.readline())
        process.communicate()


def fetched(options: Options, name: str, told: dict[str, Any], mode: str, select: str = "") -> int:
    """Load the object in a process of its own and return how many bytes came over the wire."""
    folder: Path = options.folder(f"s3-{name}")
    meter = Meter(told["port"])
    (folder / "spec.yaml").write_text(SPEC.format(port=meter.port, mode=mode, select=select), encoding="utf-8")
    run(Program(sqlflow("run", "spec.yaml"), folder))
    meter.close()
    return meter.bytes


def measure(options: Options) -> list[Verdict]:
    """Load everything, the last row groups, and one column of them."""
    groups = options.size(40, 10)
    with store(groups) as told:
        cursor = f"mode: append\n    cursor: {{column: id, initial: {told['first']}}}"
        whole = fetched(options, "whole", told, "mode: replace")
        some = fetched(options, "some", told, cursor)
        one = fetched(options, "one", told, cursor, ", select: [id]")
    size = told["size"]
    print(f"\nParquet in S3, {size / 1e6:.1f} MB in {groups} row groups, of which {WANTED} are wanted")
    print(f"  everything           {whole / 1e6:8.2f} MB   {whole / size:6.1%} of the object")
    print(f"  wanted row groups    {some / 1e6:8.2f} MB   {some / size:6.1%}; they hold {told['needed'] / size:.1%}")
    print(f"  one column of them   {one / 1e6:8.2f} MB   {one / size:6.1%}; it holds {told['one'] / size:.1%}")
    return [
        Verdict("S3 Parquet, everything: bytes against the object", whole / size, 1.1, "x"),
        Verdict("S3 Parquet, filter: bytes against the wanted row groups", some / told["needed"], 1.2, "x"),
    ]


if __name__ == "__main__":
    main(measure, __doc__)
