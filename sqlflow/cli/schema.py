"""`sqlflow schema show | history | compare | accept | pin`."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Output, OutputOption, ProfileOption, Spec, VarOption
from .state import StepArgument, opened

if TYPE_CHECKING:
    from sqlflow.memory import Look, Pin
    from sqlflow.sdk import Change, Column

app = typer.Typer(help="Look at the columns of a step's source, and take changes over.", no_args_is_help=True)


@app.command(epilog="Example: sqlflow schema show specs/orders.yaml orders")
def show(
    spec: Spec,
    step: StepArgument,
    profile: ProfileOption = None,
    var: VarOption = None,
    output: OutputOption = Output.text,
) -> int:
    """Show the columns that the last good run has recorded."""
    from sqlflow.memory import history, since

    from .render import show_json, table

    with opened(spec, profile, var) as book:
        planned = book.step(step)
        records = history(book, planned)
        target = planned.given.config.target
        last = records[-1] if records else None
        schema = last.baseline.schema if last and last.baseline else ()
        origin = since(records, last.baseline.schema) if last and last.baseline else {}
        rows: list[dict[str, Any]] = [
            {
                "name": c.name,
                "type": c.type or None,
                "nullable": c.nullable,
                "run": origin[c.name].run,
                "since": origin[c.name].at.isoformat(),
            }
            for c in schema
        ]
        gone = not book.session.exists(target)
    if output is Output.json:
        accepted = bool(last and last.baseline and last.baseline.accepted)
        show_json({"step": planned.id, "target": target, "accepted": accepted, "columns": rows})
        return 0
    if not rows:
        why = f" ({last.note})" if last else ""
        print(f"step {planned.id} has no recorded columns{why}; its next run records those that it finds")
        return 0
    shown = [(r["name"], r["type"] or "-", _nullable(r["nullable"]), r["run"], _time(r["since"])) for r in rows]
    print(table(shown, ("column", "type", "nullable", "run", "since")))
    if gone:
        print(f"{target} is gone, so the next run does not look at them")
    return 0


@app.command(epilog="Example: sqlflow schema history specs/orders.yaml orders")
def history(
    spec: Spec,
    step: StepArgument,
    profile: ProfileOption = None,
    var: VarOption = None,
    output: OutputOption = Output.text,
) -> int:
    """Show every record of a step's columns, and what each changed."""
    from sqlflow.memory import history as recorded
    from sqlflow.sdk import change_table

    from .render import show_json

    with opened(spec, profile, var) as book:
        planned = book.step(step)
        records = recorded(book, planned)
    if output is Output.json:
        show_json(
            [
                {
                    "run": r.run,
                    "at": r.at.isoformat(),
                    "note": r.note or None,
                    "columns": [_column(c) for c in r.baseline.schema] if r.baseline else None,
                    "changes": [_change(c) for c in r.changes],
                }
                for r in records
            ]
        )
        return 0
    if not records:
        print(f"step {planned.id} has no recorded columns yet")
    for r in records:
        print(f"{r.at:%Y-%m-%d %H:%M:%S}  {r.run}" + (f"  {r.note}" if r.note else ""))
        if r.changes:
            print(change_table(r.changes))
    return 0


@app.command(epilog="Example: sqlflow schema compare specs/orders.yaml orders")
def compare(
    spec: Spec,
    step: StepArgument,
    profile: ProfileOption = None,
    var: VarOption = None,
    output: OutputOption = Output.text,
) -> int:
    """Ask the source for its columns now; the exit code is 1 when the next run would stop."""
    from sqlflow.memory import looking

    from .render import show_json

    with opened(spec, profile, var, online=True, or_empty=True) as book:
        planned = book.step(step)
        with looking(book, planned) as look:
            refused = look.refused
            if output is Output.json:
                show_json(_compared(look))
            else:
                print(book.plan.redactor.text(_told(look)))
    return 1 if refused else 0


@app.command(epilog="Example: sqlflow schema accept specs/orders.yaml orders --write")
def accept(
    spec: Spec,
    step: StepArgument,
    write: Annotated[bool, typer.Option("--write", help="Write them under columns of the step, too.")] = False,
    profile: ProfileOption = None,
    var: VarOption = None,
    output: OutputOption = Output.text,
) -> int:
    """Take over the columns that the source has now, so that the next run does not stop at them."""
    from sqlflow.memory import accept as record
    from sqlflow.memory import looking
    from sqlflow.memory import pin as planned_pin

    from .render import show_json

    with opened(spec, profile, var, online=True, write=True) as book:
        planned = book.step(step)
        pinned = planned_pin(book, planned) if write else None
        if pinned is not None and pinned.text is None:
            return _cannot(pinned)
        with looking(book, planned, columns=pinned.columns if pinned else None, anew=True) as look:
            record(book, look)
            if pinned is not None and pinned.changed:
                pinned.write()
            if output is Output.json:
                written = str(pinned.path) if pinned and pinned.changed else None
                show_json({**_compared(look), "accepted": True, "written": written})
                return 0
            print(book.plan.redactor.text(_accepted(look)))
    if pinned is not None:
        print(_wrote(pinned, planned.id))
    return 0


