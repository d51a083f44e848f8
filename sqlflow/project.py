"""The project: the folder of `sqlflow.yaml`, its profiles, and where its pipelines are.

Without a project file the folder of the spec is the project. Must not know how a pipeline is planned or run.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from collections.abc import Mapping as MappingType
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from sqlflow.problem import Problem, did_you_mean
from sqlflow.root import PROJECT_FILE, documents, find_root, has_documents
from sqlflow.spec import (
    Diagnosis,
    Document,
    Mapping,
    Pipeline,
    Profile,
    Project,
    Source,
    Tests,
    find,
    parse_project,
    read_pipeline,
    read_project,
    validate,
)


class ActiveProfile(Struct, frozen=True):
    """The profile in force; without one, everything is at its default."""

    name: str | None
    model: Profile
    node: Mapping
    diagnosis: Diagnosis | None


class Workspace(Struct):
    """A project folder. `document` is None when there is no project file, or when it cannot be read."""

    folder: Path
    document: Document[Project] | None = None
    problems: list[Problem] = field(default_factory=list)
    others: dict[tuple[str | None, str], Diagnosis] = field(default_factory=dict)
    """What was found out about the profiles that are not in force; it is the same for many pipelines."""

    @property
    def project(self) -> Project | None:
        """The project's own settings, when it has a file."""
        return self.document.model if self.document else None

    @property
    def target(self) -> Path:
        """Where records of runs go. Removing it loses no data."""
        return self.folder / "target"

    def afresh(self) -> Workspace:
        """Return the same project for another pipeline, without what was noted about it for this one."""
        if self.document is None:
            return replace(self, problems=list(self.problems))
        noted = self.document.diagnosis
        diagnosis = replace(noted, problems=list(noted.problems), undefined={}, unknown={})
        return replace(self, document=replace(self.document, diagnosis=diagnosis), problems=list(self.problems))

    def warehouse_name(self, pipeline: str) -> str:
        """Return the name of the warehouse file when the profile names none."""
        return self.project.name if self.project else pipeline

    def function_folders(self) -> list[Path]:
        """Return the folders that hold Python functions."""
        return [self.folder / name for name in (self.project.functions if self.project else ["udfs/"])]

    def check_folders(self) -> None:
        """Note every folder of functions that the project names and that is not there."""
        node = self.document.node("functions") if self.document else None
        for position, folder in enumerate(self.function_folders() if node is not None else ()):
            if self.document is not None and not folder.is_dir():
                place = find(node, (position,))[0] if node is not None else None
                self.document.diagnosis.add(
                    "SF501", f"folder of functions not found: {folder.name}", place, "check the path"
                )

    def check_specs(self) -> None:
        """Note every pattern of documents that the project names and that none matches."""
        node = self.document.node("specs") if self.document else None
        for position, pattern in enumerate(self.project.specs if self.project and node is not None else ()):
            if self.document is not None and node is not None and not has_documents(self.folder, pattern):
                told = f"no document matches {pattern!r}"
                hint = f"check the pattern; it starts at the folder of {PROJECT_FILE}"
                self.document.diagnosis.add("SF501", told, find(node, (position,))[0], hint)

    def profile(self, name: str | None) -> ActiveProfile | Problem:
        """Return the named profile, or the default one; a Problem when there is none of that name."""
        wanted = name or (self.project.default_profile if self.project else None)
        if wanted is None:
            return ActiveProfile(None, Profile(), Mapping(0, 0), None)
        profiles = self.document.node("profiles") if self.document else None
        node = profiles.values.get(wanted) if isinstance(profiles, Mapping) else None
        if self.document is None or node is None:
            known = profiles.values if isinstance(profiles, Mapping) else {}
            mark = None
            if name is None and self.document and (asked := self.document.node("default_profile")):
                mark = self.document.source.at(asked)
            hint = did_you_mean(wanted, known, noun="profile") if self.document else f"profiles live in {PROJECT_FILE}"
            return Problem("SF304", f"unknown profile {wanted!r}", mark, hint)
        diagnosis = self.document.diagnosis
        model = validate(Profile, node, diagnosis, what=f"profile {wanted!r}", lookup=None)
        return ActiveProfile(
            wanted, model or Profile(), node if isinstance(node, Mapping) else Mapping(0, 0), diagnosis
        )

    def specs(self) -> list[Path]:
        """Return the files of all pipelines of the project, in order of their names."""
        return documents(self.folder, self.project.specs if self.project else ["*.yaml", "*.yml"])

    def beside(self, paths: Iterable[Path]) -> list[Path]:
        """Return the files of the other pipelines of the project; without a project nobody belongs together."""
        if self.project is None:
            return []
        asked = {os.path.abspath(path) for path in paths}  # noqa: PTH100 - links are followed only where that decides
        others = [path for path in self.specs() if str(path) not in asked]
        followed = {Path(path).resolve() for path in asked} if others else set()
        return [path for path in others if path.resolve() not in followed]


def open_workspace(start: Path, texts: MappingType[Path, str] | None = None) -> Workspace:
    """Find the project that a file or folder belongs to; the nearest `sqlflow.yaml` above it decides.

    `texts` are those of project files that somebody edits and has not saved.
    """
    folder = start if start.is_dir() else start.parent
    root = find_root(folder, texts or ())
    if root is None:
        return Workspace(folder.resolve())
    file = root / PROJECT_FILE
    unsaved = texts.get(file) if texts else None
    shown = display(file)
    read = read_project(file, shown) if unsaved is None else parse_project(Source(shown, unsaved, file), file)
    if isinstance(read, list):
        return Workspace(root, problems=read)
    found = Workspace(root, read)
    found.check_specs()
    return found


def pipeline_of(tests: Document[Tests]) -> Document[Pipeline] | Problem:
    """Return the pipeline that a document of tests is about; a Problem where it cannot be read."""
    if tests.model is None:
        return tests.diagnosis.problems[0]
    path = tests.path.parent / tests.model.pipeline
    read = read_pipeline(path, display(path))
    if not isinstance(read, list):
        return read
    place, why = tests.node("pipeline"), read[0]
    mark = tests.source.at(place) if place is not None else None
    hint = "its path starts at the folder of this document" if why.code == "SF101" else why.hint
    told = f"the pipeline of these tests cannot be read: {why.message}"
    return Problem("SF760", told, mark, hint, related=(why.mark,) if why.mark is not None else ())


def display(path: Path) -> str:
    """Return a path as messages show it: relative to where the user stands, when that is shorter."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive
        return str(path)
    return relative if not relative.startswith("../../..") else str(path)
