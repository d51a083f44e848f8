"""Holding documents: those that need nobody's tables as they come, the others in the order of their needs."""

from __future__ import annotations

import graphlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlflow.compile import Bench, Compiled, Table
from sqlflow.pipeline import Draft, Pipeline
from sqlflow.plan import Plan, parse_ahead, table_key
from sqlflow.problem import Problem
from sqlflow.project import Workspace, display, open_workspace, pipeline_of
from sqlflow.registry import Catalog
from sqlflow.spec import Document, Tests, read_document, unfinished

from .recorded import Recorded

NOTHING: Mapping[Path, Mapping[str, Table]] = MappingProxyType({})
TOGETHER = 200
"""Documents that are parsed together and held in memory at a time."""


@dataclass(frozen=True)
class Held:
    """A document that has been held. `plan` None: nothing of it could be planned."""

    path: Path
    plan: Plan | None
    compiled: Compiled
    warehouse: Path | None
    """The file in which it keeps its tables; None: nobody else can see them."""

    @property
    def made(self) -> Mapping[str, Table]:
        """Return the tables that it makes, by folded name, as far as anything is known of them."""
        return made_of(self.plan, self.compiled.tables) if self.plan is not None else {}


def hold_all(
    paths: Sequence[Path],
    catalog: Catalog,
    *,
    profile: str | None = None,
    vars: Mapping[str, Any] | None = None,  # noqa: A002 - the word of the document
    state: bool = False,
    with_functions: bool = False,
    made: Mapping[Path, Mapping[str, Table]] = NOTHING,
) -> list[Held]:
    """Plan and compile documents; returns them in the order of `paths`.

    `made` are tables of documents that are not held here, by warehouse and folded name. `state` lets the warehouses be
    looked into, read-only; `with_functions` lets the projects' functions be imported.
    """
    found: dict[Path, Held] = {}
    waiting: dict[Path, Draft] = {}
    places: dict[Path, Path | None] = {}
    around = Around()
    for warehouse, tables in made.items():
        around.tables[warehouse].update(tables)
    with closing(Bench()) as bench, closing(Recorded()) as recorded:

        def hold(path: Path, draft: Draft) -> None:
            compiled = draft.compile(
                bench,
                look=recorded.session if state else (lambda _: None),
                around=around.of(places[path]),
                with_functions=with_functions,
            )
            found[path] = held = Held(path, draft.plan, compiled, places[path])
            around.add(held.warehouse, held.made)

        for path, draft in _drafts(paths, catalog, profile, vars):
            places[path] = warehouse_of(draft.plan) if draft.plan is not None else None
            if draft.plan is not None and needs(draft.plan):
                waiting[path] = draft
            else:
                hold(path, draft)
        plans = {path: draft.plan for path, draft in waiting.items() if draft.plan is not None}
        for path in _ordered(plans, places):
            hold(path, waiting[path])
    return [found[path] for path in dict.fromkeys(paths)]


def _drafts(
    paths: Sequence[Path], catalog: Catalog, profile: str | None, given: Mapping[str, Any] | None
) -> Iterator[tuple[Path, Draft]]:
    """Plan documents, a number at a time; their SQL is parsed together, and a folder's project is read once."""
    projects: dict[Path, Workspace] = {}
    paths = list(dict.fromkeys(paths))
    for start in range(0, len(paths), TOGETHER):
        read = [(path, read_document(path, display(path))) for path in paths[start : start + TOGETHER]]
        parse_ahead(document for _, document in read if isinstance(document, Document))
        for path, document in read:
            if path.parent not in projects:
                projects[path.parent] = open_workspace(path)
            if isinstance(document, Document) and document.kind == "test":
                yield path, Draft(catalog, None, tuple(_of_tests(document)))
                continue
            pipeline = Pipeline(path, catalog, projects[path.parent].afresh(), document)
            yield path, pipeline.draft(profile=profile, vars=given)


def _of_tests(document: Document[Tests]) -> Iterator[Problem]:
    """Yield every problem of a document of tests; those of its pipeline are told with the pipeline."""
    yield from document.diagnosis.problems
    if document.model is not None:
        found = pipeline_of(document)
        yield from [found] if isinstance(found, Problem) else []
        yield from unfinished(document)


def needs(plan: Plan) -> frozenset[str]:
    """Return the tables that a plan reads and does not write."""
    reads = {table_key(name) for step in plan.steps for name in step.reads}
    return frozenset(reads - makes(plan))


def makes(plan: Plan) -> frozenset[str]:
    """Return the tables that a plan writes."""
    return frozenset(table_key(name) for step in plan.steps for name in step.plan.writes)


def made_of(plan: Plan, tables: Mapping[str, Table]) -> Mapping[str, Table]:
    """Return those of some tables that a plan makes."""
    return {key: tables[key] for key in makes(plan) if key in tables}


def warehouse_of(plan: Plan) -> Path | None:
    """Return the file in which a plan keeps its tables; None: nobody else can see them."""
    engine = plan.engine
    return engine.storage.locate(engine.storage_config, plan.folder, default_name=engine.default_name).path


@dataclass
class Around:
    """The tables that documents make, by their warehouse."""

    tables: dict[Path, dict[str, Table]] = field(default_factory=lambda: defaultdict(dict))

    def of(self, place: Path | None) -> Mapping[str, Table]:
        """Return the tables that can be seen in a warehouse."""
        return self.tables[place] if place is not None else {}

    def add(self, place: Path | None, made: Mapping[str, Table]) -> None:
        """Note what a document makes. A table that several documents write is nobody's to speak for."""
        if place is None:
            return
        for key, table in made.items():
            known = self.tables[place].get(key)
            if known is None:
                self.tables[place][key] = table
            elif known.schema != table.schema:
                self.tables[place][key] = Table(known.name, None)


def _ordered(plans: Mapping[Path, Plan], places: Mapping[Path, Path | None]) -> list[Path]:
    """Put those that make a table before those that read it; where they need each other, as they came."""
    makers: dict[tuple[Path | None, str], list[Path]] = defaultdict(list)
    for path, plan in plans.items():
        for key in makes(plan):
            makers[places[path], key].append(path)
    graph = {
        path: {maker for key in sorted(needs(plan)) for maker in makers[places[path], key] if maker != path}
        for path, plan in plans.items()
    }
    try:
        return list(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError:
        return list(plans)
