"""The resilience keys of a connection, on a plugin that knows nothing of them and a server that fails as it is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sqlflow.pipeline import Pipeline
from sqlflow.sdk import RESILIENCE as KEYS
from sqlflow.spec import RESILIENCE

from .lines import LineServer, catalog

ALL = [1, 2, 3, 4, 5, 6]
LOAD = "{id: a, type: load, source: {connection: c}, target: t}"
Run = Callable[..., Any]


@pytest.fixture
def served() -> Iterator[Callable[..., LineServer]]:
    """Start servers with their scripts."""
    running: list[LineServer] = []

    def start(*script: str, **more: float) -> LineServer:
        running.append(LineServer(*script, **more))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run steps against a server; returns their records, and the rows of `t` where the first one succeeded."""

    def running(server: LineServer, settings: str, *steps: str) -> tuple[list[Any], list[int] | None]:
        file = tmp_path / "p.yaml"
        lines = "".join(f"  - {step}\n" for step in steps or (LOAD,))
        file.write_text(
            f"version: 1\nname: p\nconnections:\n  c: {{connector: lines, port: {server.port}, {settings}}}\n"
            f"steps:\n{lines}"
        )
        with Pipeline(file, catalog()).run() as result:
            rows = None
            if result.record.steps[0].status == "succeeded" and (LOAD[:-1] in lines or "target: t," in lines):
                rows = sorted(result.table("t").column(0).to_pylist())
            return result.record.steps, rows

    return running


def test_the_keys_are_the_same_everywhere() -> None:
    """What a plugin may say has an effect is what a document may write."""
    assert KEYS == RESILIENCE


def test_a_call_that_fails_in_passing_is_made_again(served: Any, run: Run) -> None:
    """A connection's retry repeats the opening, within one attempt of the step, and every row comes once."""
    server = served("refuse", "refuse", "ok")
    (step,), rows = run(server, "retry: {attempts: 3, delay: 1ms}")
    assert (step.status, step.attempts, rows) == ("succeeded", 1, ALL)
    assert server.words == ["READ"] * 3
    assert ["try 1 failed" in warning for warning in step.warnings] == [True, False]


def test_only_what_may_pass_is_tried_again(served: Any, run: Run) -> None:
    """A refusal is told at once, whatever the retry."""
    server = served("deny")
    (step,), _ = run(server, "retry: {attempts: 3, delay: 1ms}")
    assert (step.error["kind"], server.words) == ("permission", ["READ"])


def test_rows_that_were_delivered_are_never_fetched_again(served: Any, run: Run) -> None:
    """A stream that breaks behind its first rows is not taken up: the attempt fails, and the target has nothing."""
    server = served("break", "ok")
    (step,), _ = run(server, "retry: {attempts: 5, delay: 1ms}")
    assert (step.status, step.error["kind"], server.words) == ("failed", "transient", ["READ"])


def test_a_steps_retry_starts_the_whole_attempt_over(served: Any, run: Run) -> None:
    """Where the connection's retry may not help, the step's does, and every row comes once."""
    server = served("break", "refuse", "break", "refuse", "ok")
    load = LOAD.replace("target: t", "target: t, retry: {attempts: 3, delay: 1ms}")
    (step,), rows = run(server, "retry: {attempts: 2, delay: 1ms}", load)
    assert (step.attempts, rows, len(server.words)) == (3, ALL, 5)


@pytest.mark.parametrize("script", ["stall", "pause"])
def test_silence_is_limited(served: Any, run: Run, script: str) -> None:
    """A system that never answers, or stops in the middle, is told as such, in little more than the limit."""
    before = time.monotonic()
    (step,), _ = run(served(script), "timeout: 300ms")
    assert (step.error["kind"], step.error["code"]) == ("transient", "SF750")
    assert "reading through connection 'c': no answer within 300ms" in step.error["message"]
    assert time.monotonic() - before < 5


def test_silence_is_tried_again(served: Any, run: Run) -> None:
    """A timeout is a failure that may pass, so the connection's retry repeats the call."""
    (step,), rows = run(served("stall", "ok"), "timeout: 300ms, retry: {attempts: 2, delay: 1ms}")
    assert (step.attempts, rows) == (1, ALL)


def test_calls_keep_their_distance(served: Any, run: Run) -> None:
    """No more calls begin in a stretch of time than the limit says, whichever step makes them."""
    server = served()
    steps = [f"{{id: s{n}, type: load, source: {{connection: c}}, target: t{n}}}" for n in range(5)]
    found, _ = run(server, "rate_limit: {requests: 2, per: 2s}", *steps)
    assert {step.status for step in found} == {"succeeded"}
    times = [at for at, _ in server.asked]
    assert all(later - first > 1.5 for first, later in zip(times, times[2:], strict=False))
    server.asked.clear()
    run(server, "rate_limit: 1", *[step.replace("id: s", "id: r") for step in steps[:3]])
    assert all(later - first > 0.75 for (first, _), (later, _) in pairwise(server.asked))


