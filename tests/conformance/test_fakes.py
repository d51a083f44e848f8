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


def test_the_table_shows_what_was_examined():
    """`--sqlflow-conformance` prints how each guest stands: yes, a quirk with its reason, no, or failed."""
    cases = [
        f"{Path(__file__)}::TestShelf::{name}"
        for name in (
            "test_every_quirk_is_of_a_law",
            "test_rows_are_read",
            "test_append_adds",
            "test_many_rows_are_written_in_batches",
        )
    ]
    cases.append(f"{Path(__file__).parent / 'broken.py'}::TestNeverThere::test_what_was_written_exists")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--tb=no",
        "-p",
        "no:cacheprovider",
        "--sqlflow-conformance",
        *cases,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    rows = {tuple(line.rsplit(maxsplit=1)) for line in done.stdout.splitlines() if "  " in line}
    assert {("read", "yes"), ("mode append", "yes"), ("new files", "no"), ("exists", "failed")} <= rows, done.stdout
    assert "shelf, bounded memory write: a table in memory is held in memory" in done.stdout
