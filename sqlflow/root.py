"""Where a project is on disk: the nearest folder with its file, and the documents that patterns name. Reads nothing."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
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
    return sorted(set(_matching(folder, patterns)), key=lambda path: path.parts)


def has_documents(folder: Path, pattern: str) -> bool:
    """Tell whether a document below a folder matches a pattern."""
    return any(True for _ in _matching(folder, [pattern]))


def _matching(folder: Path, patterns: Iterable[str]) -> Iterator[Path]:
    for pattern in patterns:
        if pattern and not Path(pattern).is_absolute():  # others have no place here
            yield from (path for path in folder.glob(pattern) if path.name != PROJECT_FILE and path.is_file())
