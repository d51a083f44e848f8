"""Broken guests of the smaller kinds fail their exams; each breaks one law."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_every_broken_guest_fails():
    """The laws of storages, functions, checks, secret providers and step types are seen to be broken, each by one."""
    from .broken_guests import CASES

    here = Path(__file__).parent
    ids = [f"{here / 'broken_guests.py'}::{case}" for case in CASES]
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-rA", "-p", "no:cacheprovider", "--no-header", *ids]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=here.parents[1])
    failed = {line.split("::", 1)[1].split(" - ")[0] for line in done.stdout.splitlines() if line.startswith("FAILED")}
    assert failed == set(CASES), done.stdout[-3000:] + done.stderr[-2000:]
