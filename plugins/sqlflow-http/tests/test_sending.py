"""Requests: tried again when that may help, no faster than is asked, and ended by a stop."""
# ruff: noqa: ARG001, ARG005 - every answer is given path, query, headers and body, and looks at what it needs

import gzip
import json
import signal
import socket
import struct
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

ROWS = [{"id": n, "name": f"n{n}"} for n in range(1, 8)]


def ids(rows):
    """Return the ids that came, in order."""
    return rows.column("id").to_pylist()


def sliced(start, size):
    """Return some of the rows."""
    return ROWS[start : start + size]


@pytest.mark.parametrize("trouble", ["429", "500", "breaks off", "silent"])
def test_a_busy_or_broken_server_is_asked_again(load, server, trouble):
    """A request that meets 429, 5xx, a broken body or silence is sent again, and no row is lost or doubled."""

    def answer(path, query, headers, body):
        if len(server.asked) in (1, 3):
            if trouble == "silent":
                time.sleep(0.6)
            status = {"429": 429, "500": 500}.get(trouble, 200)
            more = {"Content-Length": "9999"} if trouble == "breaks off" else {"Retry-After": "0"}
            return status, more, ROWS
        return sliced(int(query["offset"]), 4)

    server.answer = answer
    config = "tries: 3, request_timeout: 300ms"
    error, rows = load(server, "path: /items, pagination: {type: offset}", config)
    assert error is None, error
    assert ids(rows) == [1, 2, 3, 4, 5, 6, 7]


def test_retry_after_is_kept_to_and_bounded(load, server):
    """The pause that a server asks for is made; one beyond max_wait is a transient error at once."""
    server.answer = lambda *_: (429, {"Retry-After": "1"}, {}) if len(server.asked) == 1 else ROWS
    before = time.monotonic()
    assert load(server, config="tries: 2")[0] is None
    assert time.monotonic() - before > 1
    server.answer = lambda *_: (503, {"Retry-After": "3600"}, {})
    error, _ = load(server, config="tries: 2")
    assert error["kind"] == "transient"
    assert "asks to wait 3600 s" in error["message"]


def test_when_all_tries_are_used_up_the_step_may_be_retried(load, server):
    """Behind the connector's own tries stands the step's retry."""
    server.answer = lambda *_: (500, {"Retry-After": "0"}, {}) if len(server.asked) < 4 else ROWS
    error, rows = load(server, config="tries: 2", more="retry: {attempts: 2, delay: 10ms}")
    assert error is None, error
    assert len(ids(rows)) == 7
    server.stop()
    error, _ = load(server, config="tries: 1")
    assert (error["kind"], "cannot be reached" in error["message"]) == ("transient", True)


def test_requests_keep_their_distance(load, server):
    """No more requests a second are sent than rate_limit says."""
    server.answer = lambda path, query, headers, body: sliced(int(query["offset"]), 2)
    before = time.monotonic()
    error, _ = load(server, "path: /i, pagination: {type: offset}", "rate_limit: 10")
    assert error is None
    assert time.monotonic() - before > 0.4


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
WHOLE = json.dumps(ROWS).encode()


def written(*parts, pause=0.0, reset=False):
    """Answer with these bytes as they are, then wait, then hang up or reset the connection."""

    def answer(handler):
        for part in parts:
            handler.wfile.write(part)
            handler.wfile.flush()
        time.sleep(pause)
        if reset:
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()

    return answer


