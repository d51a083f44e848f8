"""`sqlflow run`."""

from __future__ import annotations

import os
import signal
import sys
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sqlflow.errors import DocumentError
from sqlflow.problem import Problem

from .options import (
    LAST,
    ChangedOption,
    ExcludeOption,
    Format,
    FormatOption,
    FromOption,
    ProfileOption,
    RefreshOption,
    ResumeOption,
    SelectOption,
    Spec,
    ToOption,
    VarOption,
    selectors,
    variables,
)

if TYPE_CHECKING:
    from sqlflow.plan import Plan
    from sqlflow.registry import Catalog
    from sqlflow.run import Interrupted

EXAMPLE = "Example: sqlflow run specs/orders.yaml --profile prod --var region=EU --select +daily"


def run(
    spec: Spec,
    profile: ProfileOption = None,
    var: VarOption = None,
    select: SelectOption = None,
    exclude: ExcludeOption = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Start nothing new after a failure.")] = False,
    full_refresh: RefreshOption = False,
    since: FromOption = None,
    until: ToOption = None,
    changed: ChangedOption = False,
    resume: ResumeOption = None,
    output: FormatOption = Format.text,
) -> int:
    """Run a pipeline."""
    from sqlflow.pipeline import Pipeline
    from sqlflow.plan import Asked

    from .reporting import reported

    def work() -> int:
        pipeline = Pipeline.from_file(spec)
        asked = Asked(full_refresh, since, until, changed)
        interrupted = None
        if resume is not None:
            if asked != Asked() or profile or var or select or exclude:
                hint = "a run goes on as it began: give --resume alone"
                raise DocumentError([Problem("SF413", "--resume takes no other option", None, hint)])
            plan, interrupted = pipeline.plan_again(None if resume == LAST else resume)
        else:
            plan = pipeline.plan(
                profile=profile,
                vars=variables(var),
                select=selectors(select),
                exclude=selectors(exclude),
                fail_fast=fail_fast,
                asked=asked,
            )
        return executed(plan, pipeline.catalog, output, interrupted)

    return reported("run", spec, output, work)


def executed(plan: Plan, catalog: Catalog, output: Format, interrupted: Interrupted | None = None) -> int:
    """Execute a plan, showing how it goes; returns the exit code."""
    from sqlflow.pipeline import run_plan

    from .console import watcher
    from .render import problem_text, show_json

    stop = Event()
    _obey_signals(stop)
    for note in plan.notes if output in (Format.text, Format.json) else ():
        print(problem_text(note, sys.stderr), file=sys.stderr)
    watching: list[Any] = [watcher()] if output is Format.text else []
    result = run_plan(plan, catalog, watching, stop, interrupted=interrupted)
    for notice in result.notices:
        print(f"warning: {notice}", file=sys.stderr)
    record = plan.redactor.value(result.record.as_dict())
    if output is Format.json:
        show_json(record)
    elif output is not Format.text:
        from sqlflow.report import Ran

        from .reporting import places, show_report

        show_report(Ran(record, plan.notes, *places(plan)), output)
    return {"succeeded": 0, "failed": 1}.get(result.status, 130)


def _obey_signals(stop: Event) -> None:
    """Let the first Ctrl-C or SIGTERM end the run in order; a second one ends it at once."""

    def handler(_: int, __: Any) -> None:
        if stop.is_set():
            os._exit(130)  # the warehouse rolls back by itself when it is opened next
        stop.set()
        print("stopping: rolling back what has not been committed", file=sys.stderr)

    signal.signal(signal.SIGINT, handler)
    signal.signal(signal.SIGTERM, handler)
