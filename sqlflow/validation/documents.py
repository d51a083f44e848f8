"""Holding documents: those that need nobody's tables as they come, the others in the order of their needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from sqlflow.compile import Bench, Compiled, Table
from sqlflow.pipeline import Draft, Pipeline
from sqlflow.plan import Plan, parse_ahead, table_key
from sqlflow.problem import Problem
from sqlflow.project import Workspace, display, open_workspace, pipeline_of
from sqlflow.registry import Catalog
from sqlflow.spec import Document, Tests, read_document, unfinished
from sqlflow.spectest import DeclaredTest, misnamed, tests_of

from .order import Around, Wants, generations
from .recorded import Recorded

NOTHING: Mapping[Path, Mapping[str, Table]] = MappingProxyType({})
Projects = Callable[[Path], Workspace]
"""Gives the project of a folder, which is read once."""
TOGETHER = 200
"""Documents that are parsed together and held in memory at a time."""


class Held(Struct, frozen=True):
    """A document that has been held. `plan` None: nothing of it could be planned."""

    path: Path
    plan: Plan | None
    compiled: Compiled
    warehouse: Path | None
    """The file in which it keeps its tables; None: nobody else can see them."""
    files: tuple[Path, ...] = ()
    """Files that its tests take rows from."""
    needs: frozenset[str] = frozenset()
    """The tables of others that it reads, or that the pipeline of its tests does."""

    @property
    def made(self) -> Mapping[str, Table]:
        """Return the tables that it makes, by folded name, as far as anything is known of them."""
        return made_of(self.plan, self.compiled.tables) if self.plan is not None else {}


class _Planned(Struct, frozen=True):
    """A document as far as it could be planned, and the tests in it with the pipeline that they are about.

    A document of tests has no plan of its own; elsewhere `tested` is the same as `draft`.
    """

    path: Path
    draft: Draft
    tests: Sequence[DeclaredTest]
    tested: Draft


class Holding:
    """Documents while they are held: those that need nobody's tables at once, the others when they are asked for."""

    def __init__(
        self,
        catalog: Catalog,
        *,
        profile: str | None = None,
        vars: Mapping[str, Any] | None = None,  # noqa: A002 - the word of the document
        state: bool = False,
        with_functions: bool = False,
        tests: bool = True,
        projects: Projects | None = None,
    ) -> None:
        """`state` lets warehouses be looked into, read-only; `with_functions` lets functions be imported.

        `tests`: whether those in the documents are held, too.
        """
        self._catalog = catalog
        self._projects = projects or cache(open_workspace)
        self._profile = profile
        self._vars = vars
        self._state = state
        self._with_functions = with_functions
        self._tests = tests
        self._bench = Bench()
        self._recorded = Recorded()
        self._waiting: dict[Path, _Planned] = {}
        self.wants: dict[Path, Wants] = {}
        """What those want that are waiting."""

    def first(self, paths: Sequence[Path]) -> Iterator[Held]:
        """Plan documents, and yield those that need nobody; the others wait."""
        for planned in self._planned(list(dict.fromkeys(paths))):
            plan = planned.draft.plan
            tested = planned.tested.plan
            if tested is not None and (needed := needs(tested)):
                self._waiting[planned.path] = planned
                made = makes(plan) if plan is not None else frozenset[str]()
                self.wants[planned.path] = Wants(tested.location.path, needed, made)
            else:
                yield self._held(planned, plan.location.path if plan is not None else None, {})

    def then(self, path: Path, around: Mapping[str, Table]) -> Held:
        """Hold a document that waited, with the tables that others make in its warehouse."""
        return self._held(self._waiting.pop(path), self.wants[path].warehouse, around)

    def _planned(self, paths: Sequence[Path]) -> Iterator[_Planned]:
        """Plan documents, a number at a time; their SQL is parsed together, and a folder's project is read once."""
        for start in range(0, len(paths), TOGETHER):
            read = [(path, read_document(path, display(path))) for path in paths[start : start + TOGETHER]]
            parse_ahead(document for _, document in read if isinstance(document, Document))
            for path, document in read:
                if isinstance(document, Document) and document.kind == "test":
                    yield self._planned_tests(path, document)
                    continue
                workspace = self._projects(path.parent).afresh()
                pipeline = Pipeline(path, self._catalog, workspace, document)
                draft = pipeline.draft(profile=self._profile, vars=self._vars)
                yield _Planned(path, draft, _tests(document), draft)

    def _planned_tests(self, path: Path, document: Document[Tests]) -> _Planned:
        """Plan the pipeline that a document of tests is about, if the tests can be read."""
        draft = Draft(self._catalog, None, tuple(_of_tests(document)))
        tests = () if any(p.severity == "error" for p in draft.problems) else _tests(document)
        if not tests:
            return _Planned(path, draft, (), draft)
        pipeline = tests[0].pipeline
        tested = Pipeline(pipeline.path, self._catalog, document=pipeline.afresh())
        return _Planned(path, draft, tests, tested.draft(profile=self._profile))

    def _held(self, planned: _Planned, warehouse: Path | None, around: Mapping[str, Table]) -> Held:
        look = self._recorded.session if self._state else (lambda _: None)
        draft, tested, tests = planned.draft, planned.tested, planned.tests
        compiled = draft.compile(self._bench, look=look, around=around, with_functions=self._with_functions)
        needed = needs(tested.plan) if tested.plan is not None else frozenset[str]()
        held = Held(planned.path, draft.plan, compiled, warehouse, needs=needed)
        if not (tests and self._tests) or tested.plan is None:
            return held
        about = compiled if tested is draft else tested.compile(self._bench, around=around)
        told = misnamed(tests, tested.plan, about, self._catalog, self._bench, self._profile)
        if tested is not draft and any(p.severity == "error" for p in about.problems):
            told = (*told, _unsure(tests[0]))
        files = tuple(file for test in tests for file in test.files)
        return replace(held, compiled=replace(held.compiled, problems=(*held.compiled.problems, *told)), files=files)

    def close(self) -> None:
        """Let go of the engines that are open."""
        self._bench.close()
        self._recorded.close()


