"""One process writes a warehouse; a second learns at once whom it waits for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

SLOW = """\
version: 1
name: slow
steps:
  - id: big
    type: transform
    target: big
    sql: select count(*) as n from range(3000000) a, range(20000) b where (a.range * b.range) % 7 = 3
"""
COMMAND = [sys.executable, "-m", "sqlflow.cli.main"]


def sqlflow(folder, *words):
    """Run the command in a folder."""
    return subprocess.run([*COMMAND, *words], cwd=folder, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def writer(tmp_path):
    """Start a run that takes long, and wait until it holds its warehouse."""
    (tmp_path / "slow.yaml").write_text(SLOW)
    with subprocess.Popen(
        [*COMMAND, "run", "slow.yaml"], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        for _ in range(600):
            if (tmp_path / "slow.duckdb.lock").exists() and list(tmp_path.glob("target/runs/*/run.json")):
                break
            time.sleep(0.1)
        yield process
        process.kill()


def test_a_second_process_learns_who_writes(tmp_path, writer):
    """Pid, host, run id and start time are told at once, to writers and to readers; records can be read meanwhile."""
    record = json.loads((tmp_path / "slow.duckdb.lock").read_text())
    for words in (("run", "slow.yaml"), ("query", "--spec", "slow.yaml", "select 1"), ("state", "list", "slow.yaml")):
        done = sqlflow(tmp_path, *words)
        assert done.returncode == 1
        for told in ("SF703", f"PID {writer.pid}", record["host"], record["work"], record["started_at"]):
            assert told in done.stderr
    assert "running" in sqlflow(tmp_path, "runs", "list").stdout


def test_a_stale_record_is_recognised(tmp_path, writer):
    """After a kill the next run takes over, says so, and leaves no record; the list shows the dead run as killed."""
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert (tmp_path / "slow.duckdb.lock").exists()
    assert "killed" in sqlflow(tmp_path, "runs", "list").stdout
    (tmp_path / "slow.yaml").write_text(SLOW.replace("3000000", "3"))
    done = sqlflow(tmp_path, "run", "slow.yaml")
    assert done.returncode == 0, done.stderr
    assert f"the last writer did not end: PID {writer.pid}" in done.stderr
    assert not (tmp_path / "slow.duckdb.lock").exists()
    assert "did not end" not in sqlflow(tmp_path, "run", "slow.yaml").stderr


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"pid": 1}', '{"work": "x", "more": 1}'])
def test_a_damaged_record_says_nothing(tmp_path, damage):
    """What stands in the record never decides whether a warehouse opens."""
    (tmp_path / "slow.yaml").write_text(SLOW.replace("3000000", "3"))
    (tmp_path / "slow.duckdb.lock").write_text(damage)
    done = sqlflow(tmp_path, "run", "slow.yaml")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "slow.duckdb.lock").exists()


def test_a_record_of_another_process_is_not_blamed(tmp_path, writer):
    """A record that does not name the process that holds the file is not believed."""
    path = tmp_path / "slow.duckdb.lock"
    path.write_text(json.dumps({**json.loads(path.read_text()), "pid": os.getpid()}))
    done = sqlflow(tmp_path, "run", "slow.yaml")
    assert f"PID {writer.pid}" in done.stderr
    assert str(os.getpid()) not in done.stderr
