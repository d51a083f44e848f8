"""What pipelines read and write where others meet it: tables of a warehouse, and places outside of every one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct

from sqlflow.plan import Plan, table_key


class Footprint(Struct, frozen=True):
    """What one pipeline reads and writes; tables in the form in which names are compared."""

    file: str
    """The document, as messages show it."""
    warehouse: Path | None
    reads: frozenset[str]
    writes: frozenset[str]
    outputs: frozenset[str]

    @classmethod
    def of(cls, plan: Plan) -> Footprint:
        """Read it off a plan; steps that `when` has ruled out count, too."""
        reads = {table_key(table) for step in plan.steps for table in step.reads}
        writes = {table_key(table) for step in plan.steps for table in step.plan.writes}
        outputs = {output for step in plan.steps for output in step.plan.outputs}
        return cls(plan.source.file, plan.location.path, frozenset(reads), frozenset(writes), frozenset(outputs))


class Elsewhere:
    """What many pipelines do, as each of them sees the others."""

    def __init__(self, footprints: Iterable[Footprint]) -> None:
        self._readers: Counter[str] = Counter()
        self._writers: dict[tuple[Path | None, str], list[str]] = defaultdict(list)
        for one in footprints:
            self._readers.update(one.reads)
            for place in _places(one):
                self._writers[place].append(one.file)
        self._read = frozenset(self._readers)

    def read(self, but: Footprint) -> frozenset[str]:
        """Return the tables that others read."""
        return self._read.difference(table for table in but.reads if self._readers[table] == 1)

    def also_written(self, by: Footprint) -> Mapping[str, str]:
        """Return what a pipeline writes that another writes as well, and the document of that one."""
        found = {}
        for place in _places(by):
            others = [file for file in self._writers[place] if file != by.file]
            if others:
                found[place[1]] = others[0]
        return found


def _places(one: Footprint) -> Iterable[tuple[Path | None, str]]:
    """Yield what a pipeline writes: tables with their warehouse if others can see it, and places outside."""
    if one.warehouse is not None:
        yield from ((one.warehouse, table) for table in one.writes)
    yield from ((None, output) for output in one.outputs)
