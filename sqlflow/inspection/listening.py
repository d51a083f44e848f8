"""What pytest tells of an exam: a plugin of pytest that keeps the laws and leaves how they stand in a file as JSON.

Runs in the process of the tests. Must not know what an exam is about: a test is a law when it says so.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

ANSWER = "SQLFLOW_INSPECTION_ANSWER"
"""Environment variable that names the file."""
_PROPERTY = "sqlflow_exam"
_found: list[dict[str, Any]] = []


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    """Keep the laws, and note whose they are."""
    laws: list[Any] = []
    others: list[Any] = []
    for item in items:
        exam = getattr(item, "cls", None)
        (laws if hasattr(exam, "laws") and hasattr(exam, "subject") else others).append(item)
    for item in laws:
        item.user_properties.append((_PROPERTY, [item.cls.kind, item.cls.subject()]))
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = laws


def pytest_collectreport(report: Any) -> None:
    """Note a file that cannot be read."""
    if report.failed:
        _note(report, None, "error")


def pytest_runtest_logreport(report: Any) -> None:
    """Note how a law stands; one whose place cannot be made stands as badly as one that is broken."""
    whose = dict(report.user_properties).get(_PROPERTY)
    if whose is not None and (report.when == "call" or not report.passed):
        _note(report, whose, report.outcome)


def pytest_sessionfinish(session: Any) -> None:
    """Leave the answer; a worker tells its controller instead."""
    if not hasattr(session.config, "workerinput"):
        Path(os.environ[ANSWER]).write_text(json.dumps(_found), encoding="utf-8")


def _note(report: Any, whose: list[str] | None, outcome: str) -> None:
    crash = getattr(report.longrepr, "reprcrash", None)
    message = getattr(crash, "message", None) or str(report.longrepr or "")
    _found.append({"whose": whose, "test": report.nodeid, "outcome": outcome, "message": message})
