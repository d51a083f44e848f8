"""GitHub's workflow commands: each problem as an annotation at its line, and a last line that sums up."""

from __future__ import annotations

from sqlflow.problem import Problem

from .model import Checked, Frame, Report, problems_of, title
from .wording import verdict

_LEVELS = {"error": "error", "warning": "warning", "unchecked": "notice"}


def github(report: Report, frame: Frame) -> str:
    """Return a report as workflow commands."""
    rules = report.rules if isinstance(report, Checked) else {}
    lines = [_command(problem, title(problem.code, rules), frame) for problem in problems_of(report)]
    return "\n".join([*lines, _harmless(verdict(report))])


def _command(problem: Problem, meaning: str, frame: Frame) -> str:
    mark = problem.mark
    named = {}
    if mark is not None:
        end = mark.column + mark.width - 1  # this one is inclusive
        named = {"file": frame.path(mark.file), "line": mark.line, "endLine": mark.line, "col": mark.column,
                 "endColumn": end}  # fmt: skip
    named["title"] = problem.code if meaning == problem.code else f"{problem.code} {meaning}"
    options = ",".join(f"{name}={_property(str(value))}" for name, value in named.items())
    told = [problem.message, *([f"hint: {problem.hint}"] if problem.hint else ())]
    told += [f"also at {other}" for other in problem.related]
    return f"::{_LEVELS[problem.severity]} {options}::{_data(chr(10).join(told))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _harmless(line: str) -> str:
    """Return a line that cannot be taken for a command."""
    return line.replace("::", ": :").replace("##[", "## [").replace("\n", " ")