PACKED = gzip.compress(WHOLE)
FAULTS = {
    "hangs up at once": (written(), "hangs up without an answer"),
    "resets": (written(HEAD, b"Content-Length: 999\r\n\r\n", WHOLE[:50], reset=True), "breaks off"),
    "a body of unknown length that ends early": (written(HEAD, b"\r\n", WHOLE[:50]), "breaks off"),
    "such a body that ends within a number": (written(HEAD, b"\r\n", b'[{"id": 1}, {"id": 1.'), "breaks off"),
    "such a body that ends within a word": (written(HEAD, b"\r\n", b'[{"id": 1}, {"id": tr'), "breaks off"),
    "such a body that ends behind a record": (written(HEAD, b"\r\n", b'[{"id": 1}'), "breaks off"),
    "chunks without an end": (
        written(HEAD, b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(WHOLE), WHOLE, b"\r\n"), "breaks off"),
    "half a chunk": (written(HEAD, b"Transfer-Encoding: chunked\r\n\r\nfff\r\n", WHOLE[:50]), "breaks off"),
    "stalls within the body": (
        written(HEAD, b"Content-Length: 999\r\n\r\n", WHOLE[:50], pause=0.8),
        "silent for 0.3 s"),
    "half of a packed body": (
        written(HEAD, b"Content-Encoding: gzip\r\n\r\n", PACKED[: len(PACKED) // 2]), "packed body that breaks off"),
    "no packed body": (written(HEAD, b"Content-Encoding: gzip\r\n\r\n", WHOLE), "cannot be unpacked"),
    "not HTTP": (written(b"SSH-2.0-OpenSSH_9.9\r\n"), "something that is not HTTP"),
    "busy": (lambda: (529, {}, {}), "answers 529"),
    "a limit that is told by 403": (lambda: (403, {"Retry-After": "0"}, {}), "answers 403 Forbidden"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_cut_stalls_or_resets_is_asked_again(load, server, name):
    """A page that does not come whole is asked for again, and the result is complete; or the error is transient."""
    fault, told = FAULTS[name]
    broken = fault() if fault.__name__ == "<lambda>" else fault
    server.answer = lambda path, query, headers, body: (
        broken if len(server.asked) == 2 else sliced(int(query["offset"]), 4)
    )
    config = "tries: 2, request_timeout: 300ms, max_wait: 50ms"
    error, rows = load(server, "path: /items, pagination: {type: offset}", config)
    assert error is None, error
    assert ids(rows) == [1, 2, 3, 4, 5, 6, 7]
    server.answer = lambda path, query, headers, body: broken
    error, _ = load(server, config=config)
    assert error["kind"] == "transient"
    assert told in error["message"]
    assert "(2 tries)" in error["message"]


def test_packed_bodies_are_unpacked(load, server):
    """The API may send gzip, and says so; other packings were not asked for."""
    server.answer = lambda path, query, headers, body: (
        (200, {"Content-Encoding": "gzip"}, PACKED) if headers["Accept-Encoding"] == "gzip" else []
    )
    error, rows = load(server)
    assert error is None, error
    assert len(ids(rows)) == 7
    server.answer = lambda *_: (200, {"Content-Encoding": "br"}, b"xxxx")
    assert "packed as 'br'" in load(server)[0]["message"]


def test_retry_after_may_be_a_date(load, server):
    """A server may name the moment at which it wants to be asked again."""
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)
    server.answer = lambda *_: (503, {"Retry-After": then}, {}) if len(server.asked) == 1 else ROWS
    before = time.monotonic()
    assert load(server, config="tries: 2")[0] is None
    assert 1.5 < time.monotonic() - before < 6
    server.answer = lambda *_: (429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, {})
    assert "(2 tries)" in load(server, config="tries: 2")[0]["message"]
    server.answer = lambda *_: (429, {"Retry-After": "Fri, 31 Dec 2099 23:59:59 GMT"}, {})
    error, _ = load(server, config="tries: 2")
    assert error["kind"] == "transient"
    assert "asks to wait" in error["message"]


@pytest.mark.parametrize("waits", ["for an answer", "between tries"])
def test_a_step_that_is_out_of_time_stops_waiting(load, server, waits):
    """The timeout of the step ends it while it waits, whatever it waits for."""

    def answer(*_):
        if waits == "between tries":
            return 503, {"Retry-After": "30"}, {}
        time.sleep(20)
        return ROWS

    server.answer = answer
    before = time.monotonic()
    error, _ = load(server, config="tries: 9", more="timeout: 300ms")
    assert time.monotonic() - before < 10
    assert error["code"] == "SF704"


def test_ctrl_c_stops_a_run_that_waits(tmp_path, server):
    """A stop from the keyboard does not wait for the API, and ends quietly."""
    server.answer = lambda *_: time.sleep(20) or ROWS
    spec = tmp_path / "s.yaml"
    spec.write_text(
        f"version: 1\nname: s\nsteps:\n  - id: a\n    type: load\n    target: t\n"
        f"    source: {{connector: http, base_url: '{server.url}'}}\n"
    )
    command = [str(Path(sys.executable).with_name("sqlflow")), "run", str(spec)]
    running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 20
    while not server.asked and time.monotonic() < end:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    before = time.monotonic()
    out, err = running.communicate(timeout=25)
    assert time.monotonic() - before < 15
    assert running.returncode == 130, (out, err)
    assert "Traceback" not in err
    assert "leaked" not in err


def test_a_run_that_is_out_of_time_ends_quietly(tmp_path, server):
    """A request that is still on its way when the program ends holds nothing of the run."""
    server.answer = lambda *_: time.sleep(20) or ROWS
    spec = tmp_path / "s.yaml"
    spec.write_text(
        "version: 1\nname: s\nsteps:\n"
        f"  - {{id: a, type: load, target: t, timeout: 300ms, source: {{connector: http, base_url: '{server.url}'}}}}\n"
    )
    code = f"from sqlflow.pipeline import Pipeline; Pipeline.from_file({str(spec)!r}).run().close()"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr == ""
