"""Asking a process of its own what a plugin does when it is imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import Struct, field

from .package import Package

PROBE = Path(__file__).with_name("probe.py")


class Answer(Struct, frozen=True):
    """What the probe found; `failed` is why it found nothing."""

    origins: Mapping[str, str | None] = field(default_factory=dict)
    libraries: tuple[str, ...] = ()
    milliseconds: float = 0
    subjects: tuple[Mapping[str, Any], ...] = ()
    errors: Mapping[str, str] = field(default_factory=dict)
    taken: tuple[str, ...] = ()
    printed: str | None = None
    """The first line that the plugin wrote to standard output."""
    failed: str | None = None

    def loaded(self) -> list[Mapping[str, Any]]:
        """Return what the plugin brings and what can be imported."""
        return [subject for subject in self.subjects if subject["error"] is None]


def probe(package: Package, names: Sequence[str]) -> Answer:
    """Import a plugin elsewhere. `names` are those under which its distribution is installed here."""
    asked = {
        "entries": [{"name": name, "value": value} for name, value in package.entries.items()],
        "roots": [str(root.resolve()) for root in package.roots],
        "distribution": package.name,
        "names": sorted({package.name, *names}),
        "version": package.version or "0",
    }
    with TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        # -P: what stands in the folder where the user is must not take the place of a library.
        done = subprocess.run(  # noqa: S603 - this very program
            [sys.executable, "-P", str(PROBE), str(answer), json.dumps(asked)],
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        if not answer.exists():
            lines = (done.stderr or done.stdout).strip().splitlines()
            return Answer(failed=lines[-1] if lines else f"the process ended with code {done.returncode}")
        found = json.loads(answer.read_text(encoding="utf-8"))
    return Answer(
        found["origins"], tuple(found["libraries"]), found["milliseconds"], tuple(found["subjects"]),
        found["errors"], tuple(found["taken"]), next(iter(done.stdout.strip().splitlines()), None),
    )  # fmt: skip
