"""Files to documents. Reads text, parses it, and checks the keys at the top; steps are looked at later."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from sqlflow.problem import Problem, did_you_mean

from .diagnosis import Diagnosis, Filled, validate
from .document import Document
from .model import Pipeline, Project
from .node import Mapping, Scalar, Source, to_data
from .text import parse, read_source

M = TypeVar("M", bound=BaseModel)


def read_pipeline(path: Path, shown: str | None = None) -> Document[Pipeline] | list[Problem]:
    """Read a pipeline; returns the problems alone when there is no document to speak of."""
    source, problems = read_source(path, shown or str(path))
    return problems if source is None else parse_pipeline(source, path)


def parse_pipeline(source: Source, path: Path) -> Document[Pipeline] | list[Problem]:
    """Parse a pipeline from a text."""
    return _document(source, path, Pipeline, "the pipeline", kinds=("pipeline",))


def read_project(path: Path, shown: str | None = None) -> Document[Project] | list[Problem]:
    """Read `sqlflow.yaml`."""
    source, problems = read_source(path, shown or str(path))
    return problems if source is None else parse_project(source, path)


def parse_project(source: Source, path: Path) -> Document[Project] | list[Problem]:
    """Parse `sqlflow.yaml` from a text."""
    return _document(source, path, Project, "the project")


def _document(
    source: Source, path: Path, model: type[M], what: str, kinds: tuple[str, ...] = ()
) -> Document[M] | list[Problem]:
    root, problems = parse(source)
    if root is None and not problems:
        return [Problem("SF109", "the file is empty", source.mark(0, 0), "start with version: 1 and name: ...")]
    if root is None:
        return problems
    diagnosis = Diagnosis(source, list(problems))
    if isinstance(root, Scalar) and root.value is None:
        return [Problem("SF109", "the file is empty", source.mark(0, 0), "start with version: 1 and name: ...")]
    if not isinstance(root, Mapping):
        diagnosis.add("SF203", f"{what} must be a mapping of keys", root, "start with version: 1 and name: ...")
        return diagnosis.problems
    kind = root.values.get("kind")
    if kinds and isinstance(kind, Scalar) and kind.value not in kinds:
        diagnosis.add("SF205", f"unknown kind {kind.text!r}", kind, did_you_mean(kind.text, kinds, noun="kind"))
        return diagnosis.problems
    return Document(path, source, root, validate(model, root, diagnosis, what=what, data=_outline(root)), diagnosis)


def _outline(root: Mapping) -> Filled:
    """Return the data of the top level; what lies under steps is checked by its owners later."""
    data = {}
    for key, value in root.values.items():
        items = getattr(value, "items", None)
        data[key] = [0] * len(items) if key == "steps" and isinstance(items, list) else to_data(value)
    return Filled(data)
