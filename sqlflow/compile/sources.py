"""The columns of what a step reads from outside: a local file's own, those declared, those of the last good run."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from pathlib import Path

from sqlflow.plan import PlannedStep, feeds, table_key
from sqlflow.sdk import (
    BoundEndpoint,
    Column,
    Delta,
    ReadRequest,
    Select,
    SQLFlowError,
    StepError,
    StepMemory,
    TableSchema,
    did_you_mean,
    fold,
    remembered,
)
from sqlflow.spec import Mapping

from .ground import Ground
from .model import Gap


def source_columns(ground: Ground, step: PlannedStep, endpoint: BoundEndpoint) -> TableSchema | Gap:
    """Return the columns of a source, as they are once cast to those declared, or why they cannot be known."""
    declared = step.given.config.columns
    stated = TableSchema(tuple(Column(name, spec.type) for name, spec in declared.items()))
    recorded = _recorded(ground, step)
    found = _looked(ground, step, endpoint, recorded) if endpoint.connector.local else None
    if isinstance(found, TableSchema):
        return _contracted(ground, step, found, stated)
    if recorded is not None:
        return _contracted(ground, step, recorded, stated)
    if found is not None and (found.needed or _is_told(ground, step)):
        return found
    target = step.given.config.target
    ask = f"let `sqlflow schema pin {ground.plan.source.file} {step.id}` ask and write them"
    hint = f"write them under columns, or {ask}"
    if len(stated):
        ground.partial[table_key(target)] = f"write it under columns, or {ask}"
        return stated
    if found is not None:
        return found
    what = f"the source of {target} is not asked for its columns here"
    return ground.gap(what, step.places.option("source"), hint)


def _recorded(ground: Ground, step: PlannedStep) -> TableSchema | None:
    """Return the columns of the last good run, where a warehouse was given that knows them."""
    warehouse = ground.warehouse
    if warehouse is None:
        return None
    try:
        memory = StepMemory(lambda: warehouse.state(ground.plan.pipeline, step.id)).of(step.given.config.target)
        baseline = remembered(memory)
    except SQLFlowError as error:
        ground.gap(error.message, step.mark, error.hint or "").needed[step.declared] = None
        return None
    if baseline is None:
        return None
    return TableSchema(tuple(Column(c.name, c.type or "VARCHAR") for c in baseline.schema))


def _looked(
    ground: Ground, step: PlannedStep, endpoint: BoundEndpoint, recorded: TableSchema | None
) -> TableSchema | Gap | None:
    """Look at a local source, unless a step of this pipeline is still to make it."""
    plan = ground.plan
    for other in plan.steps:
        for output in other.plan.outputs:
            if any(feeds(output, place) for place in step.plan.inputs):
                what = f"{output} is written by step {other.id!r} of this pipeline"
                return ground.gap(what, step.places.option("source"), "write its columns under columns")
    types = {c.name: c.type for c in recorded} if recorded is not None and endpoint.connector.guesses_types else {}
    known = _version(ground, step, endpoint, types)
    if known is not None and known in ground.bench.looked:
        return ground.bench.looked[known]
    request = ReadRequest(
        endpoint.config,
        endpoint.options,
        plan.folder,
        step.given.config.columns,
        frozenset({plan.engine.engine.dialect}),
        Delta(types=types),
    )
    try:
        source = endpoint.connector.read(request)
        if isinstance(source, Select):
            found = ground.bench.columns(plan.engine, source)
            if known is not None:
                ground.bench.note(known, found)
            return found
    except (SQLFlowError, OSError) as error:
        told = error.message if isinstance(error, SQLFlowError) else str(error)
        hint = error.hint if isinstance(error, SQLFlowError) else None
        if _is_bad_data(error) and endpoint.incremental is None and _is_there(endpoint, plan.folder):
            remedy = hint or "mend the files, or say under source how they are written"
            ground.report(getattr(error, "code", None) or "SF511", told, step.places.option("source"), remedy)
            return Gap("", None, "")
        gap = ground.gap(told, step.places.option("source"), hint or "write its columns under columns")
        if endpoint.connector.lists_files and _is_there(endpoint, plan.folder):
            gap.needed[step.declared] = None  # so the step cannot read it either
        return gap
    return None


def _version(ground: Ground, step: PlannedStep, endpoint: BoundEndpoint, types: MappingType[str, str]) -> str | None:
    """Return what the columns of files depend on: which files, in which state, and how they are read."""
    try:
        files = endpoint.connector.versions(endpoint.config, endpoint.options, ground.plan.folder)
    except (SQLFlowError, OSError):  # told when they are read
        return None
    if files is None:
        return None
    engine = ground.plan.engine
    models = [engine.engine_config, endpoint.config, endpoint.options, *step.given.config.columns.values()]
    read = (engine.engine.name, endpoint.connector.name, ground.plan.folder, *step.given.config.columns, types, files)
    return repr((read, [model.model_dump_json() for model in models]))


def _is_bad_data(error: Exception) -> bool:
    """Tell whether files are what a run cannot read either; of new ones it reads others."""
    return isinstance(error, StepError) and error.kind == "bad_data"


def _is_there(endpoint: BoundEndpoint, folder: Path) -> bool:
    try:
        return bool(endpoint.connector.versions(endpoint.config, endpoint.options, folder))
    except (SQLFlowError, OSError):
        return False


def _is_told(ground: Ground, step: PlannedStep) -> bool:
    """Tell whether the source has been complained of, so that what it brings is nobody's guess."""
    source = step.places.node.values.get("source")
    inner = source.values.values() if isinstance(source, Mapping) else ()
    marks = {step.places.source.at(node) for node in (source, *inner) if node is not None}
    return any(note.severity == "error" and note.mark in marks for note in ground.plan.notes)


def _contracted(ground: Ground, step: PlannedStep, found: TableSchema, stated: TableSchema) -> TableSchema:
    """Give the declared columns their types; one that is not there is noted."""
    for column in stated:
        if found.get(column.name) is None:
            told = f"step {step.declared!r}: column {column.name!r} is declared, and the source does not have it"
            hint = did_you_mean(column.name, found.names, noun="column")
            ground.report("SF424", told, step.places.key("columns", column.name), hint)
    types = {fold(c.name): c.type for c in stated}
    return TableSchema(tuple(Column(c.name, types.get(fold(c.name), c.type)) for c in found))
