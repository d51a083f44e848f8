"""docs/ci.md says what is: its commands run, its documents are valid, its workflows parse and call what there is."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from sqlflow.pipeline import installed
from sqlflow.report import FORMATS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
FILES = {text.partition("\n")[0].removeprefix("# "): text for kind, text in BLOCKS if kind == "yaml"}
HOOKS = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")


@pytest.fixture
def project(tmp_path):
    """Return a repository with the project of the page."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    known = ["-c", "user.name=me", "-c", "user.email=me@example.org", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run(["git", *known, *words], cwd=tmp_path, check=True)
    subprocess.run(["git", "update-ref", "refs/remotes/origin/main", "HEAD"], cwd=tmp_path, check=True)
    return tmp_path


def shell(command, folder):
    """Run a command line of the page in the project; returns its exit code and what it said."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "NO_COLOR": "1", "PATH": path, "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def parsed(text):
    """Return YAML as data."""
    return YAML(typ="safe", pure=True).load(text)


def commands():
    """Return every command of the page that calls SQLFlow: in consoles, workflows and hooks."""
    found = [line.removeprefix("$ ") for kind, text in BLOCKS if kind == "console" for line in text.splitlines()]
    found += [
        step["run"]
        for step in parsed(FILES[".github/workflows/pipelines.yml"])["jobs"]["check"]["steps"]
        if "run" in step
    ]
    found += parsed(FILES[".gitlab-ci.yml"])["pipelines"]["script"]
    return [command for command in found if command.startswith("sqlflow ")]


@pytest.mark.parametrize("command", commands())
def test_every_command_succeeds(command, project):
    """Every command of the page exits with 0 in the project of the page: it is valid, clean and laid out."""
    code, told = shell(command, project)
    assert code == 0, told


def test_the_workflow_is_one():
    """The workflow has what GitHub needs: events, a runner, and steps that use an action or run a command."""
    workflow = parsed(FILES[".github/workflows/pipelines.yml"])
    assert {"name", "on", "permissions", "jobs"} == set(workflow)
    for job in workflow["jobs"].values():
        assert job["runs-on"]
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert set(step) <= {"name", "if", "uses", "with", "run"}


def test_the_hooks_are_verbs(project):
    """Each hook has what pre-commit asks for, and its command takes the files that its pattern matches."""
    hooks = {hook["id"]: hook for hook in parsed(HOOKS)}
    assert set(hooks) == {"sqlflow-validate", "sqlflow-lint", "sqlflow-fmt"}
    for hook in hooks.values():
        assert {"id", "name", "entry", "language", "files"} <= set(hook)
        assert re.search(hook["files"], "specs/orders.yaml")
        assert not re.search(hook["files"], "docs/page.yaml")
        code, told = shell(f"{hook['entry']} specs/orders.yaml", project)
        assert code == 0, told
    assert re.search(hooks["sqlflow-fmt"]["files"], "sqlflow.yaml")
    assert shell(f"{hooks['sqlflow-fmt']['entry']} sqlflow.yaml", project)[0] == 0
    own = parsed(FILES[".pre-commit-config.yaml"])["repos"][0]["hooks"]
    assert {hook["id"]: hook["entry"] for hook in own} == {name: hook["entry"] for name, hook in hooks.items()}


def test_the_hooks_fail_when_they_should(project):
    """A hook fails on a broken document, and the hook that changes a file leaves it changed, which pre-commit sees."""
    spec = project / "specs" / "orders.yaml"
    text = spec.read_text(encoding="utf-8")
    spec.write_text(text.replace("target:", "targt:"), encoding="utf-8")
    assert shell("sqlflow validate specs/orders.yaml", project)[0] == 2
    spec.write_text(text.replace("    key: [id]", "    key: [ id ]"), encoding="utf-8")
    assert shell("sqlflow fmt specs/orders.yaml", project)[0] == 0
    assert spec.read_text(encoding="utf-8") == text


def test_the_tables_are_complete():
    """The page lists every format, and every rule in the box with its level."""
    formats = PAGE.partition("## Formats")[2].partition("## ")[0]
    assert set(re.findall(r"^\| `(\w+)` ", formats, re.MULTILINE)) == {"text", "json", *FORMATS}
    rules = {rule.name: rule.level for rule in installed().lint_rules() if rule.name.startswith("SF")}
    assert dict(re.findall(r"^\| `(SF\d+)` .* \| (\w+) \|$", PAGE, re.MULTILINE)) == rules


def test_the_suppression_of_the_page_is_needed(project):
    """Without its comment, the pipeline of the page has the finding that the comment speaks of."""
    spec = project / "specs" / "orders.yaml"
    spec.write_text(re.sub(r"  -- sqlflow.*", "", spec.read_text(encoding="utf-8")), encoding="utf-8")
    code, told = shell(shlex.join(["sqlflow", "lint", "specs/orders.yaml"]), project)
    assert (code, "SF807" in told) == (1, True)
