"""The server that every test talks to, and a load from it."""

import importlib.util
import json
import tempfile
from pathlib import Path

import pytest

from sqlflow.pipeline import Pipeline


def _server_class():
    spec = importlib.util.spec_from_file_location("sqlflow_http_server", Path(__file__).parent / "server.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Server


@pytest.fixture
def server():
    """Start a server of this test alone."""
    running = _server_class()()
    yield running
    running.stop()


@pytest.fixture
def other_server():
    """Start a server on another port, which is another host to a client."""
    running = _server_class()()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def spools(tmp_path, monkeypatch):
    """No test leaves a spooled file behind."""
    folder = tmp_path / "spools"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


@pytest.fixture
def load(tmp_path):
    """Run a load; return its error (or None) and the rows."""

    def run(server, source="path: /items", config="tries: 1", more=""):
        file = tmp_path / "spec.yaml"
        file.write_text(
            "version: 1\nname: s\n"
            f"connections:\n  api: {{connector: http, base_url: '{server.url}', {config}}}\n"
            f"steps:\n  - id: load\n    type: load\n    source: {{connection: api, {source}}}\n    target: out\n"
            + "".join(f"    {line}\n" for line in more.splitlines())
        )
        with Pipeline.from_file(file).run() as result:
            step = result.steps[0]
            kept = [p.read_text() for p in (tmp_path / "target").rglob("*.*json") if p.is_file()]
            rows = result.table("out") if step.error is None else None
        return step.error and {**step.error, "everything": json.dumps([step.error, kept])}, rows

    return run
