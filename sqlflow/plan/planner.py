"""The way from a document to a plan. Every problem of every room on the way is told in one go."""

from __future__ import annotations

import re
from typing import Any

from msgspec.structs import replace

from sqlflow.errors import DocumentError
from sqlflow.problem import Problem, Severity, did_you_mean
from sqlflow.project import ActiveProfile, Workspace
from sqlflow.registry import Catalog
from sqlflow.sdk import Redactor
from sqlflow.spec import (
    NAME_PATTERN,
    Defaults,
    Document,
    Mapping,
    Node,
    Pipeline,
    Scalar,
    Sequence,
    as_text,
    describe,
    is_interpolated,
    text_hint,
    validate,
)

from .binding import StepBinder
from .endpoints import Connections, declared_connections
from .engines import engine_plan
from .expansion import instances, is_plain_id
from .graph import build, feeds, ordered, table_key
from .inheritance import Inheritance
from .model import Plan, PlannedStep
from .profiles import check_profiles, declarations
from .request import Request
from .resilience import outlasted
from .rules import reserved_schemas, shared_outputs, shared_tables
from .scope import Scope
from .selection import selected
from .sqlfields import parse_ahead
from .variables import resolve_variables
from .windows import with_windows

DEFAULT_CONCURRENCY = 4


def make_plan(document: Document[Pipeline], workspace: Workspace, catalog: Catalog, request: Request) -> Plan:
    """Plan a pipeline.

    Raises:
        DocumentError: it cannot run; carries every problem, in file order.
        PluginError: something it names is brought by a broken plugin, or by two.

    """
    plan, problems = draft_plan(document, workspace, catalog, request)
    if plan is None or any(p.severity == "error" for p in problems):
        raise DocumentError(problems)
    return plan


def draft_plan(
    document: Document[Pipeline], workspace: Workspace, catalog: Catalog, request: Request
) -> tuple[Plan | None, list[Problem]]:
    """Plan as much of a pipeline as is right, and return every problem of it; such a plan may not be run.

    None: not even its outline is clear.
    """
    planner = _Planner(document, workspace, catalog, request)
    plan = planner.plan()
    wanted = [p for p in planner.problems() if request.sources or p.code != "SF501"]
    problems = planner.redactor.problems(wanted)
    if plan is None:
        return None, problems
    return replace(plan, notes=tuple(problems)), problems


