"""`sqlflow plugin list | new | check`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .options import Output, OutputOption

app = typer.Typer(help="Look at the plugins installed here, write new ones and check them.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Look at the plugins installed here, write new ones and check them."""


@app.command("list", epilog="Example: sqlflow plugin list --output json")
def list_plugins(output: OutputOption = Output.text) -> int:
    """List plugins, what each brings, and what is wrong with those that are broken."""
    from sqlflow.pipeline import installed
    from sqlflow.registry import HOOKS

    from .render import paint, show_json, table

    catalog = installed()
    records = catalog.plugins()
    rows = [
        {
            "name": record.name,
            "distribution": record.distribution,
            "version": record.version,
            "module": record.module,
            "brings": {
                kind: names
                for kind in HOOKS
                if (names := sorted(o.name for o in catalog.all(kind) if o.owner.name == record.name))
            },
            "error": record.error,
        }
        for record in records
    ]
    if output is Output.json:
        show_json({"plugins": rows, "conflicts": catalog.conflicts()})
    else:
        shown = [
            (
                r["name"],
                f"{r['distribution']} {r['version']}",
                _brings(r["brings"]),
                "broken" if r["error"] else "ok",
            )
            for r in rows
        ]
        print(table(shown, ("plugin", "from", "brings", "state")))
        for row in rows:
            if row["error"]:
                print(f"\n{paint('broken', 'red')}  {row['distribution']} ({row['name']}): {row['error']}")
        for conflict in catalog.conflicts():
            print(f"\n{paint('conflict', 'red')}  {conflict}")
    return 3 if any(r["error"] for r in rows) or catalog.conflicts() else 0


def _brings(kinds: object) -> str:
    found = kinds if isinstance(kinds, dict) else {}
    return "; ".join(f"{kind}s {', '.join(names)}" for kind, names in found.items())


class Kind(StrEnum):
    """What a new plugin brings."""

    connector = "connector"
    step = "step"
    engine = "engine"
    storage = "storage"
    functions = "functions"
    checks = "checks"


@app.command(epilog="Example: sqlflow plugin new weather --kind connector")
def new(
    name: Annotated[str, typer.Argument(help="What it is called, without the prefix sqlflow-.", show_default=False)],
    kind: Annotated[Kind, typer.Option("--kind", "-k", help="What it brings.", show_default=False)],
    folder: Annotated[Path, typer.Option("--folder", help="Where the folder of the plugin is made.")] = Path(),
) -> int:
    """Write a plugin that installs, runs and passes its exam."""
    from sqlflow.pipeline import installed
    from sqlflow.scaffold import named, write_plugin

    names = named(name, kind, installed())
    written = write_plugin(names, kind, folder)
    for path in written:
        print(folder / path)
    place = folder / names.distribution
    print(f"\ninstall it  pip install -e '{place}[dev]'")
    print(f"test it     python -m pytest {place}")
    print(f"check it    sqlflow plugin check {place}")
    return 0


@app.command(epilog="Example: sqlflow plugin check plugins/sqlflow-weather")
def check(
    folder: Annotated[Path, typer.Argument(help="The folder that holds its pyproject.toml.")] = Path(),
    exam: Annotated[bool, typer.Option("--exam/--no-exam", help="Whether its tests sit their exams.")] = True,
    output: OutputOption = Output.text,
) -> int:
    """Tell what is wrong with the plugin in a folder; the exit code is 0 when nothing is."""
    import sys

    from sqlflow.inspection import inspect_plugin

    from .render import paint, plural, problem_data, show_json, show_problems

    found = inspect_plugin(folder, sit_exam=exam)
    if output is Output.json:
        show_json({
            "plugin": found.name,
            "version": found.version,
            "brings": [{"kind": kind, "name": name} for kind, name in found.brings],
            "aspects": [{"name": a.name, "state": a.state, "told": a.told} for a in found.aspects],
            "problems": [problem_data(problem) for problem in found.problems],
        })  # fmt: skip
        return 1 if found.problems else 0
    brought = ", ".join(f"{kind} {name}" for kind, name in found.brings)
    print(f"{found.name} {found.version or ''}: {brought or 'brings nothing'}")
    colours = {"ok": "green", "wrong": "red", "skipped": "yellow"}
    for aspect in found.aspects:
        told = plural(len(aspect.problems), "problem") if aspect.problems else aspect.told
        print(f"  {paint(aspect.state.ljust(7), colours[aspect.state])}  {aspect.name:<12} {told}")
    if found.problems:
        print()
        show_problems(found.problems, sys.stdout)
    return 1 if found.problems else 0
