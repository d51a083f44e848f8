"""What a text under edit means: its problems, as `sqlflow validate` and `sqlflow lint` tell them, its plan, its tables.

The desk keeps what is needed again for the next edit: a bench, the last plan that was whole, the words of the other
documents. Must not know the protocol.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from sqlflow.compile import Bench, Table
from sqlflow.errors import SQLFlowError
from sqlflow.lint import Subject, lint
from sqlflow.pipeline import Pipeline, installed, project_problems
from sqlflow.plan import Plan, table_key
from sqlflow.problem import Mark, Problem
from sqlflow.project import Workspace, display, open_workspace
from sqlflow.registry import Catalog
from sqlflow.root import PROJECT_FILE
from sqlflow.sdk import TableSchema
from sqlflow.spec import Document, Source, parse_pipeline
from sqlflow.spectest import misnamed, tests_of

from .neighbours import Neighbour, Neighbours

_MODELINE = re.compile(r"^#.*\$schema=\S*pipeline\.schema\.json", re.MULTILINE)
_KEYS = (re.compile(r"^version\s*:", re.MULTILINE), re.compile(r"^steps\s*:", re.MULTILINE))


class Reading(Struct, frozen=True, dict=True):
    """What is known of a document. Plan and tables are those of its last state that was so far in order."""

    path: Path
    shown: str
    workspace: Workspace
    problems: tuple[Problem, ...] = ()
    plan: Plan | None = None
    tables: Mapping[str, Table] = field(default_factory=dict)
    around: Mapping[str, Table] = field(default_factory=dict)
    """What other documents of the project make."""
    written: Mapping[str, Sequence[tuple[Path, Mark]]] = field(default_factory=dict)
    """The steps of other documents by the tables that they write."""

    def schema(self, table: str) -> TableSchema | None:
        """Return the columns of a table, as far as they are known."""
        key = table_key(table)
        found = self.tables.get(key) or self.around.get(key)
        return found.schema if found is not None else None

    @cached_property
    def neighbour(self) -> Neighbour:
        """What this document is to the others."""
        return Neighbour.of(self.plan, self.tables)

    def file(self, mark: Mark) -> Path:
        """Return the file that a place is in; one that holds SQL is named from the project's folder."""
        if mark.file == self.shown:
            return self.path
        return next(
            (p for p in (self.workspace.folder / mark.file, Path(mark.file)) if p.is_file()), self.path
        ).resolve()


class Desk:
    """Reads texts one after another. Belongs to one thread, as its sessions do."""

    def __init__(self, profile: str | None = None, variables: Mapping[str, str] | None = None) -> None:
        self.profile = profile
        self.variables = dict(variables or {})
        self.catalog: Catalog = installed()
        self.bench = Bench()
        self._last: dict[Path, Reading] = {}
        self._neighbours: dict[Path, Neighbours] = {}
        self._looked: set[Path] = set()

    def read(self, path: Path, text: str, projects: Mapping[Path, str]) -> Reading:
        """Read a document; `projects` are the texts of project files that are open."""
        workspace = open_workspace(path, projects)
        shown = display(path)
        if path.name == PROJECT_FILE:
            reading = Reading(path, shown, workspace, project_problems(workspace, self.catalog))
        else:
            try:
                reading = self._pipeline(path, text, shown, workspace)
            except SQLFlowError as error:  # a guest that is broken keeps the whole from being planned
                told = Problem(error.code or "SF601", error.message, None, error.hint)
                reading = Reading(path, shown, workspace, (told,))
        self._last[path] = reading = _with_last(reading, self._last.get(path))
        return reading

    def forget(self, path: Path | None = None) -> None:
        """Forget a document that is closed, or what stood in files that may have changed."""
        if path is not None:
            self._last.pop(path, None)
        self._looked.clear()

    def close(self) -> None:
        """Let go of the sessions."""
        self.bench.close()

    def _pipeline(self, path: Path, text: str, shown: str, workspace: Workspace) -> Reading:
        document = parse_pipeline(Source(shown, text, path), path)
        pipeline = Pipeline(path, self.catalog, workspace.afresh(), document)
        draft = pipeline.draft(profile=self.profile, vars=self.variables)
        opened = {other: reading.neighbour for other, reading in self._last.items()}
        others = self._around(workspace) if draft.plan is not None else None
        around = others.around(path, draft.plan.location.path, opened) if others and draft.plan else {}
        compiled = draft.compile(self.bench, around=around)
        problems, plan = compiled.problems, draft.plan
        sound = not any(p.severity == "error" for p in problems)
        if plan is not None and isinstance(document, Document) and document.model is not None:
            tests = tests_of(document) if document.model.tests else ()
            problems = (*problems, *misnamed(tests, plan, compiled, self.catalog, self.bench, self.profile))
        if plan is not None and isinstance(document, Document) and sound:
            levels = workspace.project.lint if workspace.project is not None else {}
            beside = others.footprints(path, opened) if others is not None else []
            problems = (*problems, *lint([Subject(document, plan)], self.catalog, levels, beside=beside))
        written = others.writers(path, opened) if others is not None else {}
        return Reading(path, shown, workspace, problems, plan, compiled.tables, around, written)

    def _around(self, workspace: Workspace) -> Neighbours | None:
        """Return the other documents of a project; they are looked at when something may have changed."""
        if workspace.project is None:
            return None
        folder = workspace.folder
        known = self._neighbours.setdefault(folder, Neighbours(self.catalog, self.profile, self.variables))
        if folder not in self._looked:
            known.look(workspace.specs())
            self._looked.add(folder)
        return known


def is_spec(path: Path, text: str, projects: Mapping[Path, str]) -> bool:
    """Tell whether a text is a pipeline or a project file; other YAML is nobody's business here."""
    if path.name == PROJECT_FILE or _MODELINE.search(text) or all(key.search(text) for key in _KEYS):
        return True
    workspace = open_workspace(path, projects)
    return workspace.project is not None and path in workspace.specs()


def _with_last(reading: Reading, last: Reading | None) -> Reading:
    """Fill what a document that is broken at the moment does not tell with what it told before."""
    if last is None or (reading.plan is not None and not reading.plan.partial):
        return reading
    return replace(reading, plan=reading.plan or last.plan, tables={**last.tables, **reading.tables})
