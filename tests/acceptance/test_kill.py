"""A process that is killed leaves whole tables, and nothing that the next run does not clear away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import duckdb
import pytest

ENDLESS = "(select count(*) from range(100000000000) a(i) where i % 7 = 3) > 0"
COMMAND = [sys.executable, "-m", "sqlflow.cli.main", "run", "p.yaml"]


def spec(folder, rows, *, mode="replace", check="n >= 0", then="n is not null"):
    """Write a pipeline that fills a table; `check` looks at the batch, `then` at the table before the commit."""
    key = "\n    key: [n]" if mode == "merge" else ""
    (folder / "p.yaml").write_text(
        f"version: 1\nname: killed\nsteps:\n  - id: fill\n    type: transform\n    target: m.t\n    mode: {mode}{key}\n"
        f"    sql: select i as n from range({rows}) r(i)\n    checks:\n      - expression: {check}\n"
        f"      - expression: {then}\n        scope: target\n"
    )


def run(folder):
    """Run the pipeline to its end."""
    done = subprocess.run(COMMAND, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def kill_while_at_work(folder):
    """Start a run, wait until it is busy in its step, kill it, and return its process id."""
    process = subprocess.Popen(COMMAND, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    runs = folder / "target" / "runs"
    before = set(runs.iterdir()) if runs.exists() else set()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        fresh = (set(runs.iterdir()) if runs.exists() else set()) - before
        if any((f / "events.ndjson").exists() and "step_started" in (f / "events.ndjson").read_text() for f in fresh):
            break
        time.sleep(0.02)
    time.sleep(0.4)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("mode", ["replace", "append", "merge"])
@pytest.mark.parametrize("where", ["on the batch", "before the commit"])
def test_a_kill_leaves_the_old_rows_and_the_next_run_is_whole(tmp_path, mode, where):
    """Killed while staging or inside its transaction, a step has done nothing; the next run clears up and completes."""
    spec(tmp_path, 3, mode=mode)
    run(tmp_path)
    spec(tmp_path, 5, mode=mode, **{"check" if where == "on the batch" else "then": ENDLESS})
    kill_while_at_work(tmp_path)
    with duckdb.connect(str(tmp_path / "killed.duckdb")) as connection:
        assert connection.execute("select count(*) from m.t").fetchall() == [(3,)]
        assert connection.execute("select count(*) from _sqlflow.commits").fetchall() == [(1,)]
    spec(tmp_path, 5, mode=mode)
    run(tmp_path)
    with duckdb.connect(str(tmp_path / "killed.duckdb")) as connection:
        expected = 8 if mode == "append" else 5
        assert connection.execute("select count(*) from m.t").fetchall() == [(expected,)]
        assert connection.execute("select table_name from duckdb_tables() where schema_name = 'm'").fetchall() == [
            ("t",)
        ]
        assert connection.execute("select count(*) from _sqlflow.commits").fetchall() == [(2,)]
