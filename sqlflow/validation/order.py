"""Who makes which tables, and the order in which documents are held for that. Knows documents by their paths only."""

from __future__ import annotations

import graphlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from sqlflow.compile import Table

Made = Mapping[str, Table]
"""Tables by their folded names."""


class Wants(Struct, frozen=True):
    """What a document needs of others, and what it makes: what decides when it is held."""

    warehouse: Path | None
    needs: frozenset[str]
    makes: frozenset[str]


class Around:
    """The tables that documents make, by their warehouse. What several make otherwise is nobody's to speak for."""

    def __init__(self, others: Mapping[Path, Made]) -> None:
        """`others` are tables of documents that are not among those that are held, by their warehouse."""
        self._made: dict[Path, dict[str, dict[Path | None, Table]]] = defaultdict(lambda: defaultdict(dict))
        for place, made in others.items():
            self._note(None, place, made)

    def expect(self, path: Path, wants: Wants) -> None:
        """Note a document that is yet to be held: until then nothing is known of the tables that it makes."""
        self._note(path, wants.warehouse, {key: Table(key, None) for key in wants.makes})

    def add(self, path: Path, place: Path | None, made: Made) -> None:
        """Note what a document makes that has been held."""
        self._note(path, place, made)

    def _note(self, path: Path | None, place: Path | None, made: Made) -> None:
        if place is not None:  # else nobody else can see them
            for key, table in made.items():
                self._made[place][key][path] = table

    def of(self, place: Path | None, names: Iterable[str] | None = None) -> Made:
        """Return the tables that can be seen in a warehouse: some of them, by folded name, or all."""
        made = self._made.get(place, {}) if place is not None else {}
        return {key: _common([*made[key].values()]) for key in (made if names is None else names) if key in made}

    def everything(self) -> Mapping[Path, Made]:
        """Return all tables by their warehouse."""
        return {place: self.of(place) for place in self._made}


def _common(tables: Sequence[Table]) -> Table:
    """Return what is known of a table that several documents make: what all of them say."""
    first = tables[0]
    return first if all(table.schema == first.schema for table in tables) else Table(first.name, None)


def generations(wants: Mapping[Path, Wants]) -> Iterator[Sequence[Path]]:
    """Yield documents of which none needs another of its generation, only those of earlier ones.

    Where documents need each other in a ring, the one that came first does without.
    """
    makers: dict[tuple[Path | None, str], list[Path]] = defaultdict(list)
    for path, one in wants.items():
        for key in one.makes:
            makers[one.warehouse, key].append(path)
    graph = {
        path: [maker for key in sorted(one.needs) for maker in makers[one.warehouse, key] if maker != path]
        for path, one in wants.items()
    }
    order = _broken_open(graph)
    while order.is_active():
        ready = order.get_ready()
        yield ready
        order.done(*ready)


def _broken_open(graph: dict[Path, list[Path]]) -> graphlib.TopologicalSorter[Path]:
    """Return the order of a graph; of each ring the first document is let go of the one before it."""
    places = {path: place for place, path in enumerate(graph)}
    while True:
        order = graphlib.TopologicalSorter(graph)
        try:
            order.prepare()
        except graphlib.CycleError as error:
            ring = error.args[1][:-1]  # each is needed by the next
            first = min(range(len(ring)), key=lambda i: places[ring[i]])
            graph[ring[first]] = [path for path in graph[ring[first]] if path != ring[first - 1]]
        else:
            return order
