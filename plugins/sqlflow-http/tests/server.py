"""A real HTTP server on the loopback interface, which answers as the tests tell it and keeps what it was asked."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit


class Handler(BaseHTTPRequestHandler):
    """Hands each request to a function of the server; it returns status, headers and body."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Answer."""
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode() if length else ""
        query = {key: values[-1] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        self.server.asked.append((parts.path, query, dict(self.headers), body))
        answer = self.server.answer(parts.path, query, dict(self.headers), body)
        if callable(answer):  # it writes to the socket by itself
            self.close_connection = True
            answer(self)
            return
        status, headers, content = answer if isinstance(answer, tuple) else (200, {}, answer)
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(raw)), **headers}
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)
        if headers["Content-Length"] != str(len(raw)):
            self.close_connection = True

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_):
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """The server, with what it was asked."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []
        self.answer = lambda *_: []
        self.thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    @property
    def url(self):
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"

    def stop(self):
        """End it."""
        self.shutdown()
        self.server_close()
        self.thread.join()
