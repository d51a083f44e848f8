"""What YAML becomes: nodes that know their place, and the text they stand in. No library, no meaning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from sqlflow.problem import Mark

Path_ = tuple["str | int", ...]


class Scalar(Struct):
    """A single value: as YAML 1.2 reads it, and as it was written."""

    line: int
    column: int
    value: Any
    text: str
    style: str | None = None
    end: int = 0


class Sequence(Struct):
    """A list."""

    line: int
    column: int
    items: list[Node] = field(default_factory=list)


class Mapping(Struct):
    """Keys and values in document order."""

    line: int
    column: int
    keys: dict[str, Scalar] = field(default_factory=dict)
    values: dict[str, Node] = field(default_factory=dict)
    flow: bool = False
    end: int = 0
    """Where in the text a flow mapping ends; a block has no end of its own."""


Node = Scalar | Sequence | Mapping


class Source(Struct, frozen=True, dict=True):
    """A text and the name under which messages show it."""

    file: str
    text: str
    path: Path | None = None

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text, without their ends."""
        return self.text.splitlines()

    def mark(self, line: int, column: int) -> Mark:
        """Return the place at a line and column that count from 0."""
        shown = self.lines[line] if 0 <= line < len(self.lines) else ""
        return Mark(self.file, line + 1, min(column, len(shown)) + 1, shown)

    def at(self, node: Node) -> Mark:
        """Return the place where a node starts."""
        return self.mark(node.line, node.column)

    def within(self, node: Scalar, offset: int) -> Mark:
        """Return the place of a character inside a scalar's value, as it stands in the file."""
        if node.style != "|" and self._rewritten(node):
            return self._same_word(node, offset)
        if node.style == "|":
            before = node.text[:offset]
            row = before.count("\n")
            first = next((i for i in range(node.line + 1, len(self.lines)) if self.lines[i].strip()), node.line + 1)
            indent = len(self.lines[first]) - len(self.lines[first].lstrip()) if first < len(self.lines) else 0
            indent -= len(node.text.lstrip("\n")) - len(node.text.lstrip("\n").lstrip(" "))
            return self.mark(node.line + 1 + row, max(indent, 0) + offset - (before.rfind("\n") + 1))
        return self.mark(node.line, node.column + offset + (1 if node.style else 0))

    def _rewritten(self, node: Scalar) -> bool:
        """Tell whether a value stands otherwise in the file: folded over lines, or with escapes."""
        start = node.column + (1 if node.style else 0)
        return not self.lines[node.line][start:].startswith(node.text) if node.line < len(self.lines) else False

    def _same_word(self, node: Scalar, offset: int) -> Mark:
        """Find the word at an offset by counting how often it came before; folding and escapes leave words alone."""
        found = re.compile(r"\w+|\S").search(node.text, offset)
        word = found[0] if found else ""
        earlier = len(re.findall(re.escape(word), node.text[: found.start()])) if found and word else 0
        rest = [self.lines[node.line][node.column :], *self.lines[node.line + 1 :]]
        for row, line in enumerate(rest if word else ()):
            for match in re.finditer(re.escape(word), line):
                if earlier == 0:
                    return self.mark(node.line + row, match.start() + (node.column if row == 0 else 0))
                earlier -= 1
        return self.mark(node.line, node.column)


def to_data(node: Node) -> Any:
    """Return the plain Python data of a node."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [to_data(item) for item in node.items]
    return {key: to_data(value) for key, value in node.values.items()}


def find(node: Node, path: Path_) -> tuple[Node, Scalar | None]:
    """Walk as far down a path as the nodes go; returns the node reached and its key, if it has one."""
    key: Scalar | None = None
    for part in path:
        if isinstance(node, Mapping) and isinstance(part, str) and part in node.values:
            key, node = node.keys[part], node.values[part]
        elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
            key, node = None, node.items[part]
    return node, key


def scalars(node: Node) -> Iterator[Scalar]:
    """Yield every single value below a node, in document order; what aliases share comes each time."""
    if isinstance(node, Scalar):
        yield node
        return
    for inner in node.values.values() if isinstance(node, Mapping) else node.items:
        yield from scalars(inner)


def count(node: Node) -> int:
    """Return how many nodes a node holds, itself included; nodes that aliases share count each time."""
    if isinstance(node, Scalar):
        return 1
    inner = node.items if isinstance(node, Sequence) else node.values.values()
    return 1 + sum(count(item) for item in inner)
