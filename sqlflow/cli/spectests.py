"""`sqlflow test`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Format, FormatOption, ProfileOption

if TYPE_CHECKING:
    from sqlflow.compile import Table
    from sqlflow.plan import Plan
    from sqlflow.registry import Catalog
    from sqlflow.spectest import DeclaredTest, Outcome

EXAMPLE = "Example: sqlflow test specs/orders.yaml --select 'late*'"


def run(
    specs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE|FOLDER|GLOB]...", help="Documents; by default those of the project.",
                       show_default=False),
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option("--select", "-s", help="Only tests of these names; * stands for anything.", show_default=False),
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Write the rows that come into tests that do not say what they expect.")
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help="Tests that run at once; by default as many as there are cores.",
                     show_default=False),
    ] = None,
    profile: ProfileOption = None,
    output: FormatOption = Format.text,
) -> int:  # fmt: skip
    """Run the tests that stand in documents, in memory, on the rows that they give."""
    from sqlflow.errors import DocumentError, exit_status
    from sqlflow.pipeline import installed
    from sqlflow.problem import Problem
    from sqlflow.report import Case, Tested
    from sqlflow.spectest import declared_tests, run_tests, write_records

    from .render import plural, show_json
    from .reporting import show_report, tell
    from .validate import collect

    files, problems = collect(specs or [])
    found = []
    for path in files:
        try:
            found += declared_tests(path)
        except DocumentError as error:
            problems += error.problems
    if problems and output is not Format.text:
        tell("test", tuple(map(str, files)), tuple(problems), output)
        return exit_status(problems)
    if problems:
        raise DocumentError(problems)
    chosen = [declared for declared in found if _wanted(declared.test.name, select)]
    if select and not chosen:
        hint = "tests here: " + (", ".join(declared.test.name for declared in found) or "none")
        raise DocumentError([Problem("SF411", f"no test is called {', '.join(select)}", None, hint)])
    catalog = installed()
    outcomes = list(run_tests(chosen, catalog, profile, jobs=jobs, record=record, around=_around(catalog, profile)))
    write_records(zip(chosen, outcomes, strict=True))
    failed = sum(not outcome.passed for outcome in outcomes)
    if output is Format.json:
        show_json([_data(declared, outcome) for declared, outcome in zip(chosen, outcomes, strict=True)])
        return 1 if failed else 0
    if output is not Format.text:
        told = ["\n".join(_told(outcome)) for outcome in outcomes]
        cases = [
            Case(o.name, one.mark, text, o.duration_ms, o.place, o.problems)
            for o, one, text in zip(outcomes, chosen, told, strict=True)
        ]
        show_report(Tested(tuple(cases)), output)
        return 1 if failed else 0
    for declared, outcome in zip(chosen, outcomes, strict=True):
        print(f"{'ok  ' if outcome.passed else 'FAIL'}  {declared.file}:{declared.mark.line}  {outcome.name}")
        for line in _told(outcome):
            print(f"      {line}")
        for name, rows in outcome.recorded.items():
            print(f"      {name}: {plural(len(rows), 'row')} written under expect")
    if not chosen:
        print("no tests: write some under `tests:` in a document", file=sys.stderr)
    print(f"{plural(len(outcomes), 'test')}: " + (f"{failed} failed" if failed else "passed"))
    return 1 if failed else 0


def _around(catalog: Catalog, profile: str | None) -> Callable[[Plan], Mapping[str, Table]]:
    """Return what gives the tables that the other documents of a project make, which are held when first needed."""
    from pathlib import Path
    from threading import Lock

    from sqlflow.project import open_workspace
    from sqlflow.validation import Around, hold_all, needs

    lock = Lock()
    known: dict[Path, Around] = {}

    def tables(plan: Plan) -> Mapping[str, Table]:
        workspace, needed = open_workspace(plan.path), needs(plan)
        if workspace.project is None or not needed:
            return {}
        with lock:
            if workspace.folder not in known:
                known[workspace.folder] = around = Around({})
                for held in hold_all(workspace.specs(), catalog, profile=profile, tests=False):
                    around.add(held.path, held.warehouse, held.made)
        return known[workspace.folder].of(plan.location.path, needed)

    return tables


def _wanted(name: str, select: list[str] | None) -> bool:
    from fnmatch import fnmatchcase

    return not select or any(fnmatchcase(name, pattern) for pattern in select)


def _told(outcome: Outcome) -> Iterator[str]:
    from .rowdiff import told_rows

    yield from outcome.problem.splitlines()
    for difference in outcome.differences:
        yield from told_rows(difference)


def _data(declared: DeclaredTest, outcome: Outcome) -> dict[str, Any]:
    from .render import problem_data

    differences = [
        {
            "name": d.name,
            "note": d.note,
            "missing": [_plain(row) for row in d.missing],
            "unexpected": [_plain(row) for row in d.unexpected],
            "changed": [{"expected": _plain(one), "found": _plain(two)} for one, two in d.changed],
        }
        for d in outcome.differences
    ]
    return {
        "file": str(declared.file),
        "line": declared.mark.line,
        "column": declared.mark.column,
        "name": outcome.name,
        "passed": outcome.passed,
        "problem": outcome.problem,
        "problems": [problem_data(problem) for problem in outcome.problems],
        "differences": differences,
        "recorded": {name: len(rows) for name, rows in outcome.recorded.items()},
        "duration_ms": round(outcome.duration_ms, 1),
    }


def _plain(row: Any) -> dict[str, Any]:
    return {name: v if isinstance(v, (str, int, float, bool, type(None))) else str(v) for name, v in row.items()}
