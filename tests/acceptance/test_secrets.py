"""Secrets from files, by the command line: where they are found, how they are read, and that they stay unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Workspace, git

SPEC = """
version: 1
name: tiny
vars: {{token: {{type: string, default: "${{secret:{0}}}"}}}}
steps:
  - {{id: a, type: transform, target: t, sql: "select $token as v, length($token) as n, leaked('TOKEN') as e"}}
  - {{id: b, type: transform, target: u, sql: "select error($token) as v from t"}}
"""

LEAKED = """
import os
from sqlflow import udf

@udf
def leaked(name: str) -> str:
    return os.environ.get(name, "nothing")
"""


def project(tmp_path: Path, secret: str) -> Workspace:
    """Write a project with one pipeline, in a folder of its own, that uses a secret well and badly."""
    (tmp_path / "sqlflow.yaml").write_text("version: 1\nname: shop\nspecs: [specs/*.yaml]\n")
    (tmp_path / "specs").mkdir()
    (tmp_path / "udfs").mkdir()
    (tmp_path / "udfs" / "leaked.py").write_text(LEAKED)
    (tmp_path / "specs" / "p.yaml").write_text(SPEC.format(secret))
    return Workspace(tmp_path)


def left(tmp_path: Path) -> str:
    """Return everything that a run has written down."""
    return "".join(path.read_text() for path in (tmp_path / "target").rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("TOKEN=plainvalue-1", "plainvalue-1"),
        ("  export TOKEN = spaced-value  # no part of it", "spaced-value"),
        ("TOKEN='single $HOME \\n # quoted'", "single $HOME \\n # quoted"),
        ('TOKEN="the first\\nlines \\"quoted\\" \\\\"  # told', 'the first\nlines "quoted" \\'),
        ('TOKEN="really\ntwo lines"', "really\ntwo lines"),
        ("TOKEN=before-the-last\nTOKEN=the-last-counts", "the-last-counts"),
        ("TOKEN=a#b=c${not}$seen", "a#b=c${not}$seen"),
        ("\ufeff# a note\n\n\tTOKEN=ümläut-välue\r", "ümläut-välue"),
    ],
)
def test_a_value_of_the_dotenv_file(tmp_path: Path, line: str, value: str) -> None:
    """`.env` beside the project file is read as shells and other tools read it, and never lands in the environment."""
    where = project(tmp_path, "dotenv/TOKEN")
    (tmp_path / ".env").write_text(line + "\nOTHER='x'\n", encoding="utf-8")
    (tmp_path / ".env").chmod(0o600)
    done = where.call("run", "specs/p.yaml", "--output", "json")
    assert done.returncode == 1
    assert where.query("specs/p.yaml", "select n, e from t") == [{"n": len(value), "e": "nothing"}]
    for part in value.splitlines():
        assert part not in done.stdout + done.stderr + left(tmp_path)


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_mounted_file(tmp_path: Path, ending: str) -> None:
    """A file holds one secret, the line break at its end aside; it is named by its whole path, or by its name."""
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    (mounted / "token").write_bytes(b"first line\nsecond line" + ending.encode())
    (mounted / "token").chmod(0o400)
    where = project(tmp_path, f"file/{mounted}/token")
    done = where.call("run", "specs/p.yaml")
    assert where.query("specs/p.yaml", "select n from t") == [{"n": 22}]
    assert "second line" not in done.stdout + done.stderr + left(tmp_path)


def test_a_file_that_everybody_may_read_is_warned_of(tmp_path: Path) -> None:
    """Validation names the file and the remedy once, and goes on; a file of one's own is passed over in silence."""
    where = project(tmp_path, "dotenv/TOKEN")
    env = tmp_path / ".env"
    env.write_text("TOKEN=plainvalue-1\n")
    env.chmod(0o644)
    said = where.call("validate", "specs/p.yaml")
    assert said.returncode == 0
    assert (said.stdout + said.stderr).count("SF317") == 1
    assert "can be read by every user of this machine" in said.stdout + said.stderr
    assert f"chmod o-rwx {env}" in said.stdout + said.stderr
    env.chmod(0o600)
    assert "SF317" not in where.call("validate", "specs/p.yaml").stdout


