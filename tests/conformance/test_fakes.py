"""The kit's own fake sits the exam, and broken copies of it fail: each breaks one law, by which the exam is proven."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sqlflow.testing import ConnectorExam, Fault, MemoryConnector, Place, Quirk


class TestShelf(ConnectorExam):
    """Tables in memory."""

    connector = MemoryConnector
    pushes_down = True
    select_option = "select"
    quirks = {"bounded_memory:write": Quirk("a table in memory is held in memory", gives="everything")}

    @pytest.fixture
    def place(self, tmp_path):
        """Clear a shelf."""
        self.connector.tables.clear()
        self.connector.tokens.clear()
        return Place(tmp_path, {"password": "open sesame"}, {"table": "t"}, {"table": "t"})

    def faults(self, place):
        """Name what is not there, what is busy, and what is not said."""
        yield Fault("no table", "not_found", place.but(read={"table": "other"}), says="other")
        yield Fault("busy", "transient", place.but(config={"shelf": "busy"}))
        yield Fault("wrong password", "authentication", place.but(config={"password": "hunter2 and more"}))


def test_every_broken_fake_fails():
    """For each law there is a fake that breaks it and nothing else, and the exam sees it."""
    from .broken import CASES

    folder = Path(__file__).parent
    ids = [f"{folder / 'broken.py'}::{case}" for case in CASES]
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-rA", "-p", "no:cacheprovider", "--no-header", *ids]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder.parents[1])
    failed = set(re.findall(r"^FAILED \S*broken\.py::(.+?)(?: - .*)?$", done.stdout, re.MULTILINE))
    assert failed == set(CASES), done.stdout[-3000:] + done.stderr[-2000:]


def test_every_law_has_a_broken_fake():
    """No law goes unproven: each test of the exam is failed by a broken fake."""
    from .broken import CASES

    proven = {re.sub(r"\[.*", "", case.split("::")[1]) for case in CASES}
    assert {name for name, _ in ConnectorExam.laws()} == proven
