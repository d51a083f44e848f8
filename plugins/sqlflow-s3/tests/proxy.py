"""A proxy before the server, which counts what passes, delays it, breaks it, and lets credentials run out."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Call:
    """A request as the proxy saw it, and how many bytes of body came back."""

    method: str
    path: str
    range: str
    status: int
    bytes: int
    signed: bool = False


@dataclass
class Proxy:
    """Passes requests on to the server. `fault` may answer one in its place by the name of what is to go wrong.

    `runs_out` tells that an access key is good no more, and `answers` may change what is answered.
    """

    url: str
    calls: list[Call] = field(default_factory=list)
    fault: Callable[[str, str], str | None] = lambda _method, _path: None
    runs_out: Callable[[str], bool] = lambda _key: False
    answers: Callable[[bytes], bytes] = lambda body: body

    def fetched(self, key: str) -> int:
        """Return how many bytes of an object came back."""
        return sum(c.bytes for c in self.calls if c.method == "GET" and c.path.split("?")[0].endswith(key))

    def once(self, method: str, part: str, fault: str, times: int = 1) -> None:
        """Let the next requests of a method whose path holds a text go wrong."""
        left = [times]

        def decide(asked: str, path: str) -> str | None:
            if asked == method and part in path and left[0]:
                left[0] -= 1
                return fault
            return None

        self.fault = decide


@contextmanager
def standing_before(server: str) -> Iterator[Proxy]:
    """Stand before a server for as long as a block lasts."""
    host = server.removeprefix("http://")
    seen = Proxy("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (ConnectionError, OSError):
                self.close_connection = True

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            key = re.search("Credential=([^/]+)", self.headers.get("Authorization") or "")
            fault = "400" if key and seen.runs_out(key[1]) else seen.fault(self.command, self.path)
            if fault == "reset":
                seen.calls.append(Call(self.command, self.path, "", 0, 0))
                self.close_connection = True
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                self.connection.close()
                return
            if fault is not None and fault.isdigit():
                code = {"400": "ExpiredToken", "500": "InternalError", "503": "SlowDown"}.get(fault, "AccessDenied")
                kind = self.headers.get("Content-Type") or ""
                if kind.startswith("application/x-amz-json"):
                    text = json.dumps({"__type": code, "message": "no"}).encode()
                else:
                    kind, text = "application/xml", f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
                self.reply(int(fault), {"Content-Type": kind}, text, len(text))
                return
            onward = http.client.HTTPConnection(host, timeout=30)
            try:
                onward.request(self.command, self.path, body, dict(self.headers.items()))
                answer = onward.getresponse()
                data = seen.answers(answer.read())
                headers = {k: v for k, v in answer.getheaders() if k.lower() not in ("content-length", "connection")}
                size = int(answer.getheader("Content-Length") or len(data)) if self.command == "HEAD" else len(data)
                sent = data[: len(data) // 2] if fault == "truncate" else data
                if fault == "lost":
                    self.close_connection = True
                    self.connection.close()
                    return
                self.reply(answer.status, headers, sent, size)
                if fault == "truncate":
                    self.close_connection = True
            finally:
                onward.close()

        def reply(self, status: int, headers: dict[str, str], body: bytes, size: int) -> None:
            signed = "Authorization" in self.headers
            asked = self.headers.get("Range") or ""
            seen.calls.append(Call(self.command, self.path, asked, status, len(body), signed))
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(size))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    for method in ("GET", "PUT", "POST", "DELETE", "HEAD"):
        setattr(Handler, f"do_{method}", Handler.answer)
    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    seen.url = f"http://127.0.0.1:{listening.server_address[1]}"
    try:
        yield seen
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()
