"""`sqlflow validate`."""

from __future__ import annotations

import glob
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from sqlflow.errors import exit_status
from sqlflow.problem import Problem

from .options import Format, FormatOption, ProfileOption, VarOption, variables

EXAMPLE = "Example: sqlflow validate specs/ --profile prod"


def run(
    specs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE|FOLDER|GLOB]...",
            help="Documents; by default those of the project.",
            show_default=False,
        ),
    ] = None,
    profile: ProfileOption = None,
    var: VarOption = None,
    state: Annotated[
        bool, typer.Option("--state", help="Look into the warehouse, read-only, for tables and recorded columns.")
    ] = False,
    with_functions: Annotated[
        bool, typer.Option("--with-functions", help="Import the project's functions, whose source is only read else.")
    ] = False,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Look at every document anew, and remember nothing of it.")
    ] = False,
    output: FormatOption = Format.text,
) -> int:
    """Tell every problem of every document, its SQL held against the columns that are known; nothing is run."""
    from .render import plural, show_problems
    from .reporting import tell

    files, problems = collect(specs or [])
    options = {"profile": profile, "vars": variables(var), "state": state, "with_functions": with_functions}
    found = _found(list(dict.fromkeys(files)), options, cached=not no_cache and not with_functions)
    problems = list(dict.fromkeys([*problems, *(problem for file in files for problem in found[file])]))
    errors = sum(p.severity == "error" for p in problems)
    unchecked = sum(p.severity == "unchecked" for p in problems)
    if output is not Format.text:
        tell("validate", tuple(str(f) for f in files), tuple(problems), output)
        return exit_status(problems)
    show_problems(problems, sys.stdout)
    checked = plural(len(files), "document")
    verdict = plural(errors, "problem") if errors else ("valid" if files else "nothing to validate")
    print(f"{checked}: {verdict}" + (f", {unchecked} unchecked" if unchecked else ""))
    return exit_status(problems)


def _found(files: list[Path], options: dict[str, Any], *, cached: bool) -> Mapping[Path, Sequence[Problem]]:
    """Return the problems of each document; only where one is not known from before, the whole house is opened."""
    from sqlflow.cache import Files, Known, Store, folder, known_answers

    place = folder() if cached else None
    store = Store(place / "validate") if place is not None else None
    looked = Files()
    known = known_answers(files, store, options, looked) if store is not None else Known({}, {})
    if len(known.answers) == len(files):
        return {path: answer.problems for path, answer in known.answers.items()}
    from sqlflow.pipeline import installed
    from sqlflow.validation import problems_of

    return problems_of(files, installed(), known, store, looked, **options)


def collect(names: list[str]) -> tuple[list[Path], list[Problem]]:
    """Return the documents that files, folders and patterns stand for, and a problem for each that stands for none."""
    from sqlflow.root import PROJECT_FILE

    if not names:
        from sqlflow.project import open_workspace

        workspace = open_workspace(Path.cwd())
        if workspace.document is not None and workspace.project is None:  # which documents there are is not known
            return [], list(workspace.document.diagnosis.problems)
        found = workspace.specs()
        problems: list[Problem] = list(workspace.problems)
        if not found and workspace.document is not None:
            problems += workspace.document.diagnosis.problems
        if not found and not problems:
            problems.append(
                Problem("SF101", "no documents here", None, "name a file or folder, or add specs: to sqlflow.yaml")
            )
        return [near(path) for path in found], problems
    files: list[Path] = []
    problems = []
    for name in names:
        path = Path(name)
        if path.is_dir():
            found = sorted(p for p in path.rglob("*.y*ml") if p.suffix in (".yaml", ".yml") and p.name != PROJECT_FILE)
        elif any(c in name for c in "*?[") and not path.exists():
            found = sorted(Path(p) for p in glob.glob(name, recursive=True))  # noqa: PTH207 - the pattern may be absolute
        else:
            found = [path]
        if not found:
            problems.append(
                Problem("SF101", f"no document matches {name}", None, "check the path; it starts at this folder")
            )
        files += found
    return list(dict.fromkeys(files)), problems


def near(path: Path) -> Path:
    """Return a path as it is written from here, where it lies below."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
