"""`sqlflow connector describe | test`: what is told of a connector is all there is, and what is shown works."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sqlflow.pipeline import installed

from .conftest import Workspace

NAMES = installed().names("connector")


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_every_connector_validates(tmp_path: Path, name: str) -> None:
    """The document that `describe` shows has no problem, as text and as data alike."""
    where = Workspace(tmp_path)
    text = where.sqlflow("connector", "describe", name)
    example = json.loads(where.sqlflow("connector", "describe", name, "-o", "json"))["example"]
    assert [line.strip() for line in example.splitlines()] == [
        line.strip() for line in text.split("example:\n", 1)[1].splitlines()
    ]
    (tmp_path / "p.yaml").write_text(example)
    done = where.call("validate", "p.yaml")
    assert done.returncode == 0, done.stdout + done.stderr + example
    assert "1 document: valid" in done.stdout or "unchecked" in done.stdout, done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_told_with_its_type_and_default(tmp_path: Path, name: str) -> None:
    """Nothing that a model takes is left out, and each option has words, a type, and says whether it is required."""
    connector = installed().connector(name)
    told = json.loads(Workspace(tmp_path).sqlflow("connector", "describe", name, "-o", "json"))
    for title, model in [
        ("settings", connector.Config),
        ("as a source", connector.ReadOptions),
        ("as a target", connector.WriteOptions),
    ]:
        if model is None:
            assert title not in told
            continue
        options = {option["name"]: option for option in told[title]}
        assert list(options) == list(model.model_fields)
        for option in options.values():
            assert option["description"]
            assert option["type"]
            assert option["required"] == model.model_fields[option["name"]].is_required()
    assert {o["name"] for o in told["a named connection takes as well"]} == set(connector.resilience)


def trial(where: Workspace, settings: str, code: int) -> dict[str, Any]:
    """Test a connection and return what is said of it, as text and as data."""
    (where.folder / "p.yaml").write_text(
        f"version: 1\nname: p\nconnections:\n  c: {{{settings}}}\n"
        "steps: [{id: a, type: transform, target: t, sql: select 1 as n}]\n"
    )
    text = where.sqlflow("connector", "test", "c", "--spec", "p.yaml", code=code)
    found: dict[str, Any] = json.loads(
        where.sqlflow("connector", "test", "c", "--spec", "p.yaml", "-o", "json", code=code)
    )
    assert found["ok"] == (code == 0)
    assert found["message"].split(",")[0] in text
    return found


def test_files_that_are_there(tmp_path: Path) -> None:
    """A folder and database files tell whether they can be read and written, their version and how long they took."""
    where = Workspace(tmp_path)
    duckdb.connect(tmp_path / "d.duckdb").close()
    with sqlite3.connect(tmp_path / "s.db") as db:
        db.execute("create table t(id integer)")
    db.close()
    for connector, version in [("csv", None), ("duckdb, path: d.duckdb", "DuckDB"), ("sqlite, path: s.db", "SQLite")]:
        found = trial(where, f"connector: {connector}", 0)
        assert (found["reachable"], found["can_read"], found["can_write"], found["kind"]) == (True, True, True, None)
        assert (version is None and found["version"] is None) or found["version"].startswith(version)
        assert (found["latency_ms"] is None) == (version is None)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_files_that_may_not_be_written(tmp_path: Path) -> None:
    """Without the right to write the connection works, and says so."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o500)
    assert trial(Workspace(tmp_path), "connector: csv, folder: data", 0)["can_write"] is False


def test_files_that_are_not_there(tmp_path: Path) -> None:
    """What is missing is not reachable, by its kind, with exit code 1."""
    for settings in ("connector: csv, folder: gone", "connector: duckdb, path: d.db", "connector: sqlite, path: d.db"):
        found = trial(Workspace(tmp_path), settings, 1)
        assert (found["kind"], found["can_read"]) == ("not_found", None)


def test_a_test_is_limited_and_repeated_as_the_connection_says(tmp_path: Path) -> None:
    """A server that takes the connection and says nothing is given up after the connection's timeout."""
    import socket
    import time

    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        before = time.monotonic()
        settings = f"connector: http, base_url: 'http://127.0.0.1:{port}', timeout: 400ms"
        found = trial(Workspace(tmp_path), settings, 1)
        assert (found["kind"], "no answer within 400ms" in found["message"]) == ("transient", True)
        assert time.monotonic() - before < 12