def test_what_cannot_be_read_is_named_and_not_quoted(tmp_path: Path) -> None:
    """A line that is no NAME=value, bytes that are no text: file and line are told, and nothing of what they hold."""
    where = project(tmp_path, "dotenv/TOKEN")
    (tmp_path / ".env").write_text("A=1\nTOKEN hidden-value\n")
    done = where.call("run", "specs/p.yaml")
    assert done.returncode != 0
    assert ".env, line 2 is not NAME=value" in done.stdout + done.stderr
    (tmp_path / ".env").write_bytes(b"TOKEN=hidden-value\xff\n")
    again = where.call("run", "specs/p.yaml")
    assert "is not UTF-8 text" in again.stdout + again.stderr
    assert "hidden" not in done.stdout + done.stderr + again.stdout + again.stderr


@pytest.mark.parametrize("secret", ["dotenv/TOKEN", "file/token"])
def test_a_secret_that_is_not_there(tmp_path: Path, secret: str) -> None:
    """Checked beforehand it is unchecked, and run it is the one problem, at its place."""
    where = project(tmp_path, secret)
    assert where.call("validate", "specs/p.yaml").returncode == 0
    done = where.call("run", "specs/p.yaml")
    assert done.returncode == 2
    assert f"SF308 secret {secret} is not set" in done.stdout + done.stderr


EVERYWHERE = """
version: 1
name: everywhere
description: made by ${secret:dotenv/TOKEN}
tags: ["${secret:dotenv/TOKEN}"]
meta: {by: "${secret:dotenv/TOKEN}"}
vars: {token: {type: string, default: "${secret:dotenv/TOKEN}"}}
steps:
  - {id: a, type: transform, target: raw.a, sql: "select $token as n", tags: ["${secret:dotenv/TOKEN}"]}
  - id: b
    type: load
    source: {connector: csv, path: "in/${secret:dotenv/TOKEN}.csv"}
    target: "raw.${secret:dotenv/TOKEN}"
    description: for ${secret:dotenv/TOKEN}
    checks: [{expression: n < length($token), name: "no ${secret:dotenv/TOKEN}"}]
  - {id: c, type: export, source: raw.a, target: {connector: csv, path: "out/${secret:dotenv/TOKEN}.csv"}}
  - {id: d, type: check, table: raw.a, checks: [{accepted_values: {column: n, values: ["${secret:dotenv/TOKEN}"]}}]}
"""
VERBS = [
    *(["validate", "specs", "--no-cache", "-o", form] for form in ("text", "json", "github", "sarif", "junit")),
    *(["plan", "specs/p.yaml", "-o", form] for form in ("text", "json", "github", "markdown")),
    *(["plan", "--against", "main", "-o", form] for form in ("text", "json", "markdown")),
    *(["run", "specs/p.yaml", "-o", form] for form in ("text", "json", "junit", "markdown")),
    *(["lineage", "-o", form] for form in ("text", "json", "mermaid")),
    *(["schema", verb, "specs/p.yaml", "b"] for verb in ("show", "history", "compare", "accept")),
    *(["state", verb, "specs/p.yaml"] for verb in ("list", "export")),
    ["state", "show", "specs/p.yaml", "b"],
    ["vars", "specs/p.yaml"],
    ["lint", "specs"],
    ["test", "specs"],
    ["runs", "list"],
    ["runs", "show"],
]
"""In the order of a day; what is run leaves tables behind that the verbs after it tell of."""


def test_no_verb_shows_a_secret(tmp_path: Path) -> None:
    """Wherever a document uses a secret, a path or a table's name included: no verb prints it in any format."""
    (tmp_path / "sqlflow.yaml").write_text("version: 1\nname: shop\nspecs: [specs/*.yaml]\n")
    (tmp_path / "specs").mkdir()
    (tmp_path / "in").mkdir()
    (tmp_path / ".env").write_text("TOKEN=hunter2hunter2\n")
    (tmp_path / ".env").chmod(0o600)
    (tmp_path / "in" / "hunter2hunter2.csv").write_text("n\n1\n99\n")
    (tmp_path / "specs" / "p.yaml").write_text(EVERYWHERE.replace("raw.${secret:dotenv/TOKEN}", "raw.was"))
    git(tmp_path, "init", "--initial-branch", "main")
    git(tmp_path, "add", "specs", "sqlflow.yaml", "in")
    git(tmp_path, "commit", "--message", "x")
    (tmp_path / "specs" / "p.yaml").write_text(EVERYWHERE)
    where = Workspace(tmp_path)
    for verb in VERBS:
        done = where.call(*verb)
        assert done.stdout + done.stderr, verb
        assert "Usage:" not in done.stderr, verb
        assert "hunter2" not in done.stdout + done.stderr, verb
    assert "hunter2" not in left(tmp_path)
