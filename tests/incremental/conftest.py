"""What the tests of incremental loading start from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .ground import Ground


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """Return an empty folder."""
    with Ground(tmp_path) as found:
        yield found
