"""An editor without a window: it starts the server, keeps the texts, and asks what an editor asks."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

PATIENCE = 120
"""Seconds after which an answer is no longer waited for; machines may be busy."""
SEVERITIES = {1: "error", 2: "warning", 3: "unchecked"}


class Editor:
    """One editor and its server."""

    def __init__(self, folder: Path, *options: str, encodings: tuple[str, ...] = ("utf-16",)) -> None:
        self.folder = folder
        command = [str(Path(sys.executable).with_name("sqlflow")), "lsp", *options]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SQLFLOW_")}
        self.process = subprocess.Popen(
            command, cwd=folder, env=kept, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.stderr: list[bytes] = []
        self.inbox: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.threads = [threading.Thread(target=self._listen), threading.Thread(target=self._overhear)]
        for thread in self.threads:
            thread.start()
        self.answers: dict[int, dict[str, Any]] = {}
        self.published: dict[str, list[list[dict[str, Any]]]] = {}
        self.log: list[str] = []
        self.versions: dict[str, int] = {}
        self.count = 0
        self.capabilities = self.ask(
            "initialize",
            {
                "processId": os.getpid(),
                "rootUri": folder.as_uri(),
                "capabilities": {"general": {"positionEncodings": list(encodings)}},
            },
        )["capabilities"]
        self.tell("initialized", {})

    # --- the wire

    def _listen(self) -> None:
        stream = self.process.stdout
        while stream is not None and (header := stream.readline()):
            size = int(header.split(b":")[1])
            while stream.readline().strip():
                pass
            self.inbox.put(json.loads(stream.read(size)))
        self.inbox.put(None)

    def _overhear(self) -> None:
        self.stderr += iter(self.process.stderr.readline, b"") if self.process.stderr else []

    def send(self, message: dict[str, Any]) -> None:
        """Send a message as it is."""
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def tell(self, method: str, params: Any) -> None:
        """Send what asks for no answer."""
        self.send({"method": method, "params": params})

    def ask(self, method: str, params: Any) -> Any:
        """Ask, and return the answer."""
        answer = self.reply(method, params)
        assert "error" not in answer, answer
        return answer.get("result")

    def reply(self, method: str, params: Any) -> dict[str, Any]:
        """Ask, and return the whole reply."""
        self.count += 1
        number = self.count
        self.send({"id": number, "method": method, "params": params})
        while number not in self.answers:
            self.take()
        return self.answers.pop(number)

    def take(self) -> None:
        """Take in one message."""
        message = self.inbox.get(timeout=PATIENCE)
        assert message is not None, b"".join(self.stderr).decode()
        if "method" not in message:
            self.answers[message["id"]] = message
        elif message["method"] == "textDocument/publishDiagnostics":
            params = message["params"]
            self.published.setdefault(params["uri"], []).append(params["diagnostics"])
        elif message["method"] == "window/logMessage":
            self.log.append(message["params"]["message"])

    # --- documents

    def uri(self, name: str) -> str:
        """Return the address of a file of the folder."""
        return (self.folder / name).as_uri()

    def open(self, name: str, text: str | None = None) -> list[dict[str, Any]]:
        """Open a file, or a text under its name; returns its problems."""
        self.start(name, text)
        return self.news(name)

    def start(self, name: str, text: str | None = None) -> None:
        """Open a file without waiting for its problems."""
        text = (self.folder / name).read_text(encoding="utf-8") if text is None else text
        self.versions[name] = 1
        item = {"uri": self.uri(name), "languageId": "yaml", "version": 1, "text": text}
        self.published.pop(self.uri(name), None)
        self.tell("textDocument/didOpen", {"textDocument": item})

    def change(self, name: str, text: str, span: dict[str, Any] | None = None) -> None:
        """Replace the text of an open document, or a part of it."""
        self.versions[name] += 1
        self.published.pop(self.uri(name), None)
        change = {"text": text, **({"range": span} if span else {})}
        identity = {"uri": self.uri(name), "version": self.versions[name]}
        self.tell("textDocument/didChange", {"textDocument": identity, "contentChanges": [change]})

    def edit(self, name: str, text: str) -> list[dict[str, Any]]:
        """Replace the text of an open document; returns its problems."""
        self.change(name, text)
        return self.news(name)

    def news(self, name: str) -> list[dict[str, Any]]:
        """Wait for the problems of a document."""
        while not self.published.get(self.uri(name)):
            self.take()
        return self.published[self.uri(name)].pop(0)

    def settle(self, name: str) -> None:
        """Wait until a document is read as it is now, and forget what was said of it until then."""
        self.at("hover", name, 0, 0)
        self.published.pop(self.uri(name), None)

    def at(self, method: str, name: str, line: int, character: int) -> Any:
        """Ask about a place of a document."""
        place = {"line": line, "character": character}
        return self.ask(f"textDocument/{method}", {"textDocument": {"uri": self.uri(name)}, "position": place})

    def here(self, method: str, name: str, text: str) -> Any:
        """Have a text with a cursor, written `‸`, in an open document, and ask about the place of the cursor."""
        before, _, behind = text.partition("‸")
        self.change(name, before + behind)
        line = before.rpartition("\n")[2]
        return self.at(method, name, before.count("\n"), len(line.encode("utf-16-le")) // 2)

    # --- the end

    def quit(self) -> int:
        """Say goodbye as an editor does; returns the exit code of the server."""
        self.ask("shutdown", None)
        self.tell("exit", None)
        return self.left()

    def left(self) -> int:
        """Wait for the server to end; returns its exit code."""
        code = self.process.wait(PATIENCE)
        for thread in self.threads:
            thread.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        return code

    def kill(self) -> None:
        """End a server that has not been told to."""
        if self.process.poll() is None:
            self.process.kill()
            self.left()
