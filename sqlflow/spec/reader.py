"""Files to documents. Reads text, parses it, and checks the keys at the top; steps are looked at later."""

from __future__ import annotations

from collections.abc import Mapping as Map
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from sqlflow.problem import Mark, Problem, did_you_mean

from .diagnosis import Diagnosis, Filled, validate
from .document import Document
from .model import Pipeline, Project, Tests
from .node import Mapping, Scalar, Source, find, to_data
from .spectest import SpecTest
from .text import parse, read_source

M = TypeVar("M", bound=BaseModel)


def read_pipeline(path: Path, shown: str | None = None) -> Document[Pipeline] | list[Problem]:
    """Read a pipeline; returns the problems alone when there is no document to speak of."""
    source, problems = read_source(path, shown or str(path))
    return problems if source is None else parse_pipeline(source, path)


def parse_pipeline(source: Source, path: Path) -> Document[Pipeline] | list[Problem]:
    """Parse a pipeline from a text."""
    return _document(source, path, {"pipeline": Pipeline})


def read_document(path: Path, shown: str | None = None) -> Document[Any] | list[Problem]:
    """Read a document of any kind: a pipeline, or tests of one."""
    source, problems = read_source(path, shown or str(path))
    return problems if source is None else parse_document(source, path)


def parse_document(source: Source, path: Path) -> Document[Any] | list[Problem]:
    """Parse a document of any kind from a text."""
    return _document(source, path, KINDS)


def read_project(path: Path, shown: str | None = None) -> Document[Project] | list[Problem]:
    """Read `sqlflow.yaml`."""
    source, problems = read_source(path, shown or str(path))
    return problems if source is None else parse_project(source, path)


def parse_project(source: Source, path: Path) -> Document[Project] | list[Problem]:
    """Parse `sqlflow.yaml` from a text."""
    return _document(source, path, {"project": Project})


def _document(source: Source, path: Path, kinds: Map[str, type[M]]) -> Document[M] | list[Problem]:
    """Read a document of one of some kinds; the first is what it is when it does not say."""
    root, problems = parse(source)
    if root is None and not problems:
        return [Problem("SF109", "the file is empty", source.mark(0, 0), "start with version: 1 and name: ...")]
    if root is None:
        return problems
    diagnosis = Diagnosis(source, list(problems))
    if isinstance(root, Scalar) and root.value is None:
        return [Problem("SF109", "the file is empty", source.mark(0, 0), "start with version: 1 and name: ...")]
    if not isinstance(root, Mapping):
        told = f"the {next(iter(kinds))} must be a mapping of keys"
        diagnosis.add("SF203", told, root, "start with version: 1 and name: ...")
        return diagnosis.problems
    kind = next(iter(kinds))
    named = root.values.get("kind") if kind in KINDS else None
    if isinstance(named, Scalar) and named.value not in kinds:
        if named.value in KINDS:
            told, hint = f"a document of kind {named.text} is no {kind}", "name the pipeline; `sqlflow test` runs tests"
        else:
            told, hint = f"unknown kind {named.text!r}", did_you_mean(named.text, KINDS, noun="kind")
        diagnosis.add("SF205", told, named, hint)
        return diagnosis.problems
    kind = named.text if isinstance(named, Scalar) else kind
    what = "the tests" if kind == "test" else f"the {kind}"
    model = validate(kinds[kind], root, diagnosis, what=what, data=_outline(root))
    return Document(path, source, root, model, diagnosis, kind)


KINDS: Map[str, type[BaseModel]] = {"pipeline": Pipeline, "test": Tests}
"""What a document may be by its `kind`; without one it is a pipeline."""


def unfinished(document: Document[Any]) -> list[Problem]:
    """Return a warning for each test that does not say yet what it expects."""
    tests = document.model.tests if document.model is not None else ()
    places = (document.source.at(find(document.root, ("tests", n, "name"))[0]) for n in range(len(tests)))
    return [expects_nothing(test, place) for test, place in zip(tests, places, strict=True) if not test.is_finished]


def expects_nothing(test: SpecTest, mark: Mark) -> Problem:
    """Say that a test does not say yet what must come out."""
    hint = "write rows under expect, or error; `sqlflow test --record` writes the rows that come"
    return Problem("SF760", f"test {test.name!r} does not say what it expects", mark, hint, "warning")


def _outline(root: Mapping) -> Filled:
    """Return the data of the top level; what lies under steps is checked by its owners later."""
    data = {}
    for key, value in root.values.items():
        items = getattr(value, "items", None)
        data[key] = [0] * len(items) if key == "steps" and isinstance(items, list) else to_data(value)
    return Filled(data)
