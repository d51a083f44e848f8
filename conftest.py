"""What every test may rely on: plugins are installed, and `--regen` rewrites what is generated."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.faultproxy import FaultProxy

ROOT = Path(__file__).parent
_CACHE = TemporaryDirectory(prefix="sqlflow-cache-", ignore_cleanup_errors=True)


settings.register_profile("sqlflow", deadline=None)  # no test is about time: a busy machine must not fail one
settings.load_profile("sqlflow")


if os.environ.get("SQLFLOW_SLOW") == "1":
    os.environ.setdefault("PYTEST_TIMEOUT", "7200")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the one option of this test suite."""
    parser.addoption("--regen", action="store_true", help="rewrite generated files instead of comparing with them")


def pytest_configure() -> None:
    """Stop early, with the one command that mends it, when a distribution is not installed."""
    wanted = ["sqlflow-pipelines", *(folder.name for folder in sorted((ROOT / "plugins").glob("sqlflow-*")))]
    missing = []
    for name in wanted:
        try:
            distribution(name)
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        pytest.exit(f"not installed: {', '.join(missing)}. Run `make test` once; it installs them.", returncode=4)
    os.environ.pop("SQLFLOW_CACHE", None)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # thousands of processes would compile the same modules
    os.environ["XDG_CACHE_HOME"] = _CACHE.name  # what tests leave to be remembered is nobody's


def pytest_unconfigure() -> None:
    """Remove what was remembered."""
    _CACHE.cleanup()


@pytest.fixture
def regen(request: pytest.FixtureRequest) -> bool:
    """Whether generated files are to be rewritten."""
    return bool(request.config.getoption("--regen"))


@pytest.fixture
def fault_proxy() -> Iterator[Callable[[int], FaultProxy]]:
    """Bring proxies to servers on this machine, which spoil connections as they are told."""
    from tests.faultproxy import FaultProxy

    with ExitStack() as stack:
        yield lambda port: stack.enter_context(FaultProxy(port))
