"""What is found of one document, as values: its problems, its tables, and what all of that rests on."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from sqlflow.cache import Depends, Files
from sqlflow.compile import Table
from sqlflow.plan import Plan
from sqlflow.problem import Problem
from sqlflow.sdk import Role, role_of

from .documents import Held, Projects, makes
from .order import Wants

_ENVIRONMENT = re.compile(r"\$\{env:(\w+)")
_MAGIC = re.compile(r"[*?\[]")
UNSTEADY = frozenset({"SF308", "SF420", "SF426", "SF501"})
"""What is told of things that are absent, wherever they may appear."""
LONGEST = 1_000


class Finding(Struct, frozen=True):
    """What is found of a document. `wants` None: nothing of it could be planned."""

    path: Path
    problems: tuple[Problem, ...]
    wants: Wants | None
    made: Mapping[str, Table]
    depends: Depends | None
    """What it rests on beside other documents; None: on things that cannot be looked at again, such as a secret."""


class Finder:
    """Reads findings off documents that have been held; looks at each file once.

    Without `files` nobody will remember what is found, and nothing is noted of what it rests on.
    """

    def __init__(self, files: Files | None, projects: Projects, options: Mapping[str, Any]) -> None:
        self._files = files
        self._projects = projects
        self._options = options

    def found(self, held: Held) -> Finding:
        """Return what is found of a document."""
        plan = held.plan
        if plan is None:
            wants = Wants(held.warehouse, held.needs, frozenset()) if held.needs else None
            return Finding(held.path, held.compiled.problems, wants, {}, None)
        wants = Wants(held.warehouse, held.needs, makes(plan))
        depends = None
        if self._files is not None and _lasts(held, plan):
            depends = Depends()
            _note_all(depends, held, plan, self._files, self._options, self._projects)
        return Finding(held.path, held.compiled.problems, wants, held.made, depends)


def _lasts(held: Held, plan: Plan) -> bool:
    """Tell whether what is found may be filed: it rests on nothing that cannot be looked at again."""
    if not plan.redactor.idle or any(problem.code in UNSTEADY for problem in held.compiled.problems):
        return False
    return "${secret:" not in plan.source.text


def _note_all(
    depends: Depends,
    one: Held,
    plan: Plan,
    files: Files,
    options: Mapping[str, Any],
    projects: Projects,
) -> None:
    """Note everything beside other documents that an answer rests on."""
    texts = [plan.source.text, *_sql_files(plan, depends, files)]
    workspace = projects(plan.path.parent)
    if workspace.document is not None and workspace.project is not None:
        texts.append(workspace.document.source.text)
        place = files.place(workspace.folder)
        depends.matched = [(place, p, files.matches(place, p)) for p in workspace.project.specs]
    named = {name for text in texts for name in _ENVIRONMENT.findall(text)}
    named |= {name for name in os.environ if name.startswith("SQLFLOW_VAR_")}
    depends.environment = {name: os.environ.get(name) for name in sorted(named)}
    for folder in plan.function_folders:
        _list(folder, "*.py", depends, files)
    warehouse = one.warehouse if options.get("state") else None
    for path in (warehouse, warehouse.with_name(f"{warehouse.name}.wal")) if warehouse is not None else ():
        _look(path, depends, files)
    for file in one.files:
        _look(file, depends, files)
    for step in plan.steps:
        for endpoint in step.given.endpoints.values():
            outer = [str(v) for v in _texts(endpoint.config.model_dump(mode="json"))]
            inner = [str(v) for v in _texts(endpoint.options.model_dump(mode="json"))] if endpoint.options else []
            roots = [plan.folder, *(plan.folder / text for text in outer)]
            for root in roots:
                for text in (*outer, *inner):
                    _note(root, text, depends, files)


def _note(root: Path, text: str, depends: Depends, files: Files) -> None:
    """Take a text for a path, and note what is there."""
    if not _MAGIC.search(text):
        _look(root / text, depends, files)
    elif text.startswith("/"):
        _list(Path("/"), text.lstrip("/"), depends, files)
    else:
        _list(root, text, depends, files)


def _look(path: Path, depends: Depends, files: Files) -> None:
    """Note a file by its way from here, so that an answer does not speak of files elsewhere."""
    place = files.place(path)
    depends.files[place] = files.identity(place)


def _list(folder: Path, pattern: str, depends: Depends, files: Files) -> None:
    place = files.place(folder)
    depends.listings.append((place, pattern, files.listing(place, pattern)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if value and len(value) < LONGEST and "\n" not in value and "\0" not in value:
            yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _sql_files(plan: Plan, depends: Depends, files: Files) -> Iterator[str]:
    """Yield the texts of the SQL files of a plan, and note them."""
    for step in plan.steps:
        model = type(step.given.config)
        for name in model.model_fields:
            path = getattr(step.given.config, name, None)
            if role_of(model, (name,)) is Role.SQL_FILE and path:
                whole = plan.folder / str(path)
                _look(whole, depends, files)
                with contextlib.suppress(OSError):
                    yield whole.read_text(encoding="utf-8", errors="replace")