@app.command(epilog="Example: sqlflow schema pin specs/orders.yaml orders")
def pin(
    spec: Spec,
    step: StepArgument,
    profile: ProfileOption = None,
    var: VarOption = None,
    output: OutputOption = Output.text,
) -> int:
    """Write the columns that the source has now under `columns` of the step; all else in the file stays."""
    from sqlflow.memory import pin as planned_pin

    from .render import show_json

    with opened(spec, profile, var, online=True, or_empty=True) as book:
        planned = book.step(step)
        pinned = planned_pin(book, planned)
    if pinned.text is None:
        return _cannot(pinned)
    if pinned.changed:
        pinned.write()
    if output is Output.json:
        columns = {name: column.model_dump(exclude_none=True) for name, column in pinned.columns.items()}
        show_json({"step": planned.id, "file": str(pinned.path), "written": pinned.changed, "columns": columns})
    else:
        print(_wrote(pinned, planned.id))
    return 0


def _told(look: Look) -> str:
    """Say what has changed and what the next run will do about it."""
    from .render import plural, table

    config = look.step.given.config
    if look.baseline is None:
        return f"step {look.step.id} has no recorded columns; its next run records the {len(look.schema)} of its source"
    if look.idle:
        return "nothing is new, so the next run reads nothing"
    if not look.changes:
        return f"the source of {look.step.id} has its {plural(len(look.schema), 'column')} as at the last good run"
    rows = [(c.column, _shown(c.was), _shown(c.now), c.kind.value, *_verdicts(look, c)) for c in look.changes]
    lines = [table(rows, ("column", "was", "is", "change", "alert", "permissive")), ""]
    policy = f"on_schema_change: {config.on_schema_change}"
    if look.edited:
        lines.append("the query was edited since the last good run, which permits new, wider and removed columns")
    if look.refused:
        lines.append(f"the next run stops at {len(look.refused)} of {plural(len(look.changes), 'change')} ({policy})")
        lines.append(f"take them over with `sqlflow schema accept {look.step.mark.file} {look.step.id}`")
    else:
        lines.append(f"the next run takes them over ({policy})")
    return "\n".join(lines)


def _accepted(look: Look) -> str:
    from sqlflow.sdk import change_table

    from .render import plural

    columns = plural(len(look.schema), "column")
    if look.baseline is None:
        return f"accepted the {columns} of {look.step.id}; none were recorded before"
    if not look.changes:
        return f"accepted the {columns} of {look.step.id}; none has changed since the last good run"
    return f"{change_table(look.changes)}\naccepted; the next run of {look.step.id} takes them over"


def _wrote(pinned: Pin, step: str) -> str:
    from .render import plural

    count = plural(len(pinned.columns), "column")
    return f"wrote {count} of {step} to {pinned.path}" if pinned.changed else f"{pinned.path} declares them already"


def _cannot(pinned: Pin) -> int:
    """Print what to paste where the document cannot be edited."""
    from sqlflow.errors import SQLFlowError

    from .render import show_error

    told = f"columns of {pinned.path} cannot be edited in place: {pinned.reason}; nothing was written"
    show_error(SQLFlowError(told, hint="paste this in their place", code="SF743"))
    print(pinned.block, end="")
    sys.stdout.flush()
    return 1


def _verdicts(look: Look, change: Change) -> tuple[str, str]:
    """Say what each policy does about a change."""
    from sqlflow.sdk import refused_changes

    stops = [bool(refused_changes([change], policy, edited=look.edited)) for policy in ("alert", "permissive")]
    return ("stop" if stops[0] else "accept", "stop" if stops[1] else "accept")


def _compared(look: Look) -> dict[str, Any]:
    return {
        "step": look.step.id,
        "target": look.step.given.config.target,
        "policy": look.step.given.config.on_schema_change,
        "baseline": look.baseline is not None,
        "edited": look.edited,
        "stops": bool(look.refused),
        "columns": [_column(c) for c in look.schema],
        "changes": [
            {**_change(c), **dict(zip(("alert", "permissive"), _verdicts(look, c), strict=True))} for c in look.changes
        ],
    }


def _change(change: Change) -> dict[str, Any]:
    was, now = (None if c is None else _column(c) for c in (change.was, change.now))
    return {"column": change.column, "was": was, "is": now, "change": change.kind.value}


def _column(column: Column) -> dict[str, Any]:
    return {"name": column.name, "type": column.type or None, "nullable": column.nullable}


def _shown(column: Column | None) -> str:
    return "-" if column is None else (column.type or "?") + (" not null" if column.nullable is False else "")


def _nullable(value: bool | None) -> str:
    return "unknown" if value is None else "yes" if value else "no"


def _time(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S}"
