"""What pytest learns: laws that are not about a guest are left out, and what was examined can be shown as a table.

Loaded in every run of pytest where SQLFlow is installed, so it imports nothing of it before an exam is collected.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

_KEY = "sqlflow-standing"
_STANDINGS = pytest.StashKey[list[tuple[str, ...]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that shows the table."""
    parser.getgroup("sqlflow").addoption(
        "--sqlflow-conformance", action="store_true", help="show which capabilities were examined, and how they stand"
    )


def _law(item: pytest.Item) -> Any:
    return getattr(getattr(item, "function", None), "law", None)


def _case(item: pytest.Item) -> dict[str, Any]:
    spec = getattr(item, "callspec", None)
    return dict(spec.params) if spec is not None else {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the laws that are about something which a guest, by its own declaration, does not do."""
    out = []
    for item in items:
        law = _law(item)
        if law is not None and not item.cls.applies(law, _case(item)):  # type: ignore[attr-defined]
            out.append(item)
    if out:
        config.hook.pytest_deselected(items=out)
        left = set(out)
        items[:] = [item for item in items if item not in left]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note in the report of a law how the guest stands, so that it comes through from another process too."""
    report = yield
    if not item.config.getoption("--sqlflow-conformance") or (call.when != "call" and report.passed):
        return report
    law, exam = _law(item), getattr(item, "cls", None)
    if law is not None:
        capability = law.capability.format(**_case(item))
        quirk = exam.quirk(capability)  # type: ignore[union-attr]
        mark = "failed" if not report.passed else "quirk" if quirk is not None else "yes"
        note = (exam.kind, exam.subject(), capability, mark, quirk.reason if quirk is not None else "")  # type: ignore[union-attr]
        report.user_properties.append((_KEY, [note]))
    elif getattr(item, "originalname", "") == "test_every_quirk_is_of_a_law" and exam is not None:
        notes = [(exam.kind, exam.subject(), capability, "no", "") for capability in exam.absent()]
        report.user_properties.append((_KEY, notes))
    return report


class _Collector:
    """Keeps the notes of the reports, in the process that shows them."""

    def __init__(self, config: pytest.Config) -> None:
        self.notes = config.stash[_STANDINGS] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the notes of a report."""
        for key, value in report.user_properties:
            if key == _KEY:
                notes: Any = value
                self.notes += [tuple(note) for note in notes]


def pytest_configure(config: pytest.Config) -> None:
    """Begin to collect, where the table is wanted."""
    if config.getoption("--sqlflow-conformance", default=False):
        config.pluginmanager.register(_Collector(config), "sqlflow-conformance")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Show the table."""
    notes = config.stash.get(_STANDINGS, [])
    if not notes:
        return
    from .standing import Standing, text

    terminalreporter.section("sqlflow conformance")
    found = sorted((Standing(*note) for note in notes), key=lambda one: (one.kind, one.subject))
    for line in text(found):
        terminalreporter.write_line(line)
