"""Where a project is on disk: the nearest folder with its file, and the documents that patterns name. Reads nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

PROJECT_FILE = "sqlflow.yaml"


def find_root(folder: Path) -> Path | None:
    """Return the folder of the project that a folder belongs to: its own, or the nearest above it."""
    here = folder.resolve()
    return next((place for place in (here, *here.parents) if (place / PROJECT_FILE).is_file()), None)


def documents(folder: Path, patterns: Iterable[str]) -> list[Path]:
    """Return the documents below a folder that match one of the patterns, in order of their names."""
    found = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    return sorted(path for path in found if path.name != PROJECT_FILE)
