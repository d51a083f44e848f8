"""A whole run, from the open warehouse to the closed one: prelude, orchestrator, records, clean end."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from threading import Event

from msgspec import Struct
from msgspec.structs import asdict

from sqlflow.errors import PluginBroken, StepError
from sqlflow.holder import Claim, Holder, opened
from sqlflow.plan import Plan
from sqlflow.registry import Catalog, load_functions
from sqlflow.sdk import Observer, Opening, RunFinished, RunStarted, Session, Udf, split_name
from sqlflow.version import __version__

from .bus import Bus
from .fingerprint import Fingerprints
from .journal import Journal
from .orchestrator import Orchestrator
from .record import RunRecord, StepRecord
from .resume import Interrupted, resumed
from .telemetry import Tracing, tracing


class Finished(Struct):
    """How a run ended. `session` is left open on request, for a warehouse that is gone once it is closed."""

    record: RunRecord
    notices: tuple[str, ...]
    session: Session | None = None


def open_session(plan: Plan, *, read_only: bool = False) -> Session:
    """Open the warehouse of a plan. Raises WarehouseLocked when another process writes it."""
    engine, location = plan.engine, plan.location
    opening = Opening(location, plan.folder, read_only)
    return opened(location, lambda: engine.engine.open(engine.engine_config, opening))


def register_functions(plan: Plan, catalog: Catalog, session: Session) -> None:
    """Make the functions that the SQL of a plan calls callable in a session.

    Raises:
        PluginBroken: one of them cannot be imported, or not be registered.

    """
    for function in _functions(plan, catalog):
        _register(session, function)


def execute(
    plan: Plan,
    catalog: Catalog,
    observers: Sequence[tuple[str, Observer]] = (),
    stop: Event | None = None,
    *,
    keep_open: bool = False,
    interrupted: Interrupted | None = None,
) -> Finished:
    """Run a plan to its end, whichever. A failed step is told in the record, not raised.

    Raises:
        WarehouseLocked: another process writes the warehouse.
        PluginBroken: the project's functions cannot be imported.
        StepError: the warehouse or the records cannot be written.

    """
    with tracing(plan) as tracer:
        return _execute(plan, catalog, observers, stop or Event(), tracer, interrupted, keep_open=keep_open)


def _execute(
    plan: Plan,
    catalog: Catalog,
    observers: Sequence[tuple[str, Observer]],
    stop: Event,
    tracer: Tracing,
    interrupted: Interrupted | None,
    *,
    keep_open: bool,
) -> Finished:
    functions = _functions(plan, catalog)
    record = _blank(plan)
    journal = Journal(plan, record, again=interrupted is not None)
    begun = False
    try:
        session = open_session(plan)
    except BaseException:
        journal.abandon()
        raise
    claim = Claim(plan.location, Holder(f"run {plan.run_id}", plan.pipeline))
    finished = False
    try:
        claim.make()
        session.prepare(sorted({schema for step in plan.steps for schema in _schemas(step.plan.writes)}))
        for function in functions:
            _register(session, function)
        prints = Fingerprints(plan, catalog, {f.name.lower(): f for f in functions})
        if interrupted is not None:
            plan = resumed(plan, record, interrupted, session, prints)
        journal.plan = plan
        bus = Bus([("journal", journal), *observers, *tracer.observers], plan.redactor)
        for owner, make in catalog.observers():
            bus.join(owner.name, make)
        begun = True
        try:
            _run(plan, tracer.wrap(session), bus, record, journal, stop, prints)
        finally:
            journal.close()
        finished = True
        return Finished(record, (*_left(claim), *bus.broken), session if keep_open else None)
    finally:
        if not begun:
            journal.abandon()
        claim.release()
        if not (keep_open and finished):
            session.close()


def _left(claim: Claim) -> tuple[str, ...]:
    """Tell of a writer that did not come to its end; what it had not committed is gone, and nothing else."""
    return (f"the last writer did not end: {claim.left}; what it had not committed was rolled back",) * bool(claim.left)


def _run(
    plan: Plan,
    session: Session,
    bus: Bus,
    record: RunRecord,
    journal: Journal,
    stop: Event,
    prints: Fingerprints,
) -> None:
    started = time.perf_counter()
    journal.begin(record)
    bus.send(
        RunStarted,
        run_id=plan.run_id,
        pipeline=plan.pipeline,
        profile=plan.profile,
        steps=tuple(step.id for step in plan.steps),
    )
    try:
        record.status = Orchestrator(plan, session, bus, record, stop, prints).run()
    finally:
        if record.status == "running":
            record.status = "failed"
        record.finished_at = datetime.now(UTC)
        record.duration_ms = (time.perf_counter() - started) * 1000
        usage = resource.getrusage(resource.RUSAGE_SELF)
        record.cpu_ms = (usage.ru_utime + usage.ru_stime) * 1000
        record.peak_memory_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        bus.send(RunFinished, run_id=plan.run_id, status=record.status, duration_ms=record.duration_ms)
        bus.broken += journal.end(record)


def _blank(plan: Plan) -> RunRecord:
    """Return the record of a run that has not begun."""
    steps = [
        StepRecord(s.id, s.type_name, reads=tuple(sorted(s.reads)), writes=tuple(sorted(s.plan.writes)))
        for s in plan.steps
    ]
    variables = {name: "***" if value.secret else value.value for name, value in plan.variables.items()}
    return RunRecord(
        plan.run_id,
        plan.pipeline,
        plan.profile,
        plan.started_at,
        str(plan.path),
        steps,
        variables,
        version=__version__,
        asked={**asdict(plan.asked), "select": list(plan.select), "exclude": list(plan.exclude)},
    )


def _functions(plan: Plan, catalog: Catalog) -> list[Udf]:
    """Return the functions that the SQL of the plan calls, from plugins and from the project's own files."""
    called = {name for step in plan.steps for name in step.functions}
    own = {f.name.lower(): f for f in load_functions(plan.function_folders)}
    found = {name: function for name in called if (function := own.get(name) or catalog.function(name))}
    return [found[name] for name in sorted(found)]


def _register(session: Session, function: Udf) -> None:
    """Make a function callable, or say why it cannot be."""
    try:
        session.register(function)
    except StepError as error:
        told = f"function {function.name!r} cannot be registered: {error.message}"
        raise PluginBroken(told, hint="rename it, or mend its types", code="SF604") from error


def _schemas(tables: frozenset[str]) -> set[str]:
    return {parts[-2] for table in tables if len(parts := split_name(table)) > 1}
