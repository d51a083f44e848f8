"""The tests that documents declare, each with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import Struct

from sqlflow.errors import DocumentError
from sqlflow.problem import Mark, Problem
from sqlflow.project import display, pipeline_of
from sqlflow.spec import Document, Mapping, Node, Pipeline, Sequence, Source, SpecTest, find, read_document


class DeclaredTest(Struct, frozen=True):
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

    @property
    def written(self) -> dict[str, Mark]:
        """Where the values of its variables stand; those that it shares with others, at its name."""
        found = {name: find(self.node, ("vars", name)) for name in self.test.vars}
        return {name: self.source.at(key) if key is not None else self.mark for name, (_, key) in found.items()}

    @property
    def files(self) -> tuple[Path, ...]:
        """Files that hold rows of it."""
        parts = (*self.test.given.values(), *self.test.state.values(), *self.test.expect.values())
        named = [rows.csv or rows.parquet for rows in parts if rows is not None and rows.rows is None]
        return tuple(self.folder / str(name) for name in named if name is not None)

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
    return tests_of(read)


def tests_of(document: Document[Any]) -> list[DeclaredTest]:
    """Return the tests of a document that has been read, each with its place.

    Raises:
        DocumentError: it, or the pipeline that it names, is no document.

    """
    if document.model is None:
        raise DocumentError(document.diagnosis.problems)
    pipeline, shared = document, {}
    if document.kind == "test":
        found, shared = pipeline_of(document), document.model.vars
        if isinstance(found, Problem):
            raise DocumentError([found])
        pipeline = found
    node = document.node("tests")
    nodes = node.items if isinstance(node, Sequence) else []
    tests = [test.model_copy(update={"vars": {**shared, **test.vars}}) for test in document.model.tests]
    pairs = enumerate(zip(tests, nodes, strict=True))
    return [
        DeclaredTest(test, document.path, pipeline, document.source, item, position) for position, (test, item) in pairs
    ]
