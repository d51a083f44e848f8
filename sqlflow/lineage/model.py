"""Lineage as a value: the origins of columns, and the walk downstream."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from msgspec import Struct, field

Field = tuple[str, str]
"""A table, or a place outside the warehouse, and one of its columns; both folded."""
ANY = "*"
"""Stands for every column, where it cannot be said which."""


class Touched(Struct):
    """What of a table depends on something: these columns, and, with `rows`, which rows it has."""

    columns: set[str] = field(default_factory=set)
    rows: bool = False


class Lineage(Struct, frozen=True):
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
        readers, made_of = self._feeding(), self.readers()
        while waiting:
            table, name = touched = waiting.popleft()
            if touched in seen:
                continue
            seen.add(touched)
            reached = [] if name == ANY else [*made_of.get(touched, ()), *made_of.get((table, ANY), ())]
            reached += [(reader, ANY) for reader in readers.get(table, ()) if self._decides(touched, reader)]
            for reader, column in reached:
                if reader != table:
                    entry = found.setdefault(reader, Touched())
                    entry.rows |= column == ANY
                    entry.columns |= {column} - {ANY}
                    waiting.append((reader, column))
        return found

    def _decides(self, touched: Field, reader: str) -> bool:
        """Tell whether a column, or which rows there are, decides which rows a reader has."""
        return touched[1] == ANY or bool({touched, (touched[0], ANY)} & self.rows.get(reader, frozenset()))

    def _feeding(self) -> Mapping[str, list[str]]:
        readers: dict[str, list[str]] = {}
        for reader, sources in self.feeds.items():
            for source in sorted(sources - {reader}):
                readers.setdefault(source, []).append(reader)
        return readers
