"""Answers about documents, and which of them still hold."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from sqlflow.problem import Problem
from sqlflow.root import PROJECT_FILE, find_root

from .files import Files
from .place import key_of
from .store import Store

Columns = list[tuple[str, str, bool | None]] | None
"""Name, type and nullability of each column of a table; None: they are not known."""


class Depends(Struct):
    """What an answer depends on beside its document: each with what it was when the answer was found."""

    files: dict[str, str] = field(default_factory=dict)
    listings: list[tuple[str, str, str]] = field(default_factory=list)
    """A folder, a pattern, and what it matched."""
    matched: list[tuple[str, str, bool]] = field(default_factory=list)
    """A folder, a pattern of documents, and whether there were any."""
    environment: dict[str, str | None] = field(default_factory=dict)
    tables: dict[str, Columns | str] = field(default_factory=dict)
    """Tables of other documents; a text: nobody made it."""


class Answer(Struct):
    """What is known of a document: its problems, and the tables that it makes in its warehouse."""

    problems: list[Problem]
    depends: Depends
    warehouse: str | None = None
    makes: dict[str, tuple[str, Columns]] = field(default_factory=dict)
    """By folded name: the name as it is written, and the columns."""


NOBODY = "nobody"


class Known(Struct):
    """Answers that hold, and the keys under which those are filed that have to be found."""

    answers: dict[Path, Answer]
    keys: dict[Path, str]


def known_answers(paths: Sequence[Path], store: Store, options: Mapping[str, Any], files: Files) -> Known:
    """Return the answers for documents that hold as everything is now."""
    general = key_of(options)
    projects: dict[Path, str] = {}
    keys, found = {}, {}
    environment: Mapping[str, str | None] = dict(os.environ)
    for path in paths:
        try:
            content = path.read_bytes()
        except OSError:
            continue
        if path.parent not in projects:
            projects[path.parent] = _project(path.parent, files)
        parts = [general, projects[path.parent], files.place(path), hashlib.sha256(content).hexdigest()]
        keys[path] = hashlib.sha256("\0".join(parts).encode()).hexdigest()
        answer = store.get(keys[path], Answer)
        if answer is not None and _holds(answer.depends, files, environment):
            found[path] = answer
    _drop_those_whose_tables_moved(found, every=len(found) == len(set(paths)))
    return Known(found, keys)


def _project(folder: Path, files: Files) -> str:
    """Return where the project of a folder is, and what its file holds."""
    root = find_root(folder)
    return f"{files.place(root)} {files.identity(str(root / PROJECT_FILE))}" if root is not None else ""


def _holds(depends: Depends, files: Files, environment: Mapping[str, str | None]) -> bool:
    given = {name for name in environment if name.startswith("SQLFLOW_VAR_")}
    return (
        all(environment.get(name) == value for name, value in depends.environment.items())
        and given <= set(depends.environment)
        and all(files.identity(path) == was for path, was in depends.files.items())
        and all(files.matches(folder, pattern) == was for folder, pattern, was in depends.matched)
        and all(files.listing(folder, pattern) == was for folder, pattern, was in depends.listings)
    )


def _drop_those_whose_tables_moved(found: dict[Path, Answer], *, every: bool) -> None:
    """Leave out answers about tables of other documents that are other now, or that may be."""
    while True:
        made = tables_made(found.values())
        stale = [
            path
            for path, answer in found.items()
            for key, was in answer.depends.tables.items()
            if made.get((answer.warehouse, key), NOBODY if every else None) != was
        ]
        if not stale:
            return
        every = False
        for path in set(stale):
            del found[path]


def tables_made(answers: Any) -> dict[tuple[str | None, str], Columns | str]:
    """Return the tables that documents make, by warehouse and name; one that two make otherwise is not known."""
    made: dict[tuple[str | None, str], Columns | str] = {}
    for answer in answers:
        if answer.warehouse is None:
            continue
        for key, (_, columns) in answer.makes.items():
            place = (answer.warehouse, key)
            made[place] = columns if made.get(place, columns) == columns else None
    return made
