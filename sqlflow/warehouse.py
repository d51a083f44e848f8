"""Opening the warehouse of a project without running anything: for queries and for connections."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from sqlflow.errors import DocumentError, SQLFlowError
from sqlflow.holder import opened
from sqlflow.pipeline import installed, new_run_id
from sqlflow.plan import Connections, EnginePlan, Scope, declared_connections, engine_plan, guarded
from sqlflow.problem import Problem
from sqlflow.project import ActiveProfile, Workspace, open_workspace
from sqlflow.registry import Catalog
from sqlflow.resilience import Guards, Surroundings
from sqlflow.sdk import BoundEndpoint, ConnectionReport, Opening, Redactor, Session, StepInput, never
from sqlflow.spec import Diagnosis, Document, Pipeline, Source, read_pipeline


def open_warehouse(start: Path, spec: Path | None, profile: str | None) -> Session:
    """Open the warehouse that runs of this project, or of this pipeline, write; read-only.

    Raises:
        SQLFlowError: there is none yet, or it is not clear which is meant.

    """
    document = _document(spec) if spec else None
    workspace = open_workspace(spec or start)
    active, diagnosis, scope = _surroundings(workspace, document, profile, installed())
    name = _warehouse_name(workspace, document)
    engine = engine_plan(active, name, scope.catalog, scope, diagnosis)
    _refuse(workspace, diagnosis)
    if engine is None:
        raise SQLFlowError("the profile's engine and storage are not clear", hint="run `sqlflow validate`")
    return open_existing(engine, workspace.folder, read_only=True)


def open_existing(engine: EnginePlan, folder: Path, *, read_only: bool) -> Session:
    """Open a warehouse that is there.

    Raises:
        SQLFlowError: there is none yet.
        WarehouseLocked: another process is writing it.

    """
    location = engine.storage.locate(engine.storage_config, folder, default_name=engine.default_name)
    if location.path is None:
        raise SQLFlowError(
            "this warehouse is kept in memory and ends with its run", hint="use a profile whose storage is a file"
        )
    if not location.exists:
        raise SQLFlowError(f"there is no warehouse yet: {location.path}", hint="run a pipeline first: sqlflow run SPEC")
    opening = Opening(location, folder, read_only)
    return opened(location, lambda: engine.engine.open(engine.engine_config, opening))


def connections(start: Path, spec: Path | None, profile: str | None) -> tuple[Connections, Workspace, Redactor]:
    """Return the named connections in force here."""
    document = _document(spec) if spec else None
    workspace = open_workspace(spec or start)
    active, diagnosis, scope = _surroundings(workspace, document, profile, installed())
    _refuse(workspace, diagnosis)
    return (
        Connections(scope.catalog, scope, declared_connections(document, workspace, active)),
        workspace,
        scope.redactor,
    )


def try_connection(known: Connections, name: str, folder: Path) -> ConnectionReport:
    """Try a connection that is known to be whole, within the limits that it sets itself."""
    bound = known.get(name)
    if bound is None:
        raise SQLFlowError(f"connection {name!r} is not whole", hint="run `sqlflow validate`")
    given = StepInput(None, endpoints={name: BoundEndpoint(bound[0], bound[1], None, name, connection=name)})
    connector = Guards(known.resilience).given(given, Surroundings(never)).endpoints[name].connector
    try:
        return guarded(bound[0], lambda: connector.test(bound[1], folder), ConnectionReport)
    except SQLFlowError as error:
        return ConnectionReport.failure(error)


def _surroundings(
    workspace: Workspace, document: Document[Pipeline] | None, profile: str | None, catalog: Catalog
) -> tuple[ActiveProfile, Diagnosis, Scope]:
    found = workspace.profile(profile)
    if isinstance(found, Problem):
        raise DocumentError([found])
    diagnosis = document.diagnosis if document else Diagnosis(Source(str(workspace.folder), ""))
    now = datetime.now(UTC)
    return (
        found,
        diagnosis,
        Scope(catalog, os.environ, Redactor(), new_run_id(now), now, found.name, False, workspace.folder),
    )


def _document(spec: Path) -> Document[Pipeline]:
    read = read_pipeline(spec)
    problems = read if isinstance(read, list) else read.diagnosis.problems if read.model is None else ()
    if isinstance(read, list) or problems:
        raise DocumentError(problems)
    return read


def _warehouse_name(workspace: Workspace, document: Document[Pipeline] | None) -> str:
    if workspace.project is not None:
        return workspace.project.name
    if document is not None and document.model is not None:
        return document.model.name
    files = sorted(workspace.folder.glob("*.duckdb"))
    if len(files) == 1:
        return files[0].stem
    what = "several warehouses" if files else "no warehouse"
    raise SQLFlowError(f"there is no project file here and {what}", hint="name a pipeline with --spec FILE")


def _refuse(workspace: Workspace, diagnosis: Diagnosis) -> None:
    problems = [
        *workspace.problems,
        *diagnosis.problems,
        *(workspace.document.diagnosis.problems if workspace.document else []),
    ]
    if any(problem.severity == "error" for problem in problems):
        raise DocumentError(problems)
