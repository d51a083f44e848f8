"""`sqlflow plan`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .against import show
from .options import (
    ExcludeOption,
    Format,
    FormatOption,
    FromOption,
    ProfileOption,
    RefreshOption,
    SelectOption,
    ToOption,
    VarOption,
    selectors,
    variables,
)

if TYPE_CHECKING:
    from sqlflow.plan import Plan
    from sqlflow.sdk import TableInfo

EXAMPLE = "Example: sqlflow plan specs/orders.yaml --select tag:finance --output json"


def run(
    spec: Annotated[
        Path | None, typer.Argument(metavar="SPEC", help="The pipeline document.", show_default=False)
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="GIT_REF",
            help="Show what is other than at a branch, tag or commit, and what follows from it; "
            "without SPEC for all documents of the project.",
            show_default=False,
        ),
    ] = None,
    profile: ProfileOption = None,
    var: VarOption = None,
    select: SelectOption = None,
    exclude: ExcludeOption = None,
    full_refresh: RefreshOption = False,
    since: FromOption = None,
    until: ToOption = None,
    output: FormatOption = Format.text,
) -> int:
    """Show what a run would do, in order, without doing it."""
    from sqlflow.pipeline import Pipeline
    from sqlflow.plan import Asked

    from .reporting import reported

    def work() -> int:
        if against is not None:
            if select or exclude or full_refresh or since or until:
                raise typer.BadParameter("--against compares whole documents; it takes --profile and --var only")
            return show(spec, against, output, profile=profile, given=variables(var))
        if spec is None:
            raise typer.BadParameter("name a document (sqlflow plan SPEC), or compare with --against")
        plan = Pipeline.from_file(spec).plan(
            profile=profile,
            vars=variables(var),
            select=selectors(select),
            exclude=selectors(exclude),
            offline=True,
            asked=Asked(full_refresh, since, until),
        )
        return shown(plan, output)

    return reported("plan", spec or Path(), output, work)


def shown(plan: Plan, output: Format) -> int:
    """Show a plan; returns the exit code."""
    import sys

    from sqlflow.report import Planned

    from .render import plural, problem_text, show_json, table
    from .reporting import places, show_report

    tables, note = inventory(plan)
    steps = [step_data(plan, position, tables) for position in range(len(plan.steps))]
    data = plan.redactor.value(
        {"pipeline": plan.pipeline, "profile": plan.profile, "file": str(plan.path), "note": note, "steps": steps}
    )
    if output is Format.json:
        show_json(data)
        return 0
    if output is not Format.text:
        show_report(Planned(data, plan.notes, places(plan)[0]), output)
        return 0
    steps = data["steps"]
    for problem in plan.notes:
        print(problem_text(problem, sys.stderr), file=sys.stderr)
    profile_shown = f", profile {plan.profile}" if plan.profile else ""
    print(f"{plan.pipeline}: {plural(len(steps), 'step')}{profile_shown}, {plan.concurrency} at once\n")
    rows = [
        (
            n,
            s["id"],
            s["type"],
            ", ".join([*s["reads"], *s["inputs"]]),
            ", ".join([*s["writes"], *s["outputs"]]),
            s["mode"] or "",
            "run" if s["run"] else f"skip: {s['reason']}" if s["reason"] else "decided at run time",
        )
        for n, s in enumerate(steps, 1)
    ]
    print(table(rows, ("#", "step", "type", "reads", "writes", "mode", "action"), align_right=[0]))
    effects = [f"  {s['id']}: {effect}" for s in steps for effect in s["effects"]]
    if effects:
        print("\nwhat is there now and will be changed:")
        print("\n".join(effects))
    if note:
        print(f"\n{data['note']}")
    return 0


def step_data(plan: Plan, position: int, tables: dict[str, TableInfo]) -> dict[str, Any]:
    """Return what there is to say of one step."""
    from sqlflow.plan import effects

    step = plan.steps[position]
    undecided = step.condition is not None and step.condition.holds is None
    return {
        "id": step.id,
        "type": step.type_name,
        "reads": sorted(step.reads),
        "inputs": list(step.plan.inputs),
        "writes": sorted(step.plan.writes),
        "outputs": sorted(step.plan.outputs),
        "mode": "view" if step.plan.makes_view else step.plan.mode,
        "waits_for": sorted(plan.waits_for[step.id]),
        "when": step.condition.sql if step.condition else None,
        "run": step.skip is None and not undecided,
        "reason": step.skip,
        "checks": [check.name for check in step.given.checks],
        "effects": [] if step.skip else list(effects(step, tables)),
    }


def inventory(plan: Plan) -> tuple[dict[str, TableInfo], str | None]:
    """Return the tables that the plan will write and that are there, or a note why that is not known."""
    from sqlflow.errors import SQLFlowError
    from sqlflow.plan import table_key
    from sqlflow.run import open_session

    if not plan.location.exists:
        return {}, None
    try:
        session = open_session(plan, read_only=True)
    except SQLFlowError as error:
        return {}, f"what is in the warehouse could not be looked at: {error.message}"
    try:
        wanted = {table for step in plan.steps for table in step.plan.writes}
        found = {table_key(name): info for name in wanted if (info := session.describe(name)) is not None}
    finally:
        session.close()
    return found, None
