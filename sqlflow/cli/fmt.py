"""`sqlflow fmt`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example: sqlflow fmt specs/ --check --diff"


def run(
    specs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE|FOLDER|GLOB]...",
            help="Documents; by default those of the project, and its project file.",
            show_default=False,
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit with 1 if something would.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show what would change, and change nothing.")] = False,
) -> int:
    """Bring documents into their canonical layout; what they mean stays."""
    from sqlflow.errors import exit_status
    from sqlflow.layout import formatted
    from sqlflow.pipeline import installed
    from sqlflow.project import display
    from sqlflow.spec import CannotLayOut, read_source

    from .render import plural, show_problems
    from .validate import collect

    files, problems = collect(specs or [])
    files += [] if specs else _project_file()
    catalog = installed()
    changed = 0
    for file in files:
        source, unread = read_source(file, display(file))
        problems += unread
        if source is None:
            continue
        try:
            text = formatted(source, catalog)
        except CannotLayOut as reason:
            print(f"{source.file}: left as it is: {reason}", file=sys.stderr)
            continue
        held = file.read_bytes()
        written = text.encode()
        if held.partition(b"\n")[0].endswith(b"\r"):  # lines end as they did: git may have made them so
            written = written.replace(b"\n", b"\r\n")
        if written == held:
            continue
        changed += 1
        if diff:
            _show_diff(source.text, text, source.file)
        else:
            print(f"{'would change' if check else 'changed'} {source.file}")
        if not (check or diff):
            file.write_bytes(written)
    show_problems(problems, sys.stdout)
    verb = "would change" if check or diff else "changed"
    print(f"{plural(len(files), 'document')}: {f'{changed} {verb}' if changed else 'nothing to change'}")
    return exit_status(problems) or int(bool(changed) and (check or diff))


def _project_file() -> list[Path]:
    from sqlflow.project import open_workspace

    document = open_workspace(Path.cwd()).document
    return [document.path] if document is not None else []


def _show_diff(before: str, after: str, file: str) -> None:
    from difflib import unified_diff

    from .render import paint

    colours = {"+": "green", "-": "red", "@": "blue"}
    for line in unified_diff(before.splitlines(), after.splitlines(), file, f"{file} (formatted)", lineterm=""):
        print(paint(line, colours[line[0]]) if line[:1] in colours else line)
