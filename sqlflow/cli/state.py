"""`sqlflow state list | show | set | reset | export | import`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Output, OutputOption, ProfileOption, Spec, VarOption, variables

if TYPE_CHECKING:
    from sqlflow.memory import Book
    from sqlflow.sdk import StateEntry

app = typer.Typer(help="Look at what steps remember from run to run, and correct it.", no_args_is_help=True)

StepArgument = Annotated[str, typer.Argument(metavar="STEP", help="The step's id.", show_default=False)]
AllOption = Annotated[bool, typer.Option("--all", help="Of every pipeline in the warehouse.")]


@app.command("list", epilog="Example: sqlflow state list specs/orders.yaml --all")
def list_state(
    spec: Spec,
    every: AllOption = False,
    profile: ProfileOption = None,
    var: VarOption = None,
    output: OutputOption = Output.text,
) -> int:
    """List what the steps of a pipeline remember: watermarks, files, intervals, columns."""
    from sqlflow.memory import summary

    from .render import show_json, table

    with opened(spec, profile, var) as book:
        entries = book.everything if every else book.own
        if output is Output.json:
            show_json(book.plan.redactor.value([_data(book, entry) for entry in entries]))
            return 0
        rows = []
        for (pipeline, step, target, kind), same in _grouped(entries):
            last = max(same, key=lambda e: e.at)
            note = book.standing(last).value
            row = (step, target, kind, summary(kind, same), last.run, _time(last), note)
            rows.append((pipeline, *row) if every else row)
        head = ("step", "target", "kind", "remembered", "run", "at", "note")
        if not rows:
            print("nothing is remembered")
        else:
            print(book.plan.redactor.text(table(rows, ("pipeline", *head) if every else head)))
    return 0


@app.command(epilog="Example: sqlflow state show specs/orders.yaml orders --verbose")
def show(
    spec: Spec,
    step: StepArgument,
    verbose: Annotated[bool, typer.Option("--verbose", help="Every file and interval, one by one.")] = False,
    profile: ProfileOption = None,
    var: VarOption = None,
    output: OutputOption = Output.text,
) -> int:
    """Show everything that a step remembers, by which run and since when."""
    from sqlflow.memory import summary, text_of
    from sqlflow.sdk import FILE, INTERVAL

    from .render import show_json, table

    with opened(spec, profile, var) as book:
        steps = book.steps(step)
        entries = [entry for entry in book.own if entry.step in steps]
        if output is Output.json:
            show_json(book.plan.redactor.value([_data(book, entry) for entry in entries]))
            return 0
        rows = []
        for (_, owner, target, kind), same in _grouped(entries):
            note = book.standing(same[0]).value
            if kind in (FILE, INTERVAL) and not verbose:
                last = max(same, key=lambda e: e.at)
                rows.append((owner, target, kind, "", summary(kind, same), last.run, _time(last), note))
            else:
                rows += [(owner, target, kind, e.name, text_of(e), e.run, _time(e), note) for e in same]
        if not rows:
            print(f"step {step} remembers nothing")
        else:
            head = ("step", "target", "kind", "name", "value", "run", "at", "note")
            print(book.plan.redactor.text(table(rows, head)))
    return 0


@app.command("set", epilog="Example: sqlflow state set specs/orders.yaml orders watermark '2024-01-31 12:00:00'")
def set_state(
    spec: Spec,
    step: StepArgument,
    kind: Annotated[str, typer.Argument(metavar="watermark", help="What is set.", show_default=False)],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="The highest cursor that counts as read.")],
    profile: ProfileOption = None,
    var: VarOption = None,
    output: OutputOption = Output.text,
) -> int:
    """Set the watermark of a step; the next run reads from there on."""
    from sqlflow.errors import DocumentError
    from sqlflow.memory import set_watermark
    from sqlflow.problem import Problem
    from sqlflow.sdk import WATERMARK

    from .render import show_json

    with opened(spec, profile, var, write=True) as book:
        owner = book.step(step)
        if book.kind(kind) != WATERMARK:
            told = f"a {kind} cannot be set, only forgotten"
            hint = f"write `sqlflow state reset {spec} {step} --kind {kind}`"
            raise DocumentError([Problem("SF740", told, None, hint)])
        done = set_watermark(book, owner, value)
        if done.warning:
            print(f"warning: {done.warning}", file=sys.stderr)
        if output is Output.json:
            data = {"step": owner.id, "column": done.column, "type": done.type, "old": done.old, "new": done.new}
            show_json(data)
        else:
            was = "none" if done.old is None else done.old
            print(f"watermark of {owner.id}: {done.column} was {was}, is {done.new} ({done.type})")
    return 0


@app.command(epilog="Example: sqlflow state reset specs/orders.yaml orders --kind file --name data/january.csv")
def reset(
    spec: Spec,
    step: Annotated[str | None, typer.Argument(metavar="STEP", help="The step; all when left out.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Only state of this kind.", show_default=False)] = None,
    name: Annotated[str | None, typer.Option("--name", help="Only the entry of this name.", show_default=False)] = None,
    profile: ProfileOption = None,
    var: VarOption = None,
    output: OutputOption = Output.text,
) -> int:
    """Forget what a step remembers, or all steps; the next run starts over. No data is touched."""
    from sqlflow.memory import summary
    from sqlflow.sdk import FILE, WATERMARK

    from .render import show_json

    with opened(spec, profile, var, write=True) as book:
        steps = book.steps(step) if step is not None else None
        if kind is not None:
            book.kind(kind)
        entries = [e for e in book.own if (steps is None or e.step in steps) and kind in (None, e.kind)]
        if name is not None:
            entries = _named(entries, name)
        book.forget(entries, "state reset")
        if output is Output.json:
            show_json(book.plan.redactor.value([_data(book, entry) for entry in entries]))
        for (_, owner, target, one), same in _grouped(entries) if output is Output.text else ():
            print(book.plan.redactor.text(f"forgot {one} of {owner} ({target}): {summary(one, same)}"))
        if not entries and output is Output.text:
            print("nothing to forget")
        lost = {e.step for e in entries if e.kind in (WATERMARK, FILE)}
        for planned in book.plan.steps:
            if planned.id in lost and planned.plan.incremental and not planned.plan.repeatable:
                told = f"step {planned.id!r} appends without a key: its next run writes rows a second time"
                print(f"warning: {told}; run it with --full-refresh", file=sys.stderr)
    return 0


@app.command("export", epilog="Example: sqlflow state export specs/orders.yaml > state.json")
def export_state(spec: Spec, every: AllOption = False, profile: ProfileOption = None, var: VarOption = None) -> int:
    """Print what the steps remember as JSON, for `sqlflow state import`."""
    from sqlflow.memory import exported

    from .render import show_json

    with opened(spec, profile, var) as book:
        document, damaged = exported(book, book.everything if every else book.own)
        show_json(document)
        for entry in damaged:
            print(f"warning: left out {entry.key}, which is damaged", file=sys.stderr)
    return 0


@app.command("import", epilog="Example: sqlflow state import specs/orders.yaml state.json")
def import_state(
    spec: Spec,
    file: Annotated[str, typer.Argument(metavar="FILE", help="What export printed; - for standard input.")],
    every: Annotated[bool, typer.Option("--all", help="Take entries of other pipelines, too.")] = False,
    profile: ProfileOption = None,
    var: VarOption = None,
    output: OutputOption = Output.text,
) -> int:
    """Take in what export printed. Everything is checked before anything is written; other entries stay."""
    from sqlflow.memory import read_export, summary, take_in

    from .render import show_json

    raw = read_export(_text_of(file), file)
    with opened(spec, profile, var, write=True) as book:
        done = take_in(book, raw, file, all_pipelines=every)
        if output is Output.json:
            written = [_data(book, entry) for entry in done.written]
            show_json(book.plan.redactor.value({"written": written, "unchanged": done.unchanged}))
            return 0
        for (_, owner, target, kind), same in _grouped(done.written):
            print(book.plan.redactor.text(f"{kind} of {owner} ({target}): {summary(kind, same)}"))
        count = len(done.written)
        more = f", {done.unchanged:,} unchanged" if done.unchanged else ""
        print(f"imported {count:,} {'entry' if count == 1 else 'entries'}{more}")
    return 0


@contextmanager
def opened(
    spec: Path, profile: str | None, var: list[str] | None, *, write: bool = False, online: bool = False, **more: bool
) -> Iterator[Book]:
    """Open the state of a pipeline's warehouse; `online` when its sources will be asked."""
    from sqlflow.memory import open_book
    from sqlflow.pipeline import Pipeline

    pipeline = Pipeline.from_file(spec)
    plan = pipeline.plan(profile=profile, vars=variables(var), offline=not online)
    with open_book(plan, pipeline.catalog, write=write, **more) as book:
        yield book


