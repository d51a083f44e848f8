"""Problems of a document of 50 steps in an editor, from the moment of an edit until they are there."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import IO, Any

from measure import Options, Verdict, environment, main, sqlflow

STEPS, GOAL = 50, 100.0
"""Steps of the document, and the goal in milliseconds."""
HEAD = """\
version: 1
name: shop
vars:
  since: {type: date, default: 2024-01-01}
steps:
"""
LOAD = """\
  - id: step_{number}
    type: load
    source: {{connector: csv, path: orders.csv}}
    target: raw.table_{number}
    columns: {{order_id: bigint, amount: "decimal(12,2)", status: varchar, ordered_at: timestamp}}
    checks:
      - unique: order_id
      - expression: amount > 0
"""
STEP = """\
  - id: step_{number}
    type: transform
    target: marts.table_{number}
    sql: |
      with wanted as (
        select order_id, amount, status, ordered_at
        from {source}
        where ordered_at >= $since and amount > {number}
      )
      select order_id, status, ordered_at, sum(amount) as amount
      from wanted
      group by order_id, status, ordered_at
    checks:
      - not_null: [order_id]
      - expression: amount >= {number}
"""


def measure(options: Options) -> list[Verdict]:
    """Edit the document again and again, in ways that reach less or more of it."""
    folder = options.folder("lsp")
    (folder / "orders.csv").write_text(
        "order_id,amount,status,ordered_at\n1,2.5,paid,2024-01-01 10:00:00\n", encoding="utf-8"
    )
    edits = options.size(40, 10)
    verdicts = []
    for what, edited in (
        ("the query of a step", lambda n: document().replace("amount > 7\n", f"amount > 7 and status <> 'x{n}'\n")),
        ("a misspelt column", lambda n: document().replace("select order_id, amount", f"select order_id, amoun{n}", 1)),
        ("a word of YAML", lambda n: document().replace("type: transform", f"type: trans{n}", 1)),
        (
            "the type of a column everywhere",
            lambda n: document().replace("(12,2)", f"({20 + n % 18},{1 + n // 18})"),
        ),
    ):
        times = sorted(spent(folder, edited, edits))
        least, most = times[0], times[-1]
        print(f"{what}: {edits} edits, ms {least:.0f} / {median(times):.0f} / {most:.0f}", flush=True)
        verdicts.append(Verdict(f"problems after an edit of {what}", median(times), GOAL, "ms"))
    return verdicts


def document() -> str:
    """Return the document; every fifth step is a load, the others read the step before them."""
    steps = [LOAD.format(number=n) if n % 5 == 0 else STEP.format(number=n, source=target(n - 1)) for n in range(STEPS)]
    return HEAD + "".join(steps)


def target(number: int) -> str:
    """Return the table that a step makes."""
    return f"{'marts' if number % 5 else 'raw'}.table_{number}"


def spent(folder: Path, edited: Callable[[int], str], edits: int) -> Iterator[float]:
    """Yield the milliseconds of each edit: from the message of the editor to the problems of that text."""
    uri = (folder / "shop.yaml").as_uri()
    with subprocess.Popen(
        sqlflow("lsp"), cwd=folder, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None  # noqa: S101 - it was asked for
        assert process.stdout is not None  # noqa: S101
        send, receive = process.stdin, process.stdout
        tell(send, "initialize", {"processId": os.getpid(), "capabilities": {}}, number=1)
        wait(receive, lambda message: message.get("id") == 1)
        opened = {"uri": uri, "languageId": "yaml", "version": 0, "text": document()}
        tell(send, "textDocument/didOpen", {"textDocument": opened})
        wait(receive, published)
        for number in range(1, edits + 3):
            text = {"textDocument": {"uri": uri, "version": number}, "contentChanges": [{"text": edited(number)}]}
            started = time.perf_counter()
            tell(send, "textDocument/didChange", text)
            wait(receive, published)
            if number > 2:  # the first ones warm up
                yield (time.perf_counter() - started) * 1000
        tell(send, "shutdown", None, number=2)
        wait(receive, lambda message: message.get("id") == 2)
        tell(send, "exit", None)


def published(message: dict[str, Any]) -> bool:
    """Tell whether a message brings problems."""
    return message.get("method") == "textDocument/publishDiagnostics"


def tell(stream: IO[bytes], method: str, params: Any, number: int | None = None) -> None:
    """Send a message."""
    message = {"jsonrpc": "2.0", "method": method, "params": params, **({"id": number} if number else {})}
    body = json.dumps(message).encode()
    stream.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    stream.flush()


def wait(stream: IO[bytes], wanted: Callable[[dict[str, Any]], bool]) -> None:
    """Read messages up to one that is wanted."""
    while header := stream.readline():
        size = int(header.split(b":")[1])
        while stream.readline().strip():
            pass
        if wanted(json.loads(stream.read(size))):
            return
    raise SystemExit("the server has ended")


if __name__ == "__main__":
    main(measure, __doc__)