class _Planner:
    """Carries one document down the stairs. Lives for one call of `make_plan`."""

    def __init__(self, document: Document[Pipeline], workspace: Workspace, catalog: Catalog, request: Request) -> None:
        self.document = document
        self.diagnosis = document.diagnosis
        self.workspace = workspace
        self.catalog = catalog
        self.request = request
        self.redactor = Redactor()
        self.loose: list[Problem] = list(workspace.problems)
        self.unplanned: list[Node] = []

    def plan(self) -> Plan | None:
        profile = self.workspace.profile(self.request.profile)
        if isinstance(profile, Problem):
            self.loose.append(profile)
            profile = ActiveProfile(None, *_no_profile())
        scope = self._scope(profile)
        self._check_plugins()
        self._check_lint()
        self.workspace.check_folders()
        if self.request.offline:
            check_profiles(
                self.workspace, profile.name, self.catalog, scope, declarations(self.document, self.workspace)
            )
        connections = Connections(self.catalog, scope, declared_connections(self.document, self.workspace, profile))
        steps = self._steps(scope, connections)
        connections.check_all()
        name = self.document.model.name if self.document.model else self.document.path.stem
        engine = engine_plan(profile, self.workspace.warehouse_name(name), self.catalog, scope, self.diagnosis)
        graph = build(steps, self.loose, [known for item in self.unplanned if (known := _named(item, "id"))])
        steps = ordered(steps, graph, self.loose)
        chosen = selected(steps, graph, self.request.select, self.request.exclude, self.loose)
        steps = [step if step.id in chosen else replace(step, skip="not selected") for step in steps]
        steps = with_windows(steps, self.request.asked, self.loose)
        self.loose += [*shared_tables(steps), *shared_outputs(steps), *reserved_schemas(steps)]
        places = {name: (declared.node, declared.diagnosis) for name, declared in connections.declared.items()}
        self.loose += outlasted(steps, connections.resilience, places)
        if engine is None:
            return None
        model = self.document.model
        policy = (model.failure_policy if model else None) or profile.model.failure_policy or "continue"
        return Plan(
            pipeline=name,
            description=model.description if model else None,
            path=self.document.path,
            source=self.document.source,
            folder=self.workspace.folder,
            target=self.workspace.target,
            profile=profile.name,
            run_id=self.request.run_id,
            started_at=self.request.started_at,
            steps=tuple(steps),
            waits_for={name: frozenset(others) for name, others in graph.waits_for.items()},
            variables=scope.values,
            engine=engine,
            concurrency=profile.model.concurrency or DEFAULT_CONCURRENCY,
            failure_policy="fail_fast" if self.request.fail_fast else policy,
            redactor=self.redactor,
            function_folders=tuple(self.workspace.function_folders()),
            asked=self.request.asked,
            select=self.request.select,
            exclude=self.request.exclude,
            resilience=connections.resilience,
            partial=self.document.model is None or bool(self.unplanned),
            meant=frozenset(table_key(t) for item in self.unplanned if (t := _named(item, "target"))),
        )

    def problems(self) -> list[Problem]:
        """Return every problem found, in file order, each once."""
        found = list(self.loose)
        diagnoses = [
            self.diagnosis,
            *([self.workspace.document.diagnosis] if self.workspace.document else []),
        ]
        for diagnosis in diagnoses:
            found += diagnosis.problems
            for name, marks in diagnosis.undefined.items():
                if name in self._misdeclared():
                    continue
                places = sorted(set(marks))
                known = list(self.values)
                hint = did_you_mean(name, known, noun="variable") if known else f"declare it: vars: {{{name}: ...}}"
                if name in known:
                    hint = (
                        "a variable takes its value from no other: write the value, or use the other where it is needed"
                    )
                more = f", used in {len(places)} places" if len(places) > 1 else ""
                found.append(
                    Problem(
                        "SF301",
                        f"undefined variable {name!r}{more}",
                        places[0],
                        hint,
                        related=tuple(places[1:]),
                    )
                )
            for name, marks in diagnosis.unknown.items():
                found.append(self._unknown(name, marks))
        return _once(sorted(set(found), key=lambda p: (p.mark is None, p.mark or 0, p.code, p.message)))

    def _misdeclared(self) -> set[str]:
        """Return the variables that are written down in a way that has been told of already."""
        documents: list[Document[Any]] = [self.document, *filter(None, [self.workspace.document])]
        nodes = [document.node("vars") for document in documents if document.model is None]
        return {name for node in nodes if isinstance(node, Mapping) for name in node.values} - set(self.values)

    def _unknown(self, name: str, marks: list[Any]) -> Problem:
        kind, _, key = name.partition(":")
        words = {"env": f"environment variable {key} is not set", "secret": f"secret {key} is not set"}
        hint = {"env": f"set {key}, or write ${{env:{key}:-default}}", "secret": "set it where its provider looks"}[
            kind
        ]
        places = sorted(set(marks))
        severity: Severity = "unchecked" if self.request.offline else "error"
        return Problem("SF308", words[kind], places[0], hint, severity, tuple(places[1:]))

    def _scope(self, profile: ActiveProfile) -> Scope:
        request = self.request
        base = Scope(
            self.catalog,
            request.environment,
            self.redactor,
            request.run_id,
            request.started_at,
            profile.name,
            request.offline,
            self.workspace.folder,
            self.loose,
        )
        declared_in = declarations(self.document, self.workspace)
        given = (profile.model.vars, profile.node.values.get("vars"), profile.diagnosis)
        declared = {name for one in declared_in for name in one.variables} | set(given[0])
        again = {name: as_text(value) for name, value in request.recorded.items() if name in declared}
        self.values = resolve_variables(
            base, declared_in, given, {**again, **request.variables}, self.diagnosis, request.written
        )
        for value in self.values.values():
            if value.secret:
                self.redactor.add(value.value)
        return base.with_values(self.values)

    def _check_plugins(self) -> None:
        project = self.workspace.project
        holder = self.workspace.document
        if project is None or holder is None or not project.plugins:
            return
        from .requirements import unmet

        holder_node = holder.node("plugins")
        for position, requirement in enumerate(project.plugins):
            if (problem := unmet(requirement)) is not None:
                node = holder_node.items[position] if isinstance(holder_node, Sequence) else holder_node
                holder.diagnosis.add(
                    "SF603", problem, node, "write it like sqlflow-postgres>=0.1, and install it with pip"
                )

    def _check_lint(self) -> None:
        holder = self.workspace.document
        named = holder.node("lint") if holder is not None else None
        if holder is None or not isinstance(named, Mapping):
            return
        known = self.catalog.names("lint rule")
        for code in (code for code in named.values if code not in known):
            hint = did_you_mean(code, known, noun="rule")
            holder.diagnosis.add("SF812", f"unknown lint rule {code!r}", named.keys[code], hint)

    def _steps(self, scope: Scope, connections: Connections) -> list[PlannedStep]:
        parse_ahead([self.document])
        node = self.document.node("steps")
        defaults_node = self.document.node("defaults")
        defaults = None
        if defaults_node is not None:
            defaults = validate(Defaults, defaults_node, self.diagnosis, what="defaults", lookup=scope)
        model = self.document.model
        tags, meta = (tuple(model.tags), model.meta) if model else ((), {})
        binder = StepBinder(self.catalog, connections, self.diagnosis, self.workspace.folder, defaults, tags, meta)
        steps: list[PlannedStep] = []
        inheritance = Inheritance(defaults_node)
        seen: dict[str, Node] = {}
        items = node.items if isinstance(node, Sequence) else []
        for position, item in enumerate(items):
            named = item.values.get("id") if isinstance(item, Mapping) else None
            if not isinstance(item, Mapping) or not is_plain_id(named):
                if isinstance(named, Scalar) and named.value is not None and not isinstance(named.value, str):
                    told = f"id of step {position + 1} must be text, found {describe(named)}"
                    self.diagnosis.add("SF203", told, named, text_hint(named, NAME_PATTERN))
                    continue
                place = named or item
                self.diagnosis.add(
                    "SF202", f"step {position + 1} has no id", place, "add id: and a name that is written out"
                )
                continue
            declared = named.text if isinstance(named, Scalar) else ""
            repeated = declared in seen
            if repeated:
                first = self.diagnosis.source.at(seen[declared])
                self.diagnosis.add(
                    "SF207",
                    f"two steps have the id {declared!r}; the first is on line {first.line}",
                    named,
                    "give one of them another id",
                )
            seen.setdefault(declared, named)  # type: ignore[arg-type]
            step_type = binder.type_of(item)
            merged = inheritance.merged(item, step_type.Config if step_type else None)
            if "type" not in item.values:
                self.diagnosis.add(
                    "SF202", f"missing key 'type' in step {declared!r}", item, "add type: load, for example"
                )
                continue
            for instance in instances(merged, declared, position, scope, self.diagnosis):
                bound = binder.bind(instance)
                if bound is not None and not repeated:
                    steps.append(bound)
                if bound is None:
                    self.unplanned.append(item)
        planned = {step.position for step in steps}
        self.unplanned += [item for position, item in enumerate(items) if position not in planned]
        inheritance.check(self.diagnosis)
        made = [output for step in steps for output in step.plan.outputs]
        self.loose += [p for place, p in binder.missing if place is None or not any(feeds(o, place) for o in made)]
        return steps


def _named(item: Node, key: str) -> str | None:
    """Return what a step says under a key, as far as it can be read off a step that is wrong."""
    value = item.values.get(key) if isinstance(item, Mapping) else None
    return value.text if isinstance(value, Scalar) and not is_interpolated(value.text) else None


_STEP = re.compile(r"step '[^']*'|\bdefaults\b")


def _once(problems: list[Problem]) -> list[Problem]:
    """Drop what several steps tell of one place: a default that they all inherit, a `for_each` that expands them."""
    kept: dict[Any, Problem] = {}
    for problem in problems:
        kept.setdefault((problem.code, problem.mark, _STEP.sub("", problem.message)), problem)
    return list(kept.values())


def _no_profile() -> Any:
    from sqlflow.spec import Profile

    return Profile(), Mapping(0, 0), None
