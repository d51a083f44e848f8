"""A TCP proxy on loopback that spoils connections as it is told: between a connector and a real server."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass
from typing import Literal, Self

Kind = Literal["none", "drop", "stall", "reset", "truncate", "slow"]
PIECE = 1 << 14


@dataclass(frozen=True)
class Fault:
    """What happens to one connection.

    `drop` hangs up before the first byte; `truncate` hangs up, `reset` resets and `stall` falls silent once `after`
    bytes have come from the server (with `upstream`: from the client); `slow` hands on little at a time.
    """

    kind: Kind = "none"
    after: int = 0
    upstream: bool = False


class FaultProxy:
    """Passes connections on to a server, and spoils them by `fault`, until that has happened so many `times`."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.fault = Fault()
        self.times = 1_000_000
        self.seen = 0
        self.spoiled = 0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up everywhere."""
        self._over.set()
        for one in (self._listening, *self._open):
            _hang_up(one)

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            with self._lock:
                self.seen += 1
            fault = self.fault
            if fault.kind == "drop" and self._strikes():
                _hang_up(client)
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                _hang_up(client)
                continue
            self._open += [client, server]
            up, down = (fault, Fault()) if fault.upstream else (Fault(), fault)
            threading.Thread(target=self._pass, args=(client, server, up), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, down), daemon=True).start()

    def _strikes(self) -> bool:
        """Count a fault that is about to happen; False: there were enough of them, whatever goes on beside this."""
        with self._lock:
            struck = self.spoiled < self.times
            self.spoiled += struck
        return struck

    def _pass(self, source: socket.socket, sink: socket.socket, fault: Fault) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(PIECE if fault.kind != "slow" else 2000):
                left = fault.after - passed
                if fault.kind in ("stall", "reset", "truncate") and len(data) >= left and self._strikes():
                    sink.sendall(data[:left])
                    self._spoil(source, sink, fault)
                    return
                if fault.kind == "slow" and self._strikes():
                    time.sleep(0.005)
                sink.sendall(data)
                passed += len(data)
        for one in (source, sink):
            _hang_up(one)

    def _spoil(self, source: socket.socket, sink: socket.socket, fault: Fault) -> None:
        if fault.kind == "stall":
            while source.recv(PIECE):  # swallowed, until one of the sides has had enough
                pass
        elif fault.kind == "reset":
            sides = (source, sink)
            for one in sides:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                one.shutdown(socket.SHUT_RD)  # wakes the thread that reads it, which keeps it from being closed
                one.close()
            return
        for one in (source, sink):
            _hang_up(one)


def _hang_up(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
