"""The tests that documents declare, each with its place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlflow.errors import DocumentError
from sqlflow.problem import Mark, Problem
from sqlflow.project import display, pipeline_of
from sqlflow.spec import Document, Mapping, Node, Pipeline, Sequence, Source, SpecTest, find, read_document


@dataclass(frozen=True)
class DeclaredTest:
    """A test as it stands in the document `file`. `pipeline` is the document of the steps that it is about."""

    test: SpecTest
    file: Path
    pipeline: Document[Pipeline]
    source: Source
    node: Node
    position: int

    @property
    def folder(self) -> Path:
        """Where the paths of its files start."""
        return self.file.parent

    @property
    def mark(self) -> Mark:
        """Where its name stands."""
        named = self.node.values.get("name") if isinstance(self.node, Mapping) else None
        return self.source.at(named or self.node)

    def place(self, *path: str | int) -> Mark:
        """Return the place of a part of it; `rows` may be left out in the document."""
        node, key = find(self.node, path)
        return self.source.at(key or node)


def declared_tests(path: Path) -> list[DeclaredTest]:
    """Return the tests of a document, each with its place.

    Raises:
        DocumentError: the document cannot be read.

    """
    read = read_document(path, display(path))
    if isinstance(read, list):
        raise DocumentError(read)
    if read.model is None:
        raise DocumentError(read.diagnosis.problems)
    pipeline, shared = read, {}
    if read.kind == "test":
        found, shared = pipeline_of(read), read.model.vars
        if isinstance(found, Problem):
            raise DocumentError([found])
        pipeline = found
    node = read.node("tests")
    nodes = node.items if isinstance(node, Sequence) else []
    tests = [test.model_copy(update={"vars": {**shared, **test.vars}}) for test in read.model.tests]
    pairs = enumerate(zip(tests, nodes, strict=True))
    return [DeclaredTest(test, path, pipeline, read.source, item, position) for position, (test, item) in pairs]