def _grouped(entries: Iterable[StateEntry]) -> list[tuple[tuple[str, str, str, str], list[StateEntry]]]:
    ordered = sorted(entries, key=lambda e: (e.pipeline, e.step, e.target, e.kind, e.name))
    groups = groupby(ordered, key=lambda e: (e.pipeline, e.step, e.target, e.kind))
    return [(key, list(same)) for key, same in groups]


def _data(book: Book, entry: StateEntry) -> dict[str, Any]:
    from sqlflow.memory import entry_data, fault_of

    return {**entry_data(entry), "damaged": fault_of(entry), "note": book.standing(entry).value or None}


def _named(entries: Sequence[StateEntry], name: str) -> list[StateEntry]:
    from sqlflow.errors import DocumentError
    from sqlflow.problem import Problem, did_you_mean

    found = [entry for entry in entries if entry.name == name]
    if not found:
        hint = did_you_mean(name, {e.name for e in entries if e.name}, noun="name")
        raise DocumentError([Problem("SF740", f"nothing is remembered under the name {name!r}", None, hint)])
    return found


def _text_of(file: str) -> str:
    from sqlflow.errors import DocumentError
    from sqlflow.spec import read_source

    if file == "-":
        return sys.stdin.read()
    source, problems = read_source(Path(file), file)
    if source is None:
        raise DocumentError(problems)
    return source.text


def _time(entry: StateEntry) -> str:
    return f"{entry.at:%Y-%m-%d %H:%M:%S}"
