"""Where the parts of a planned step stand in its document: its options, and every character of its SQL.

A place is looked up when somebody complains. Knows nodes and texts; not what they mean.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingType

from msgspec import Struct, field

from sqlflow.problem import Mark
from sqlflow.sdk import Role, fold
from sqlflow.spec import Mapping, Node, Path_, Scalar, Sequence, Source, find

from .sqlfields import SqlField


class CheckPlace(Struct, frozen=True):
    """Where a check stands, and its pieces of SQL: `where` and those of its kind."""

    node: Node
    source: Source
    pieces: tuple[tuple[Role, SqlField], ...] = ()
    reads: frozenset[str] = frozenset()
    """The tables that its SQL and its options name."""
    sound: bool = True
    """Whether all of its SQL could be parsed and bound to values."""

    def named(self, name: str) -> Mark:
        """Return the place where the check names something, else that of the check."""
        return self.source.at(_scalar(self.node, name) or self.node)


class Places(Struct, frozen=True):
    """Where the parts of one step stand."""

    node: Mapping = field(default_factory=lambda: Mapping(0, 0))
    source: Source = field(default_factory=lambda: Source("", ""))
    fields: MappingType[str, SqlField] = field(default_factory=dict)
    checks: tuple[CheckPlace, ...] = ()
    when: SqlField | None = None

    def option(self, *path: str | int) -> Mark:
        """Return the place of an option, or of the part of it that is written."""
        return self.source.at(find(self.node, path)[0])

    def named(self, option: str, name: str) -> Mark:
        """Return the place where an option names something, else that of the option."""
        place = self.node.values.get(option, self.node)
        return self.source.at(_scalar(place, name) or place)

    def key(self, option: str, name: str) -> Mark:
        """Return the place of a key below an option, such as a declared column."""
        place: Path_ = (option, name)
        node, found = find(self.node, place)
        return self.source.at(found or node)


def _scalar(node: Node, name: str) -> Scalar | None:
    """Find the text below a node that is a name, or begins with it as in `name desc`."""
    if isinstance(node, Scalar):
        words = node.text.split()
        return node if words and (fold(node.text) == fold(name) or fold(words[0]) == fold(name)) else None
    inner = node.items if isinstance(node, Sequence) else [*node.keys.values(), *node.values.values()]
    return next((found for item in inner if (found := _scalar(item, name)) is not None), None)
