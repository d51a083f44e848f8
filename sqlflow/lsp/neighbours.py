"""The tables that the other documents of a project make, as they stand on disk.

Documents that are open in the editor speak for themselves, by their last reading. Must not know the protocol.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct

from sqlflow.compile import Table
from sqlflow.lint import Footprint
from sqlflow.plan import Plan, table_key
from sqlflow.problem import Mark
from sqlflow.registry import Catalog
from sqlflow.validation import Around, hold_all, made_of, needs

PASSES = 20
"""Times that documents are held again, one after the other's change; a ring of documents may never come to rest."""


class Neighbour(Struct, frozen=True):
    """What a document makes and needs: tables by their folded names, and where the steps stand that write them."""

    warehouse: Path | None = None
    made: Mapping[str, Table] | None = None
    needs: frozenset[str] = frozenset()
    writers: Mapping[str, Mark] | None = None
    footprint: Footprint | None = None

    @classmethod
    def of(cls, plan: Plan | None, tables: Mapping[str, Table]) -> Neighbour:
        """Read it off a plan and the tables that are known with it."""
        if plan is None:
            return cls()
        writers = {table_key(table): step.mark for step in plan.steps for table in step.plan.writes}
        return cls(plan.location.path, made_of(plan, tables), needs(plan), writers, Footprint.of(plan))

    def moved(self, before: Neighbour) -> set[str]:
        """Return the tables that are other than they were."""
        was, now = before.made or {}, self.made or {}
        return {key for key in {*was, *now} if _columns(was.get(key)) != _columns(now.get(key))}


class Neighbours:
    """The documents of one project, held once and again when their files have changed."""

    def __init__(self, catalog: Catalog, profile: str | None, variables: Mapping[str, str]) -> None:
        self._catalog = catalog
        self._options = {"profile": profile, "vars": variables, "tests": False}
        self._known: dict[Path, Neighbour] = {}
        self._identities: dict[Path, tuple[int, int] | None] = {}

    def look(self, paths: Iterable[Path]) -> None:
        """Hold the documents that are new or have changed, and those that need what these make."""
        identities = {path: _identity(path) for path in paths}
        stale = {path for path, found in identities.items() if self._identities.get(path, ()) != found}
        moved = {key for path in self._known.keys() - identities.keys() for key in self._forget(path)}
        self._identities = identities
        for _ in range(PASSES):
            stale |= {path for path, one in self._known.items() if one.needs & moved}
            if not stale:
                break
            moved = self._hold(stale)
            stale = set()

    def _forget(self, path: Path) -> Iterable[str]:
        return self._known.pop(path).made or ()

    def _hold(self, paths: set[Path]) -> set[str]:
        """Hold documents anew; returns the tables that are other than they were."""
        made = self._around(self._known.items(), paths).everything()
        moved: set[str] = set()
        for held in hold_all(sorted(paths), self._catalog, made=made, **self._options):
            now = Neighbour.of(held.plan, held.compiled.tables)
            moved |= now.moved(self._known.get(held.path, Neighbour()))
            self._known[held.path] = now
        return moved

    def around(self, path: Path, warehouse: Path | None, opened: Mapping[Path, Neighbour]) -> Mapping[str, Table]:
        """Return the tables that others make where a document keeps its own; `opened` speak for themselves."""
        return self._around({**self._known, **opened}.items(), {path}).of(warehouse)

    def writers(self, path: Path, opened: Mapping[Path, Neighbour]) -> Mapping[str, list[tuple[Path, Mark]]]:
        """Return the steps of the other documents by the tables that they write."""
        found: dict[str, list[tuple[Path, Mark]]] = {}
        for other, one in {**self._known, **opened}.items():
            for key, mark in (one.writers or {}).items() if other != path else ():
                found.setdefault(key, []).append((other, mark))
        return found

    def footprints(self, path: Path, opened: Mapping[Path, Neighbour]) -> list[Footprint]:
        """Return what the other documents read and write."""
        others = {other: one for other, one in {**self._known, **opened}.items() if other != path}
        return [one.footprint for one in others.values() if one.footprint is not None]

    @staticmethod
    def _around(documents: Iterable[tuple[Path, Neighbour]], but: set[Path]) -> Around:
        found = Around({})
        for path, one in documents:
            if path not in but:
                found.add(path, one.warehouse, one.made or {})
        return found


def _columns(table: Table | None) -> object:
    return None if table is None else (table.schema, table.gone)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
