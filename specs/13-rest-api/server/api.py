"""The API of a small library, as `python server/api.py [PORT [FOLDER]]`: the JSON files of a folder, behind a token.

GET /branches is a list. GET /loans?page=1&per_page=3&changed_since=... is a page of loans, with their number. It wants
the bearer token of the environment variable LIBRARY_TOKEN, and every fourth time it is busy and says so.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


class Library(BaseHTTPRequestHandler):
    """Answers from files, which are read each time, so that they may change while it runs."""

    folder = Path(__file__).parent
    asked = count(1)

    def do_GET(self) -> None:
        """Answer."""
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if self.headers["Authorization"] != f"Bearer {os.environ['LIBRARY_TOKEN']}":
            self.reply(401, {"error": "who are you?"})
        elif next(self.asked) % 4 == 0:
            self.reply(429, {"error": "one moment"}, "0")
        elif parts.path == "/branches":
            self.reply(200, self.records("branches"))
        elif parts.path == "/loans":
            found = [loan for loan in self.records("loans") if loan["changed_at"] >= query.get("changed_since", "")]
            size = int(query["per_page"])
            start = (int(query["page"]) - 1) * size
            self.reply(200, {"total": len(found), "loans": found[start : start + size]})
        else:
            self.reply(404, {"error": f"there is no {parts.path}"})

    def records(self, name: str) -> list[dict[str, str]]:
        """Read a file."""
        records: list[dict[str, str]] = json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
        return records

    def reply(self, status: int, content: object, retry_after: str | None = None) -> None:
        """Send JSON."""
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if retry_after is not None:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    port, Library.folder = (int(sys.argv[1]) if sys.argv[1:] else 8808), Path(*sys.argv[2:] or [Library.folder])
    server = ThreadingHTTPServer(("127.0.0.1", port), Library)
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
