"""`sqlflow quarantine list | show | retry | drop`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from .options import Format, Output, OutputOption, ProfileOption, Spec, VarOption, variables

app = typer.Typer(help="Look at rows that were set aside, and try them again.", no_args_is_help=True)

StepArgument = Annotated[str, typer.Argument(metavar="STEP", help="The step's id.", show_default=False)]


@app.command("list", epilog="Example: sqlflow quarantine list specs/orders.yaml")
def list_heaps(
    spec: Spec,
    every: Annotated[bool, typer.Option("--all", help="Of every pipeline in the warehouse.")] = False,
    profile: ProfileOption = None,
    var: VarOption = None,
    output: OutputOption = Output.text,
) -> int:
    """List which steps have rows set aside, how many and why."""
    from msgspec.structs import asdict

    from sqlflow.quarantine import heaps

    from .render import show_json, table
    from .state import opened

    with opened(spec, profile, var) as book:
        found = list(heaps(book.session, None if every else book.plan.pipeline))
    if output is Output.json:
        show_json([{**asdict(h), "first": h.first.isoformat(), "last": h.last.isoformat()} for h in found])
        return 0
    if not found:
        print("nothing is set aside")
        return 0
    rows = [
        (
            h.pipeline,
            h.step,
            h.table,
            h.check,
            h.rows,
            f"{h.first:%Y-%m-%d %H:%M}",
            f"{h.last:%Y-%m-%d %H:%M}",
            h.run_id,
        )
        for h in found
    ]
    head = ("pipeline", "step", "table", "failed", "rows", "first", "last", "last run")
    skip = 0 if every else 1
    print(book.plan.redactor.text(table([row[skip:] for row in rows], head[skip:], align_right=[4 - skip])))
    return 0


@app.command(epilog="Example: sqlflow quarantine show specs/orders.yaml orders --limit 5")
def show(
    spec: Spec,
    step: StepArgument,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="Most rows to show; 0 for all.")] = 20,
    profile: ProfileOption = None,
    var: VarOption = None,
    output: OutputOption = Output.text,
) -> int:
    """Show the rows that a step has set aside, the newest first, each with the checks that it failed."""
    from sqlflow.quarantine import rows_aside

    from .render import plural, show_json, table
    from .state import opened

    with opened(spec, profile, var) as book:
        rows = rows_aside(book.session, book.plan, book.step(step), limit + 1 if limit else 0)
    more, rows = bool(limit) and len(rows) > limit, rows[: limit or None]
    if output is Output.json:
        show_json(book.plan.redactor.value([dict(row) for row in rows]))
    elif not rows:
        print(f"step {step} has nothing set aside")
    else:
        names = [name for name in rows[0] if name not in ("sqlflow_pipeline", "sqlflow_step")]
        shown = [[_text(row[name]) for name in names] for row in rows]
        print(book.plan.redactor.text(table(shown, names)))
        print(f"({'first ' if more else ''}{plural(len(rows), 'row')}{'; --limit 0 shows all' if more else ''})")
    return 0


def _text(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return f"{value:%Y-%m-%d %H:%M:%S%z}"
    return "NULL" if value is None else value


@app.command(epilog="Example: sqlflow quarantine retry specs/orders.yaml orders")
def retry(
    spec: Spec,
    step: StepArgument,
    profile: ProfileOption = None,
    var: VarOption = None,
    output: OutputOption = Output.text,
) -> int:
    """Run a step over the rows that it has set aside: those that pass now are written, the others stay."""
    from sqlflow.memory import planned
    from sqlflow.pipeline import Pipeline
    from sqlflow.quarantine import retrying

    from .run import executed

    pipeline = Pipeline.from_file(spec)
    plan = pipeline.plan(profile=profile, vars=variables(var))
    return executed(retrying(plan, planned(plan, step)), pipeline.catalog, Format(output))


@app.command(epilog="Example: sqlflow quarantine drop specs/orders.yaml orders")
def drop(
    spec: Spec,
    step: StepArgument,
    profile: ProfileOption = None,
    var: VarOption = None,
) -> int:
    """Delete the rows that a step has set aside; they are given up."""
    from sqlflow.quarantine import drop as drop_rows

    from .render import plural
    from .state import opened

    with opened(spec, profile, var, write=True) as book:
        count = drop_rows(book.session, book.plan, book.step(step))
    print(f"deleted {plural(count, 'row')}" if count else f"step {step} has nothing set aside")
    return 0
