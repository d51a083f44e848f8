"""Lineage as a value: the origins of columns, and the walk downstream."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

Field = tuple[str, str]
"""A table, or a place outside the warehouse, and one of its columns; both folded."""
ANY = "*"
"""Stands for every column, where it cannot be said which."""


@dataclass
class Touched:
    """What of a table depends on something: these columns, and, with `rows`, which rows it has."""

    columns: set[str] = field(default_factory=set)
    rows: bool = False


@dataclass(frozen=True)
class Lineage:
    """The origins of the columns of many tables.

    `columns` says what each column is made of, `rows` what decides which rows a table has, and `feeds` from which
    tables and places each table gets its rows.
    """

    columns: Mapping[Field, frozenset[Field]]
    rows: Mapping[str, frozenset[Field]]
    feeds: Mapping[str, frozenset[str]]

    def upstream(self, column: Field) -> frozenset[Field]:
        """Return every column that a column is made of, over all steps between."""
        found: set[Field] = set()
        waiting = [column]
        while waiting:
            table, name = waiting.pop()
            for origin in self.columns.get((table, name), self.columns.get((table, ANY), frozenset())):
                if origin not in found:
                    found.add(origin)
                    waiting.append(origin)
        return frozenset(found)

    def readers(self) -> Mapping[Field, frozenset[Field]]:
        """Return for each column those that are made of it directly."""
        found: dict[Field, set[Field]] = {}
        for column, origins in self.columns.items():
            for origin in origins:
                found.setdefault(origin, set()).add(column)
        return {column: frozenset(made) for column, made in found.items()}

    def downstream(self, columns: Iterable[Field], tables: Iterable[str] = ()) -> Mapping[str, Touched]:
        """Return what depends on columns, and on which rows `tables` have, by table, in the order of finding."""
        found: dict[str, Touched] = {}
        seen: set[Field] = set()
        waiting: deque[Field] = deque([*columns, *((table, ANY) for table in tables)])
        readers = self._feeding()
        while waiting:
            touched = waiting.popleft()
            if touched in seen:
                continue
            seen.add(touched)
            table, name = touched
            for reader in readers.get(table, ()):
                for next_one in self._reached(reader, table, name):
                    entry = found.setdefault(reader, Touched())
                    entry.rows |= next_one == ANY
                    entry.columns |= {next_one} - {ANY}
                    waiting.append((reader, next_one))
        return found

    def _feeding(self) -> Mapping[str, list[str]]:
        readers: dict[str, list[str]] = {}
        for reader, sources in self.feeds.items():
            for source in sorted(sources - {reader}):
                readers.setdefault(source, []).append(reader)
        return readers

    def _reached(self, reader: str, table: str, name: str) -> Iterator[str]:
        """Yield the columns of a reader that are made of a column; `*` is which rows it has."""
        if name == ANY or {(table, name), (table, ANY)} & self.rows.get(reader, frozenset()):
            yield ANY
        for (owner, column), origins in self.columns.items():
            if owner == reader and {(table, name), (table, ANY)} & origins and name != ANY:
                yield column
