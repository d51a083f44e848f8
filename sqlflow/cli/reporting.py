"""Telling what was found in the format that was asked for, as it is read from the root of the repository."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sqlflow.errors import DocumentError, SQLFlowError, exit_status
from sqlflow.problem import Mark, Problem

from .options import Format

if TYPE_CHECKING:
    from sqlflow.codes import Explanation
    from sqlflow.plan import Plan
    from sqlflow.report import Frame, Report


def frame() -> Frame:
    """Say where the reports of this process are read: the repository it stands in, and its place on the web."""
    from sqlflow.report import Frame
    from sqlflow.version import __version__

    here = Path.cwd()
    root = next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here)
    parts = [os.environ.get(name) for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_SHA")]
    server, repository, revision = parts
    web = f"{server}/{repository}/blob/{revision}" if all(parts) else None
    return Frame(here.relative_to(root).as_posix(), web, __version__)


def show_report(report: Report, form: Format) -> None:
    """Print a report; it is UTF-8 whatever the terminal is."""
    from sqlflow.report import FORMATS

    text = FORMATS[form.value](report, frame())
    sys.stdout.flush()
    sys.stdout.buffer.write(f"{text}\n".encode()) if hasattr(sys.stdout, "buffer") else print(text)


def reported(verb: str, file: Path, form: Format, work: Callable[[], int]) -> int:
    """Do the work of a verb on one document; where it cannot be done, a machine is told so in its own format."""
    if form is Format.text:
        return work()
    try:
        return work()
    except SQLFlowError as error:
        if isinstance(error, DocumentError):
            problems, status = error.problems, exit_status(error.problems)
        else:
            problems = (Problem(error.code or "SF700", error.message, Mark(str(file), 1, 1), error.hint),)
            status = error.exit_code
        tell(verb, (str(file),), problems, form)
        return status


def tell(
    verb: str,
    files: tuple[str, ...],
    problems: tuple[Problem, ...],
    form: Format,
    rules: Mapping[str, Explanation] | None = None,
) -> None:
    """Tell the problems of documents to a machine; `rules` says what codes mean that are not SQLFlow's own."""
    from sqlflow.report import Checked

    from .render import problem_data, show_json

    if form is Format.json:
        show_json({"files": list(files), "problems": [problem_data(problem) for problem in problems]})
    else:
        show_report(Checked(verb, files, problems, rules or {}), form)


def places(plan: Plan) -> tuple[dict[str, Mark], dict[tuple[str, str], Mark]]:
    """Return where the steps of a plan stand, and their checks by step and name."""
    checks = {
        (step.id, check.name): mark
        for step in plan.steps
        for check, mark in zip(step.given.checks, step.check_marks, strict=True)
    }
    return {step.id: step.mark for step in plan.steps}, checks
