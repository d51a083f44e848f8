"""From templates to a folder: all of it or nothing.

A template is a plugin called `acme`; writing one is copying it under other names.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from uuid import uuid4

from sqlflow.errors import DocumentError
from sqlflow.problem import Problem
from sqlflow.version import __version__

from .kinds import KINDS
from .naming import Names

SHARED = "shared"
"""Folder of what every kind gets."""


def write_plugin(names: Names, kind: str, parent: Path) -> tuple[Path, ...]:
    """Write a plugin into a new folder below `parent`; returns the files, the folder's own name first in each.

    Raises:
        DocumentError: there is something of that name already, or the folder cannot be written.

    """
    folder = parent / names.distribution
    if not parent.is_dir():
        raise _refused(f"there is no folder {parent}", "make it first, or name another one after --folder")
    if folder.exists() or folder.is_symlink():
        raise _refused(f"{folder} is there already", "choose another name, or another folder after --folder")
    texts = {_renamed(path, names): _filled(text, names, kind) for path, text in _templates(kind)}
    beside = parent / f".{names.distribution}.{uuid4().hex[:8]}"
    try:
        for path, text in texts.items():
            file = beside / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        beside.rename(folder)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise _refused(
            f"cannot write {folder}: {error.strerror or error}", "check the permissions of the folder and the disk"
        ) from error
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return tuple(sorted(Path(names.distribution) / path for path in texts))


def _refused(message: str, hint: str) -> DocumentError:
    return DocumentError([Problem("SF613", message, None, hint)])


def _templates(kind: str) -> Iterator[tuple[str, str]]:
    """Yield path and text of every template; later ones take the place of earlier ones."""
    root = files("sqlflow.scaffold") / "templates"
    for part in (SHARED, kind):
        yield from _files(root / part, PurePosixPath())


def _files(folder: Traversable, path: PurePosixPath) -> Iterator[tuple[str, str]]:
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _files(entry, path / entry.name)
        elif entry.is_file():
            yield str(path / entry.name), entry.read_text(encoding="utf-8")


def _renamed(path: str, names: Names) -> str:
    return path.replace("sqlflow_acme", names.module).replace("acme", names.slug)


def _filled(text: str, names: Names, kind: str) -> str:
    for template, own in (
        ("sqlflow-acme", names.distribution),
        ("acme for SQLFlow: KIND.", f"{names.word} for SQLFlow: {KINDS[kind].description}."),
        ("sqlflow-pipelines>=0.0.0", f"sqlflow-pipelines>={__version__}"),
        ("Acme", names.camel),
        ("acme", names.slug),
    ):
        text = text.replace(template, own)
    return text
