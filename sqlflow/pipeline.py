"""The staircase on one page: a file becomes a document, a plan, a run, a result.

from sqlflow import Pipeline

with Pipeline.from_file("orders.yaml").run(profile="prod", vars={"region": "EU"}) as result:
    print(result.status)
    result.table("marts.daily")
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

from sqlflow.compile import Bench, Compiled, compile_plan
from sqlflow.errors import DocumentError, SQLFlowError
from sqlflow.holder import opened
from sqlflow.plan import Asked, Plan, Request, draft_plan, make_plan, parse_ahead
from sqlflow.problem import Problem
from sqlflow.project import Workspace, display, open_workspace, pipeline_of
from sqlflow.registry import Catalog, discover
from sqlflow.result import RunResult
from sqlflow.run import Interrupted, execute, find_run
from sqlflow.sdk import Observer, Opening, Session
from sqlflow.spec import CheckOptions, Document, Envelope, Tests, read_document, read_pipeline, unfinished
from sqlflow.spec import Pipeline as PipelineModel

RESERVED = {
    "step type": frozenset(Envelope.model_fields),
    "connector": frozenset({*Envelope.model_fields, "connection", "connector", "incremental", "circuit_breaker"}),
    "check": frozenset(CheckOptions.model_fields),
}


def installed(blocked: Sequence[str] = ()) -> Catalog:
    """Return the catalog of the plugins installed here."""
    return Catalog(discover(blocked), RESERVED)


def new_run_id(now: datetime) -> str:
    """Return an id that sorts by time."""
    return f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}Z-{os.urandom(3).hex()}"


TOGETHER = 200
"""Documents of one `validate_all` that are held in memory at a time."""


@dataclass
class Pipeline:
    """A pipeline document and what it needs to run."""

    path: Path
    catalog: Catalog = field(default_factory=installed)
    workspace: Workspace | None = None
    document: Document[Any] | list[Problem] | None = None
    """What was read of it already; a document is good for one plan."""

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Pipeline:
        """Take a pipeline from a file. Nothing is read until it is planned, validated or run."""
        return cls(Path(path))

    def plan(
        self,
        *,
        profile: str | None = None,
        vars: Mapping[str, Any] | None = None,  # noqa: A002 - the word of the document
        select: Sequence[str] = (),
        exclude: Sequence[str] = (),
        fail_fast: bool = False,
        offline: bool = False,
        sources: bool = True,
        asked: Asked | None = None,
    ) -> Plan:
        """Resolve the document to steps that can run. `sources`: whether the files that are read have to be there.

        Raises:
            DocumentError: it cannot run; carries every problem.

        """
        return self._plan(_request(profile, vars, select, exclude, fail_fast, offline, asked, sources))

    def plan_again(self, run_id: str | None = None) -> tuple[Plan, Interrupted]:
        """Plan what is left of a run: the one named, or the last one of this pipeline.

        Variables, profile, selection and the time of the start are those of that run.

        Raises:
            SQLFlowError: there is no such run.
            DocumentError: the document cannot run.

        """
        document = self._document()
        name = document.model.name if document.model else self.path.stem
        run = find_run((self.workspace or open_workspace(self.path)).target, name, run_id)
        asked = run.data.get("asked") or {}
        flags = {key: asked[key] for key in ("full_refresh", "since", "until", "changed") if key in asked}
        hidden = "***"
        request = Request(
            run.run_id,
            run.started_at,
            run.data.get("profile"),
            environment=os.environ,
            select=tuple(asked.get("select") or ()),
            exclude=tuple(asked.get("exclude") or ()),
            asked=Asked(**flags),
            recorded={name: value for name, value in run.data.get("variables", {}).items() if value != hidden},
        )
        return self._plan(request), run

    def _document(self) -> Document[PipelineModel]:
        document, self.document = self.document, None
        document = read_pipeline(self.path, display(self.path)) if document is None else document
        if isinstance(document, list):
            raise DocumentError(document)
        return document

    def _plan(self, request: Request) -> Plan:
        return make_plan(self._document(), self.workspace or open_workspace(self.path), self.catalog, request)

    def validate(self, *, profile: str | None = None, vars: Mapping[str, Any] | None = None) -> tuple[Problem, ...]:  # noqa: A002
        """Return every problem of the document; nothing is run, and no network or credential is touched."""
        return self.compile(profile=profile, vars=vars).problems

    def compile(
        self,
        *,
        profile: str | None = None,
        vars: Mapping[str, Any] | None = None,  # noqa: A002
        bench: Bench | None = None,
        look: Callable[[Plan], Session | None] = lambda _: None,
        with_functions: bool = False,
    ) -> Compiled:
        """Return every problem of the document, and the columns of its tables as far as they are known here.

        `look` opens the warehouse of a plan, for the columns that are recorded there. `with_functions` imports the
        project's functions, which are otherwise read off their source.
        """
        try:
            document = self._document()
        except DocumentError as error:
            return Compiled(error.problems, {})
        workspace = self.workspace or open_workspace(self.path)
        plan, problems = draft_plan(document, workspace, self.catalog, _request(profile, vars, offline=True))
        if plan is None:
            return Compiled(tuple(problems), {})
        try:
            warehouse = look(plan)
        except SQLFlowError as error:
            problems.append(Problem("SF426", f"--state: {error.message}", None, error.hint, "unchecked"))
            warehouse = None
        compiled = compile_plan(plan, self.catalog, bench, warehouse=warehouse, import_functions=with_functions)
        wrong = any(problem.severity == "error" for problem in problems)
        places = {problem.mark for problem in problems}  # one fault is told once
        more = [p for p in compiled.problems if p.mark not in places and not (wrong and p.severity == "unchecked")]
        found = {*problems, *more, *unfinished(document)}
        ordered = sorted(found, key=lambda p: (p.mark is None, p.mark or 0, p.code, p.message))
        return replace(compiled, problems=tuple(ordered))

    def run(
        self,
        *,
        profile: str | None = None,
        vars: Mapping[str, Any] | None = None,  # noqa: A002
        select: Sequence[str] = (),
        exclude: Sequence[str] = (),
        fail_fast: bool = False,
        full_refresh: bool = False,
        since: str | None = None,
        until: str | None = None,
        changed: bool = False,
        observers: Sequence[Observer] = (),
        stop: Event | None = None,
    ) -> RunResult:
        """Run the pipeline. A failed step is told in the result; what keeps the run from starting is raised.

        `since` and `until` are a half-open range of the cursor or of batches. `changed` leaves out steps that would
        do again what they have done.
        """
        asked = Asked(full_refresh, since, until, changed)
        plan = self.plan(profile=profile, vars=vars, select=select, exclude=exclude, fail_fast=fail_fast, asked=asked)
        return run_plan(plan, self.catalog, observers, stop, keep_open=_is_transient(plan))

    def resume(
        self, run_id: str | None = None, *, observers: Sequence[Observer] = (), stop: Event | None = None
    ) -> RunResult:
        """Go on with a run that ended early: what failed, was stopped, or never started."""
        plan, interrupted = self.plan_again(run_id)
        keep_open = _is_transient(plan)
        return run_plan(plan, self.catalog, observers, stop, keep_open=keep_open, interrupted=interrupted)


def validate_all(
    paths: Sequence[Path],
    catalog: Catalog,
    *,
    profile: str | None = None,
    vars: Mapping[str, Any] | None = None,  # noqa: A002
    state: bool = False,
    with_functions: bool = False,
) -> Iterator[Problem]:
    """Yield every problem of many documents. Their SQL is parsed together, and a folder's project is read once.

    `state` lets the warehouses be looked into, read-only; `with_functions` lets the projects' functions be imported.
    """
    projects: dict[Path, Workspace] = {}
    with closing(Bench()) as bench, closing(Recorded()) as recorded:
        look = recorded.session if state else (lambda _: None)
        for start in range(0, len(paths), TOGETHER):
            read = [(path, read_document(path, display(path))) for path in paths[start : start + TOGETHER]]
            parse_ahead(document for _, document in read if isinstance(document, Document))
            for path, document in read:
                if isinstance(document, Document) and document.kind == "test":
                    yield from _of_tests(document)
                    continue
                if path.parent not in projects:
                    projects[path.parent] = open_workspace(path)
                pipeline = Pipeline(path, catalog, projects[path.parent].afresh(), document)
                yield from pipeline.compile(
                    profile=profile, vars=vars, bench=bench, look=look, with_functions=with_functions
                ).problems


def _of_tests(document: Document[Tests]) -> Iterator[Problem]:
    """Yield every problem of a document of tests; those of its pipeline are told with the pipeline."""
    yield from document.diagnosis.problems
    if document.model is not None:
        found = pipeline_of(document)
        yield from [found] if isinstance(found, Problem) else []
        yield from unfinished(document)


class Recorded:
    """The warehouses that are looked into, each opened once and read-only."""

    def __init__(self) -> None:
        self._open: dict[Path, Session] = {}

    def session(self, plan: Plan) -> Session:
        """Open the warehouse of a plan.

        Raises:
            SQLFlowError: there is none.
            WarehouseLocked: another process is writing it.

        """
        engine = plan.engine
        location = engine.storage.locate(engine.storage_config, plan.folder, default_name=engine.default_name)
        if location.path is None or not location.exists:
            raise SQLFlowError("there is no warehouse to look into", hint="run the pipeline first, or leave it out")
        if location.path not in self._open:
            opening = Opening(location, plan.folder, read_only=True)
            self._open[location.path] = opened(location, lambda: engine.engine.open(engine.engine_config, opening))
        return self._open[location.path]

    def close(self) -> None:
        """Let go of all of them."""
        for session in self._open.values():
            session.close()


def run_plan(
    plan: Plan,
    catalog: Catalog,
    observers: Sequence[Observer] = (),
    stop: Event | None = None,
    *,
    keep_open: bool = False,
    interrupted: Interrupted | None = None,
) -> RunResult:
    """Execute a plan and return its result."""
    named = [(type(observer).__name__, observer) for observer in observers]
    finished = execute(plan, catalog, named, stop, keep_open=keep_open, interrupted=interrupted)
    return RunResult(plan, finished.record, finished.notices, finished.session)


def _request(
    profile: str | None,
    given: Mapping[str, Any] | None,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    fail_fast: bool = False,
    offline: bool = False,
    asked: Asked | None = None,
    sources: bool = True,
) -> Request:
    now = datetime.now(UTC)
    values = {name: _text(value) for name, value in (given or {}).items()}
    return Request(
        new_run_id(now),
        now,
        profile,
        values,
        os.environ,
        tuple(select),
        tuple(exclude),
        fail_fast,
        offline,
        sources,
        asked or Asked(),
    )


def _is_transient(plan: Plan) -> bool:
    engine = plan.engine
    return engine.storage.locate(engine.storage_config, plan.folder, default_name=engine.default_name).path is None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(_text(item) for item in value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
