"""The staircase on one page: a file becomes a document, a plan, a run, a result.

from sqlflow import Pipeline

with Pipeline.from_file("orders.yaml").run(profile="prod", vars={"region": "EU"}) as result:
    print(result.status)
    result.table("marts.daily")
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

from sqlflow.errors import DocumentError, SQLFlowError
from sqlflow.plan import Asked, Plan, Request, draft_plan, make_plan
from sqlflow.problem import Mark, Problem
from sqlflow.project import Workspace, display, open_workspace
from sqlflow.registry import Catalog, discover
from sqlflow.result import RunResult
from sqlflow.run import Interrupted, execute, find_run
from sqlflow.sdk import Observer, Session
from sqlflow.spec import CheckOptions, Diagnosis, Document, Envelope, Source, read_pipeline, unfinished
from sqlflow.spec import Mapping as MappingNode
from sqlflow.spec import Pipeline as PipelineModel

if TYPE_CHECKING:
    from sqlflow.compile import Bench, Compiled, Table

EMPTY: Mapping[str, Any] = MappingProxyType({})
COMMANDS = (
    "run", "validate", "lint", "fmt", "plan", "test", "lineage", "vars", "query", "explain", "runs", "state", "schema",
    "quarantine", "connector", "plugin", "pipeline", "jsonschema", "lsp",
)  # fmt: skip
"""The verbs of the command line."""
RESERVED = {
    "step type": frozenset(Envelope.model_fields),
    "connector": frozenset({*Envelope.model_fields, "connection", "connector", "incremental", "circuit_breaker"}),
    "check": frozenset(CheckOptions.model_fields),
    "command": frozenset(COMMANDS),
}


def installed(blocked: Sequence[str] = ()) -> Catalog:
    """Return the catalog of the plugins installed here."""
    return Catalog(discover(blocked), RESERVED)


def new_run_id(now: datetime) -> str:
    """Return an id that sorts by time."""
    return f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}Z-{os.urandom(3).hex()}"


class Draft(Struct, frozen=True):
    """What could be planned of a document, and what is wrong with the rest. `plan` None: nothing could."""

    catalog: Catalog
    plan: Plan | None
    problems: tuple[Problem, ...]

    def compile(
        self,
        bench: Bench | None = None,
        *,
        look: Callable[[Plan], Session | None] = lambda _: None,
        around: Mapping[str, Table] = EMPTY,
        with_functions: bool = False,
    ) -> Compiled:
        """Return every problem, those of its SQL among them, and the columns of the tables.

        `look` opens the warehouse of a plan, for the columns that are recorded there; `around` are tables that other
        documents make, by `table_key`. `with_functions` imports the project's functions, which are otherwise read off
        their source.
        """
        from sqlflow.compile import Compiled, compile_plan  # a run needs none of it

        if self.plan is None:
            return Compiled(self.problems, {})
        problems = list(self.problems)
        try:
            warehouse = look(self.plan)
        except SQLFlowError as error:
            problems.append(Problem("SF426", f"--state: {error.message}", None, error.hint, "unchecked"))
            warehouse = None
        compiled = compile_plan(
            self.plan, self.catalog, bench, warehouse=warehouse, around=around, import_functions=with_functions
        )
        wrong = any(problem.severity == "error" for problem in problems)
        places = {problem.mark for problem in problems}  # one fault is told once
        more = [p for p in compiled.problems if p.mark not in places and not (wrong and p.severity == "unchecked")]
        found = {*problems, *more}
        ordered = sorted(found, key=lambda p: (p.mark is None, p.mark or 0, p.code, p.message))
        return replace(compiled, problems=tuple(ordered))


class Pipeline(Struct):
    """A pipeline document and what it needs to run."""

    path: Path
    catalog: Catalog = field(default_factory=installed)
    workspace: Workspace | None = None
    document: Document[Any] | list[Problem] | None = None
    """What was read of it already; a document is good for one plan."""

    def __post_init__(self) -> None:
        self.path = Path(self.path)  # a text is what people have at hand

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
        written: Mapping[str, Mark] = EMPTY,
    ) -> Plan:
        """Resolve the document to steps that can run. `sources`: whether the files that are read have to be there.

        `written` says where `vars` stand that come out of a document.

        Raises:
            DocumentError: it cannot run; carries every problem.

        """
        request = _request(profile, vars, select, exclude, fail_fast, offline, asked, sources)
        return self._plan(replace(request, written=written))

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

    def compile(self, *, profile: str | None = None, vars: Mapping[str, Any] | None = None) -> Compiled:  # noqa: A002
        """Return every problem of the document, and the columns of its tables as far as they are known here."""
        return self.draft(profile=profile, vars=vars).compile()

    def draft(
        self,
        *,
        profile: str | None = None,
        vars: Mapping[str, Any] | None = None,  # noqa: A002
        written: Mapping[str, Mark] = EMPTY,
    ) -> Draft:
        """Plan as much of the document as can be planned. `written` says where `vars` stand that a document gives."""
        try:
            document = self._document()
        except DocumentError as error:
            return Draft(self.catalog, None, error.problems)
        workspace = self.workspace or open_workspace(self.path)
        request = replace(_request(profile, vars, offline=True), written=written)
        plan, problems = draft_plan(document, workspace, self.catalog, request)
        return Draft(self.catalog, plan, (*problems, *unfinished(document)))

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
        return run_plan(plan, self.catalog, observers, stop, keep_open=plan.location.path is None)

    def resume(
        self, run_id: str | None = None, *, observers: Sequence[Observer] = (), stop: Event | None = None
    ) -> RunResult:
        """Go on with a run that ended early: what failed, was stopped, or never started."""
        plan, interrupted = self.plan_again(run_id)
        keep_open = plan.location.path is None
        return run_plan(plan, self.catalog, observers, stop, keep_open=keep_open, interrupted=interrupted)


def project_problems(workspace: Workspace, catalog: Catalog) -> tuple[Problem, ...]:
    """Return what is wrong with the document of a project under each of its profiles, whatever its pipelines say."""
    document = workspace.document
    if document is None:
        return tuple(workspace.problems)
    source = Source("", "")
    found: dict[Problem, None] = {}
    profiles = document.node("profiles")
    for profile in (None, *(profiles.values if isinstance(profiles, MappingNode) else ())):
        nothing: Document[Any] = Document(workspace.folder, source, MappingNode(0, 0), None, Diagnosis(source))
        _, problems = draft_plan(nothing, workspace.afresh(), catalog, _request(profile, None, offline=True))
        found |= {p: None for p in problems if p.mark is not None and p.mark.file == document.source.file}
    return tuple(sorted(found, key=lambda p: (p.mark or 0, p.code, p.message)))


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
        environment=os.environ,
        select=tuple(select),
        exclude=tuple(exclude),
        fail_fast=fail_fast,
        offline=offline,
        sources=sources,
        asked=asked or Asked(),
    )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return json.dumps(list(value), default=str)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
