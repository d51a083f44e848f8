"""What there is to report: the problems of documents, a plan, a run. Values, ready to be told in any format.

Everything in here has been freed of secrets by whoever hands it over. Knows no verb, no terminal and no file.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from msgspec import Struct, field

from sqlflow.codes import Explanation, explain
from sqlflow.problem import Mark, Problem


class Checked(Struct, frozen=True):
    """What was found in documents, by a verb such as `validate` or `lint`."""

    verb: str
    files: tuple[str, ...]
    problems: tuple[Problem, ...]
    rules: Mapping[str, Explanation] = field(default_factory=dict)
    """What codes mean that are not SQLFlow's own."""


class Planned(Struct, frozen=True):
    """What a run would do: the data of `plan --output json`, and where its steps stand."""

    data: Mapping[str, Any]
    notes: tuple[Problem, ...] = ()
    places: Mapping[str, Mark] = field(default_factory=dict)


class Compared(Struct, frozen=True):
    """What a change does: the data of `plan --against --output json`, and what is lost by it as warnings."""

    data: Mapping[str, Any]
    notes: tuple[Problem, ...] = ()


class Ran(Struct, frozen=True):
    """What became of a run: the data of `run.json`, and where its steps and their checks stand."""

    record: Mapping[str, Any]
    notes: tuple[Problem, ...] = ()
    places: Mapping[str, Mark] = field(default_factory=dict)
    check_places: Mapping[tuple[str, str], Mark] = field(default_factory=dict)
    """By the step's id and the check's name."""


class Case(Struct, frozen=True):
    """What came of one test of a document; `text` says how it failed, empty when it passed.

    `place` is where it failed. `problems` are why it could not run.
    """

    name: str
    mark: Mark
    text: str
    milliseconds: float
    place: Mark | None = None
    problems: tuple[Problem, ...] = ()


class Tested(Struct, frozen=True):
    """What came of the tests that stand in documents."""

    cases: tuple[Case, ...]


Report = Checked | Planned | Compared | Ran | Tested


class Frame(Struct, frozen=True):
    """Where a report is read: the folder it was made in, within the repository, and the address of that repository."""

    prefix: str = ""
    """From the root of the repository to the folder that the files of a report start at, with slashes."""
    web: str | None = None
    """Address of the files of this revision, such as `https://github.com/me/shop/blob/1f2e3d`."""
    version: str = ""

    def path(self, file: str) -> str:
        """Return a file as it is named from the root of the repository."""
        plain = PurePath(file).as_posix()
        return plain if posixpath.isabs(plain) else posixpath.normpath(posixpath.join(self.prefix, plain))

    def uri(self, file: str) -> str:
        """Return a file as a URI: relative to the root of the repository, unless it is somewhere else."""
        path = self.path(file)
        return ("file://" if path.startswith("/") else "") + quote(path, safe="/~!$&'()*+,;=@")

    def link(self, mark: Mark) -> str | None:
        """Return the address of a line, where the repository has one."""
        path = self.path(mark.file)
        if self.web is None or path.startswith(("/", "..")):
            return None
        return f"{self.web}/{quote(path)}#L{mark.line}"


def title(code: str, rules: Mapping[str, Explanation]) -> str:
    """Return what a code means in a few words, or the code where nobody explains it."""
    found = meaning(code, rules)
    return found.title if found else code


def meaning(code: str, rules: Mapping[str, Explanation]) -> Explanation | None:
    """Return the explanation of a code, SQLFlow's own or a plugin's."""
    return rules.get(code) or explain(code)


def problems_of(report: Report) -> tuple[Problem, ...]:
    """Return everything of a report that has a code, as problems with their places."""
    if isinstance(report, Checked):
        return report.problems
    if isinstance(report, (Planned, Compared)):
        return report.notes
    if isinstance(report, Tested):
        return tuple(dict.fromkeys(problem for case in report.cases for problem in _of_case(case)))
    return (*report.notes, *(found for step in report.record["steps"] for found in _of_step(step, report)))


def _of_case(case: Case) -> Sequence[Problem]:
    if case.problems or not case.text:
        return case.problems
    return [Problem("SF761", f"test {case.name!r} failed: {case.text}", case.place or case.mark)]


def _of_step(step: Mapping[str, Any], report: Ran) -> Sequence[Problem]:
    """Return what went wrong in a step: its error, checks that only warn, and its warnings."""
    mark = report.places.get(step["id"])
    found = []
    if (error := step.get("error")) is not None:
        told = f"step {step['id']!r} failed: {error['message']}"
        failed = [c for c in step["checks"] if not c["passed"] and c["severity"] == "error"]
        if len(failed) == 1:
            mark = report.check_places.get((step["id"], failed[0]["name"]), mark)
        found.append(Problem(error.get("code") or "SF700", told, mark, error.get("hint")))
    told_of_checks = set()
    for check in step["checks"]:
        if not check["passed"] and check["severity"] != "error":
            place = report.check_places.get((step["id"], check["name"]), mark)
            told = f"step {step['id']!r}: check {check['name']} failed: {check['message']}"
            found.append(Problem("SF701", told, place, None, "warning"))
            told_of_checks.add(check["name"])
    found += [
        Problem("SF700", f"step {step['id']!r}: {warning}", mark, None, "warning")
        for warning in step["warnings"]
        if not any(warning.startswith(f"check {name} ") for name in told_of_checks)
    ]
    return found