def test_no_more_connections_than_allowed(served: Any, run: Run) -> None:
    """However many steps run at once, no more of them use the connection than `max_connections`."""
    steps = [f"{{id: s{n}, type: load, source: {{connection: c}}, target: t{n}}}" for n in range(4)]
    server = served(work=0.1)
    found, _ = run(server, "max_connections: 1", *steps)
    assert ({step.status for step in found}, server.most) == ({"succeeded"}, 1)
    free = served(work=0.1)
    run(free, "timeout: 10s", *[step.replace("id: s", "id: r") for step in steps])
    assert free.most > 1


def test_a_slot_is_free_again_after_a_failure(served: Any, run: Run) -> None:
    """What fails, at whatever point, gives its place back to the others."""
    steps = [f"{{id: s{n}, type: load, source: {{connection: c}}, target: t{n}}}" for n in range(3)]
    server = served("break", "refuse", "ok")
    found, _ = run(server, "max_connections: 1", *steps)
    assert sorted(step.status for step in found) == ["failed", "failed", "succeeded"]


def test_the_circuit_opens_and_closes(served: Any, run: Run) -> None:
    """After failures in a row no call is made for a while; then one is let through, which opens or closes it."""
    server = served("refuse", "refuse", "refuse", "ok")
    retry = "retry: {attempts: 100, delay: 100ms, backoff: constant}"
    load = LOAD.replace("target: t", f"target: t, {retry}")
    after = "{id: b, type: load, source: {connection: c}, target: u, depends_on: [a]}"
    found, rows = run(server, "circuit_breaker: {failures: 2, open_for: 2s}", load, after)
    assert (found[0].status, found[1].status, rows, len(server.words)) == ("succeeded", "succeeded", ALL, 5)
    times = [at for at, _ in server.asked]
    assert times[1] - times[0] < 1.8 <= min(times[2] - times[1], times[3] - times[2])
    assert found[0].attempts > 5


def test_an_open_circuit_says_what_it_is(served: Any, run: Run) -> None:
    """The error of a call that was not made names the connection, the failures and the wait."""
    server = served("refuse")
    (step,), _ = run(
        server,
        "circuit_breaker: {failures: 1, open_for: 1h}, retry: {attempts: 5, delay: 1ms}",
    )
    assert (step.error["code"], step.error["kind"], len(server.words)) == ("SF751", "transient", 1)
    assert "connection 'c' has failed 1 times in a row and is left alone for 1h" in step.error["message"]


def test_a_refusal_is_an_answer(served: Any, run: Run) -> None:
    """Errors that will not pass do not open the circuit: the system is there."""
    server = served("deny")
    steps = [f"{{id: s{n}, type: load, source: {{connection: c}}, target: t{n}}}" for n in range(3)]
    found, _ = run(server, "circuit_breaker: {failures: 1}", *steps)
    assert {step.error["kind"] for step in found} == {"permission"}
    assert len(server.words) == 3


EXPORT = "{id: out, type: export, sql: select 7 as n, target: {connection: c}}"


def test_a_write_none_of_whose_rows_was_taken_is_made_again(served: Any, run: Run) -> None:
    """A system that cannot be reached has taken nothing, so the write is repeated; and it is written once."""
    server = served()
    gone = LineServer()
    gone.stop()
    (step,), _ = run(server, "retry: {attempts: 3, delay: 1ms}", EXPORT)
    assert (step.status, server.written) == ("succeeded", [["7"]])
    (step,), _ = run(gone, "retry: {attempts: 3, delay: 1ms}", EXPORT)
    assert (step.status, len(step.warnings), step.attempts) == ("failed", 2, 1)


def test_a_write_that_has_begun_is_not_repeated(served: Any, run: Run) -> None:
    """Once rows were taken only the step's retry writes again, as one write under the same name."""
    server = served("refuse", "ok")
    (step,), _ = run(server, "retry: {attempts: 3, delay: 1ms}", EXPORT)
    assert (step.status, server.words) == ("failed", ["WRITE"])


def test_one_attempt_lists_once(served: Any, run: Run) -> None:
    """A load of new files lists them once before it reads, and once more to see that they have not changed."""
    server = served()
    load = "{id: a, type: load, source: {connection: c, files: true, incremental: new_files}, target: t, mode: append}"
    (step,), rows = run(server, "timeout: 5s", load)
    assert (step.status, rows, server.words) == ("succeeded", ALL, ["LIST", "READ", "LIST"])


def test_a_store_that_cannot_be_listed_is_asked_once_an_attempt(served: Any, run: Run) -> None:
    """What the listing cannot reach is not asked for again by reading: the attempt has failed."""
    server = served("refuse")
    load = "{id: a, type: load, source: {connection: c, files: true}, target: t, retry: {attempts: 2, delay: 1ms}}"
    (step,), _ = run(server, "max_connections: 9", load)
    assert (step.error["kind"], step.attempts, server.words) == ("transient", 2, ["LIST", "LIST"])
