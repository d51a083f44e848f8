"""Where a project is on disk: the nearest folder with its file, and the documents that patterns name. Reads nothing."""

from __future__ import annotations

from collections.abc import Container, Iterable
from pathlib import Path

PROJECT_FILE = "sqlflow.yaml"


def find_root(folder: Path, unsaved: Container[Path] = ()) -> Path | None:
    """Return the folder of the project that a folder belongs to: its own, or the nearest above it.

    `unsaved` are files that are not on disk yet, and count as if they were.
    """
    here = folder.resolve()
    for place in (here, *here.parents):
        if place / PROJECT_FILE in unsaved or (place / PROJECT_FILE).is_file():
            return place
    return None


def documents(folder: Path, patterns: Iterable[str]) -> list[Path]:
    """Return the documents below a folder that match one of the patterns, in order of their names."""
    inner = [
        pattern for pattern in patterns if pattern and not Path(pattern).is_absolute()
    ]  # others have no place here
    found = {path for pattern in inner for path in folder.glob(pattern) if path.is_file()}
    return sorted((path for path in found if path.name != PROJECT_FILE), key=lambda path: path.parts)
