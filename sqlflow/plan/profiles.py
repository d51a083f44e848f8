"""The profiles that are not asked for: their faults are told all the same, before somebody deploys with one of them.

Nothing of them is used. What their environment holds is not known here, and that is no fault of theirs.
"""

from __future__ import annotations

from msgspec.structs import replace

from sqlflow.problem import Problem
from sqlflow.project import Workspace
from sqlflow.registry import Catalog
from sqlflow.spec import Diagnosis, Document, Mapping, Pipeline

from .endpoints import Connections, DeclaredConnection
from .engines import engine_plan
from .scope import Scope
from .variables import Declaration, resolve_variables


def declarations(document: Document[Pipeline], workspace: Workspace) -> list[Declaration]:
    """Return where variables are declared: the pipeline, and then the project, which is stronger."""
    found = []
    if document.model is not None:
        found.append(Declaration("pipeline", document.model.vars, document.node("vars"), document.diagnosis))
    project = workspace.document
    if project is not None and project.model is not None:
        found.append(Declaration("project", project.model.vars, project.node("vars"), project.diagnosis))
    return found


def check_profiles(
    workspace: Workspace, active: str | None, catalog: Catalog, scope: Scope, declared_in: list[Declaration]
) -> None:
    """Note what is wrong with every profile of a project but the one in force."""
    document = workspace.document
    profiles = document.node("profiles") if document is not None else None
    if document is None or not isinstance(profiles, Mapping):
        return
    key = active, repr([one.variables for one in declared_in])
    found = workspace.others.get(key)
    if found is None:
        found = workspace.others[key] = Diagnosis(document.source)
        for name in (name for name in profiles.values if name != active):
            _look(replace(workspace, document=replace(document, diagnosis=found)), name, catalog, scope, declared_in)
    told = document.diagnosis
    told.problems += found.problems
    for missing, marks in found.undefined.items():
        told.undefined.setdefault(missing, []).extend(marks)


def _look(workspace: Workspace, name: str, catalog: Catalog, scope: Scope, declared_in: list[Declaration]) -> None:
    profile = workspace.profile(name)
    if isinstance(profile, Problem) or profile.diagnosis is None:
        return
    diagnosis = profile.diagnosis
    elsewhere = [replace(one, diagnosis=Diagnosis(one.diagnosis.source)) for one in declared_in]
    base = replace(scope, profile=name, environment={}, values={}, noted=[])
    given = (profile.model.vars, profile.node.values.get("vars"), diagnosis)
    own = base.with_values(resolve_variables(base, elsewhere, given, {}, Diagnosis(diagnosis.source)))
    engine_plan(profile, "", catalog, own, diagnosis)
    inner = profile.node.values.get("connections")
    named = inner.values if isinstance(inner, Mapping) else {}
    Connections(catalog, own, {key: DeclaredConnection(node, diagnosis) for key, node in named.items()}).check_all()
