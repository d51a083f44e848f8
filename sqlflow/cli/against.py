"""`sqlflow plan --against`: what a change to documents does, as text and as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from sqlflow.errors import DocumentError
from sqlflow.problem import Mark, Problem

from .options import Format
from .validate import near

if TYPE_CHECKING:
    from sqlflow.changes import Changes, Revision, StepChange


def show(spec: Path | None, name: str, output: Format, *, profile: str | None, given: Mapping[str, Any]) -> int:
    """Compare the project that a document belongs to with a revision; `spec` None asks about all its documents."""
    from sqlflow.changes import Side, compare, revision
    from sqlflow.pipeline import installed
    from sqlflow.project import open_workspace
    from sqlflow.sdk import Redactor
    from sqlflow.validation import hold_all

    if spec is not None and not spec.exists():
        raise DocumentError(
            [Problem("SF101", f"{spec} is not there", None, "check the path; it starts at this folder")]
        )
    workspace = open_workspace(spec or Path.cwd())
    catalog = installed()
    files = workspace.specs() if workspace.project else []
    if spec is not None and spec.resolve() not in [file.resolve() for file in files]:
        files.append(spec.resolve())
    if not files:
        raise DocumentError([Problem("SF101", "no documents here", None, "name one, or add specs: to sqlflow.yaml")])
    held = hold_all([near(file) for file in files], catalog, profile=profile, vars=given, tests=False)
    asked = [one for one in held if spec is None or one.path.resolve() == spec.resolve()]
    wrong = [p for one in asked for p in one.compiled.problems if p.severity == "error"]
    if wrong:
        raise DocumentError(wrong)
    with revision(name, workspace.folder) as then:
        before = open_workspace(then.folder)
        older = before.specs() if before.project else []
        relative = spec.resolve().relative_to(workspace.folder) if spec is not None else None
        if relative is not None and (then.folder / relative).is_file():
            older.append(then.folder / relative)
        was = Side(hold_all(list(dict.fromkeys(older)), catalog, profile=profile, vars=given, tests=False))
        names = {one.plan.pipeline for one in asked if one.plan is not None}
        found = compare(was, Side(held), frozenset(names) if spec is not None else None)
        found = replace(found, steps=tuple(_homed(change, then, workspace.folder) for change in found.steps))
        redactor = Redactor.joined(plan.redactor for plan, _ in [*was.planned, *Side(held).planned])
    return _shown(redactor.value(_data(found, then)), found, output)


def _homed(change: StepChange, then: Revision, folder: Path) -> StepChange:
    """Say where a step stood as if its document were still there."""
    path = Path(change.mark.file).resolve()
    if not path.is_relative_to(then.folder):
        return change
    here = near(folder / path.relative_to(then.folder))
    return replace(change, mark=replace(change.mark, file=str(here)))


def _data(found: Changes, then: Revision) -> dict[str, Any]:
    return {
        "against": {"revision": then.name, "commit": then.commit, "forked": then.forked},
        "steps": [
            {
                "change": c.kind,
                "pipeline": c.pipeline,
                "step": c.step,
                "file": c.mark.file,
                "line": c.mark.line,
                "options": [{"name": o.name, "was": o.was, "now": o.now} for o in c.options],
            }
            for c in found.steps
        ],
        "columns": [
            {"change": c.kind, "table": c.table, "column": c.column, "was": c.was, "now": c.now} for c in found.columns
        ],
        "touched": [
            {"name": t.name, "kind": t.kind, "pipeline": t.pipeline, "step": t.step, "columns": list(t.columns),
             "rows": t.rows}
            for t in found.touched
        ],
        "effects": [{"pipeline": e.pipeline, "step": e.step, "message": e.message} for e in found.effects],
        "runs": [{"pipeline": p, "step": s, "reason": r} for p, s, r in found.runs],
        "steps_in_all": found.total,
        "unknown": list(found.unknown),
    }  # fmt: skip


def _shown(data: dict[str, Any], found: Changes, output: Format) -> int:
    from sqlflow.report import Compared

    from .render import show_json
    from .reporting import show_report

    if output is Format.json:
        show_json(data)
    elif output is not Format.text:
        places = {(c.pipeline, c.step): c.mark for c in found.steps}
        show_report(Compared(data, tuple(_warnings(data, places))), output)
    else:
        print("\n".join(_text(data)))
    return 0


def _warnings(data: Mapping[str, Any], places: Mapping[tuple[str, str], Mark]) -> Iterable[Problem]:
    for effect in data["effects"]:
        mark = places.get((effect["pipeline"], effect["step"]))
        yield Problem("SF430", f"{effect['step']}: {effect['message']}", mark, None, "warning")


def _text(data: Mapping[str, Any]) -> Iterable[str]:
    from sqlflow.report import against_line, option_words, sections

    from .render import table

    yield against_line(data)
    if data["steps"]:
        lines = [
            (c["change"], f"{c['file']}:{c['line']}", c["step"], "; ".join(option_words(o) for o in c["options"]))
            for c in data["steps"]
        ]
        yield f"\n{table(lines, ('change', 'where', 'step', 'what'))}"
    for heading, told in sections(data):
        yield f"\n{heading}:"
        yield from (f"  {line}" for line in told)
