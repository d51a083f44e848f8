"""A process that runs documents and dies where it is told to; it forks for every run, so that a run takes no start.

Run as a program it reads orders from its input, one JSON object a line, and answers each with one line. Nothing here
opens a database before the fork.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[2]


class Crasher:
    """The other end: sends orders, and returns what became of them."""

    def __enter__(self) -> Self:
        """Start the process that forks."""
        command = [sys.executable, "-m", "tests.incremental.crashing"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        """Let it end."""
        self._process.communicate()

    def run(self, folder: Path, **order: Any) -> Mapping[str, Any]:
        """Run the document of a folder.

        `word` and `count`: die at the statement that starts so, counted from one; `after` it, or before. `delay`: be
        killed after so many seconds. `resume`: go on with the last run. `limit`: largest size of a file in bytes.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise ValueError("the process has no pipes")
        self._process.stdin.write(json.dumps({"folder": str(folder), **order}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


def serve() -> None:
    """Answer orders until there are no more."""
    from .ground import catalog

    catalog()
    for line in sys.stdin:
        order = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            with os.fdopen(writing, "w") as said:
                obey(order, said)
            os._exit(0)
        os.close(writing)
        if order.get("delay") is not None:
            time.sleep(order["delay"])
            os.kill(child, signal.SIGKILL)
        with os.fdopen(reading) as heard:
            text = heard.read()
        _, status = os.waitpid(child, 0)
        answer = {"killed": os.WIFSIGNALED(status), **(json.loads(text) if text else {})}
        print(json.dumps(answer), flush=True)  # noqa: T201 - the answer is what this program is for


def obey(order: Mapping[str, Any], said: Any) -> None:
    """Run once, in a process of its own, and say what became of the steps."""
    from sqlflow import Pipeline, SQLFlowError

    from .ground import catalog

    if order.get("count"):
        set_fuse(order["word"], order["count"], after=order.get("after", False))
    if order.get("limit"):
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (order["limit"], resource.RLIM_INFINITY))
    pipeline = Pipeline(Path(order["folder"]) / "p.yaml", catalog())
    asked = order.get("asked", {})
    try:
        with pipeline.resume() if order.get("resume") else pipeline.run(**asked) as result:
            steps = {step.id: [step.status, step.error] for step in result.steps}
            json.dump({"steps": steps}, said)
    except SQLFlowError as error:
        json.dump({"steps": {}, "error": [error.code, error.message, error.hint]}, said)


def set_fuse(word: str, count: int, *, after: bool) -> None:
    """Die at the statement of a session that starts with a word, the first or a later one."""
    from sqlflow.builtins.duckdb import warehouse
    from sqlflow.builtins.duckdb.connection import Connection

    lock, seen = threading.Lock(), 0

    def burn(sql: str, *, now: bool) -> None:
        nonlocal seen
        if now == after and sql.startswith(word):
            with lock:
                seen += 1
                if seen == count:
                    os.kill(os.getpid(), signal.SIGKILL)

    real = Connection.execute

    def execute(self: Connection, sql: str, parameters: Any = None) -> Any:
        burn(sql, now=False)
        found = real(self, sql, parameters)
        burn(sql, now=True)
        return found

    class Cursor:
        """A cursor of the prelude, which is not a session's."""

        def __init__(self, raw: Any) -> None:
            self.raw = raw

        def execute(self, sql: str) -> Any:
            burn(sql, now=False)
            found = self.raw.execute(sql)
            burn(sql, now=True)
            return found

    migrate = warehouse.migrate
    setattr(Connection, "execute", execute)  # noqa: B010 - it dies with the process
    setattr(warehouse, "migrate", lambda cursor: migrate(Cursor(cursor)))  # noqa: B010


if __name__ == "__main__":
    serve()
