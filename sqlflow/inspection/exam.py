"""The exam: does a test sit it for everything that the plugin brings, and how does it stand."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlflow.problem import Problem
from sqlflow.testing import __all__ as shipped

from .listening import ANSWER
from .package import Package
from .probing import Answer
from .report import Aspect

EXAMS = {
    "connector": "ConnectorExam",
    "step type": "StepTypeExam",
    "engine": "EngineExam",
    "storage backend": "StorageExam",
    "function": "FunctionExam",
    "check": "CheckExam",
    "secret provider": "SecretProviderExam",
}
"""The exam of each kind, by its name in `sqlflow.testing`."""
_KINDS = {"storage": "storage backend"}
"""What exams call a kind, where the catalog has another word."""
LISTENER = f"{__package__}.listening"


def exam(package: Package, answer: Answer) -> Aspect:
    """Let the plugin's tests sit their exams, and tell which are missing or not passed."""
    found, failed = _sat(package.folder)
    if failed:
        return Aspect("exam", "not sat", (Problem("SF631", f"the exam cannot be sat: {failed}", None, _INSTALL),))
    problems = list(_missing(answer, found))
    problems += [_told(one) for one in found if one["outcome"] not in ("passed", "skipped")]
    laws = [one for one in found if one["whose"] is not None]
    held = sum(one["outcome"] == "passed" for one in laws)
    skipped = sum(one["outcome"] == "skipped" for one in laws)
    told = f"{held} laws hold" if held == len(laws) else f"{held} of {len(laws)} laws hold"
    return Aspect("exam", told + (f", {skipped} skipped" if skipped else ""), tuple(problems))


_INSTALL = "`pip install sqlflow-pipelines[testing]`; then `python -m pytest` in this folder shows more"


def _sat(folder: Path) -> tuple[list[dict[str, Any]], str | None]:
    """Run the laws among the tests of a folder; returns how each stands, or why none could be run."""
    with TemporaryDirectory() as place:
        answer = Path(place) / "answer.json"
        environment = {**os.environ, ANSWER: str(answer), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(  # noqa: S603 - this very program
            [sys.executable, "-m", "pytest", "-q", "-p", LISTENER, "-p", "no:cacheprovider", "--rootdir", "."],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        if answer.exists():
            return json.loads(answer.read_text(encoding="utf-8")), None
    if done.returncode < 0:  # what Python says as it dies names its libraries, not the fault
        number, test = -done.returncode, next(iter(re.findall(r"in (test_\w+)", done.stderr)), None)
        return [], f"Python died of signal {number}" + (f" in {test}" if test else "")
    lines = (done.stderr or done.stdout).strip().splitlines()
    return [], lines[-1] if lines else f"pytest ended with code {done.returncode}"


def _missing(answer: Answer, found: list[dict[str, Any]]) -> Iterator[Problem]:
    sat = {(_KINDS.get(kind, kind), name.lower()) for kind, name in (one["whose"] for one in found if one["whose"])}
    for subject in answer.loaded():
        kind, name = subject["kind"], subject["name"]
        if EXAMS.get(kind) in shipped and (kind, str(name).lower()) not in sat:
            hint = f"subclass sqlflow.testing.{EXAMS[kind]} in a test; what `sqlflow plugin new` writes shows how"
            yield Problem("SF631", f"{kind} {name!r} sits no exam", None, hint)


def _told(one: dict[str, Any]) -> Problem:
    first = next((line for line in one["message"].splitlines() if line.strip()), "")
    if one["whose"] is None:
        return Problem("SF631", f"{one['test']} cannot be read: {first}", None, _INSTALL)
    hint = f"`python -m pytest '{one['test']}'` shows it; what the system cannot do is declared as a quirk"
    return Problem("SF632", f"{' '.join(one['whose'])} does not pass {one['test']}: {first}", None, hint)