def hold_all(
    paths: Sequence[Path],
    catalog: Catalog,
    *,
    made: Mapping[Path, Mapping[str, Table]] = NOTHING,
    **options: Any,
) -> list[Held]:
    """Plan and compile documents; returns them in the order of `paths`.

    `made` are tables of documents that are not held here, by warehouse and folded name; `options` are those of
    `Holding`.
    """
    found: dict[Path, Held] = {}
    around = Around(made)
    with closing(Holding(catalog, **options)) as holding:
        for held in holding.first(paths):
            found[held.path] = held
            around.add(held.path, held.warehouse, held.made)
        for path, wants in holding.wants.items():
            around.expect(path, wants)
        for generation in generations(holding.wants):
            for path in generation:
                wants = holding.wants[path]
                found[path] = held = holding.then(path, around.of(wants.warehouse, wants.needs))
                around.add(path, held.warehouse, held.made)
    return [found[path] for path in dict.fromkeys(paths)]


def _of_tests(document: Document[Tests]) -> Iterator[Problem]:
    """Yield every problem of a document of tests; those of its pipeline are told with the pipeline."""
    yield from document.diagnosis.problems
    if document.model is not None:
        found = pipeline_of(document)
        yield from [found] if isinstance(found, Problem) else []
        yield from unfinished(document)


def _unsure(test: DeclaredTest) -> Problem:
    """Tell of tests that stand apart that their pipeline is wrong, which is told with it."""
    pipeline = display(test.pipeline.path)
    told = f"{pipeline}, which these tests are about, has problems: not everything that they name is checked"
    return Problem("SF426", told, test.source.mark(0, 0), f"look at `sqlflow validate {pipeline}`", "unchecked")


def _tests(document: Document[Any] | list[Problem]) -> Sequence[DeclaredTest]:
    """Return the tests of a document, if it is one that has any."""
    if not isinstance(document, Document) or document.model is None or not document.model.tests:
        return ()
    return tests_of(document)


def needs(plan: Plan) -> frozenset[str]:
    """Return the tables that a plan reads and does not write."""
    reads = {table_key(name) for step in plan.steps for name in step.reads}
    return frozenset(reads - makes(plan))


def makes(plan: Plan) -> frozenset[str]:
    """Return the tables that a plan writes, or that it means to with steps that cannot be planned."""
    return frozenset(table_key(name) for step in plan.steps for name in step.plan.writes) | plan.meant


def made_of(plan: Plan, tables: Mapping[str, Table]) -> Mapping[str, Table]:
    """Return the tables that a plan makes, `tables` being those whose columns may be known."""
    return {key: tables.get(key) or Table(key, None) for key in makes(plan)}
