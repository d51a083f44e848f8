"""Spans: nothing without the standard variables, everything with them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

SPEC = """
version: 1
name: traced
vars: {token: {type: string, default: "${secret:env/TOKEN}"}}
steps:
  - id: fine
    type: transform
    target: t
    sql: select 1 as a
    checks: [not_null: [a]]
  - id: broken
    type: transform
    target: u
    sql: select error($token) as x
"""


def run(tmp_path, **environment):
    """Run the pipeline with some variables and return the process."""
    (tmp_path / "p.yaml").write_text(SPEC)
    command = [sys.executable, "-m", "sqlflow.cli.main", "run", "p.yaml"]
    env = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")} | {"TOKEN": "hunter2-secret"} | environment
    return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)


def spans(text):
    """Read the spans that the console exporter writes."""
    return {
        s["name"]: s for s in (json.loads(part) for part in re.findall(r"^\{.*?^\}", text, re.MULTILINE | re.DOTALL))
    }


def test_spans_form_a_tree(tmp_path):
    """Run, step, attempt and the work of the session hang below each other; with counts and errors, without secrets."""
    found = spans(run(tmp_path, OTEL_TRACES_EXPORTER="console").stderr)
    parents = {name: span["parent_id"] for name, span in found.items()}
    ids = {span["context"]["span_id"]: name for name, span in found.items()}
    assert parents["run traced"] is None
    assert ids[parents["step fine"]] == ids[parents["step broken"]] == "run traced"
    assert found["step fine"]["attributes"]["sqlflow.rows.inserted"] == 1
    assert found["step broken"]["status"]["status_code"] == "ERROR"
    assert {"read", "query", "write"} <= set(found)
    assert found["write"]["attributes"]["db.system.name"] == "duckdb"
    assert "hunter2" not in json.dumps(found)


def test_nothing_without_being_asked(tmp_path):
    """Without OTEL variables no span is written."""
    assert run(tmp_path).stderr == ""


def test_an_exporter_that_is_not_installed_is_told_before_anything_runs(tmp_path):
    """A run that cannot be traced as asked does not run untraced."""
    done = run(tmp_path, OTEL_TRACES_EXPORTER="unheard_of")
    assert done.returncode == 3
    assert "pip install" in done.stderr
    assert not (tmp_path / "target").exists()
