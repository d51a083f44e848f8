"""What pytest learns: laws that are not about a guest are left out, and what was examined can be shown as a table.

Loaded in every run of pytest where SQLFlow is installed, so it imports nothing of it before an exam is collected.
"""

from __future__ import annotations

from typing import Any

import pytest


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
    out = [item for item in items if (law := _law(item)) is not None and not item.cls.applies(law, _case(item))]  # type: ignore[attr-defined]
    if out:
        config.hook.pytest_deselected(items=out)
        left = set(out)
        items[:] = [item for item in items if item not in left]
