"""The README says what is: its blocks are executed, and what they print is compared."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def blocks(kind):
    """Return the fenced blocks of a kind, in order."""
    return [text for language, text in BLOCKS if language == kind]


@pytest.fixture
def folder(tmp_path):
    """Return a folder with what the README speaks of."""
    shutil.copytree(ROOT / "specs" / "01-quickstart" / "data", tmp_path / "data")
    spec = blocks("yaml")[0]
    (tmp_path / "orders.yaml").write_text(spec, encoding="utf-8")
    (tmp_path / "broken.yaml").write_text(spec.replace("target: raw.orders", "targt: raw.orders"), encoding="utf-8")
    return tmp_path


def masked(text):
    """Return an output without run ids and durations."""
    return re.sub(r"\d{8}T\d{9}Z-\w{6}", "RUN", re.sub(r"\d+(\.\d+)? ms", "N ms", text)).strip()


def shell(command, folder):
    """Run a command of the README in a folder."""
    environment = {**os.environ, "NO_COLOR": "1", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("session", blocks("console"))
def test_what_the_console_shows_is_what_happens(session, folder):
    """Every command of the README prints what the README says."""
    for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        if "query" in command:
            shell("sqlflow run orders.yaml", folder)
        assert masked(shell(command, folder)) == masked(expected)


@pytest.mark.parametrize("spec", blocks("yaml"))
def test_every_document_runs(spec, folder):
    """Every document of the README is valid and runs."""
    (folder / "document.yaml").write_text(spec, encoding="utf-8")
    assert "succeeded in" in shell("sqlflow run document.yaml", folder)


@pytest.mark.parametrize("program", blocks("python"))
def test_every_program_runs(program, folder):
    """Every Python program of the README runs."""
    (folder / "program.py").write_text(program, encoding="utf-8")
    assert shell("python program.py", folder).split() == ["succeeded", "4"]


def test_the_spec_is_the_quickstart():
    """The pipeline of the README is the one that `make demo` runs."""
    spec = (ROOT / "specs" / "01-quickstart" / "pipeline.yaml").read_text(encoding="utf-8")
    steps = blocks("yaml")[0].partition("steps:")[2].strip()
    assert steps == spec.partition("steps:")[2].strip()


def test_every_link_leads_somewhere():
    """Every relative link of the README names something that is there."""
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert [link for link in links if not link.startswith("http") and not (ROOT / link).exists()] == []
