"""JUnit XML, which CI servers read: a testcase for each document, test, step of a run, and check of a step.

The attributes are those that Jenkins, GitLab, Azure and CircleCI agree on. A testcase has one failure, because most
of them show the first only; everything else is in its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from xml.etree import ElementTree as ET

from msgspec import Struct

from sqlflow.problem import Mark, Problem

from .against import option_words
from .model import Checked, Compared, Frame, Planned, Ran, Report, Tested
from .wording import plural

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Case(Struct):
    """One testcase. `outcome` is `failure`, `error` or `skipped`; empty: it passed."""

    group: str
    name: str
    seconds: float = 0.0
    mark: Mark | None = None
    outcome: str = ""
    kind: str = ""
    message: str = ""
    text: str = ""
    said: str = ""


def junit(report: Report, frame: Frame) -> str:
    """Return a report as JUnit XML."""
    if isinstance(report, Checked):
        name, cases, started = f"sqlflow {report.verb}", list(_documents(report)), None
    elif isinstance(report, Planned):
        name, cases, started = f"sqlflow plan: {report.data['pipeline']}", list(_planned(report)), None
    elif isinstance(report, Compared):
        name, cases, started = "sqlflow plan --against", list(_changes(report)), None
    elif isinstance(report, Tested):
        name, cases, started = "sqlflow test", list(_tests(report)), None
    else:
        name, cases, started = report.record["pipeline"], list(_steps(report)), report.record["started_at"]
    counts = {
        "tests": len(cases),
        "failures": sum(case.outcome == "failure" for case in cases),
        "errors": sum(case.outcome == "error" for case in cases),
        "skipped": sum(case.outcome == "skipped" for case in cases),
    }
    total = {key: str(value) for key, value in counts.items()} | {"time": f"{sum(c.seconds for c in cases):.3f}"}
    root = ET.Element("testsuites", {"name": "sqlflow", **total})
    suite = ET.SubElement(root, "testsuite", {"name": _clean(name), **total})
    if started:
        suite.set("timestamp", started.partition(".")[0].partition("+")[0])
    for case in cases:
        _write(suite, case, frame)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode")


def _documents(report: Checked) -> Iterable[_Case]:
    """Yield a case for each document, then one for what belongs to no document at all."""
    by_file: dict[str, list[Problem]] = {file: [] for file in report.files}
    for problem in report.problems:
        by_file.setdefault(problem.mark.file if problem.mark else "", []).append(problem)
    for file, problems in by_file.items():
        case = _Case(f"sqlflow.{report.verb}", file or "command line")
        errors = [problem for problem in problems if problem.severity == "error"]
        others = [problem for problem in problems if problem.severity != "error"]
        case.said = "\n".join(_told(problem) for problem in others)
        if errors:
            first = errors[0]
            more = f" (and {plural(len(errors) - 1, 'more problem')})" if len(errors) > 1 else ""
            case.outcome, case.kind, case.mark = "failure", first.code, first.mark
            case.message = f"{first}{more}"
            case.text = "\n\n".join(_told(problem) for problem in errors)
        yield case


def _tests(report: Tested) -> Iterable[_Case]:
    for test in report.cases:
        case = _Case(f"sqlflow.test.{test.mark.file}", test.name, test.milliseconds / 1000, test.mark)
        if test.text:
            case.outcome, case.text = "failure", test.text
            case.kind = test.problems[0].code if test.problems else "SF761"
            case.message = test.text.split("\n", 1)[0]
        yield case


def _changes(report: Compared) -> Iterable[_Case]:
    """Yield a case for each step that is other than it was, with what is lost by it."""
    for c in report.data["steps"]:
        mark = Mark(c["file"], c["line"], 1)
        lost = [
            e["message"] for e in report.data["effects"] if (e["pipeline"], e["step"]) == (c["pipeline"], c["step"])
        ]
        said = [f"{c['change']}", *(option_words(option) for option in c["options"]), *lost]
        yield _Case(c["pipeline"], c["step"], mark=mark, said="\n".join(said))


def _planned(report: Planned) -> Iterable[_Case]:
    notes = "\n".join(_told(problem) for problem in report.notes)
    for step in report.data["steps"]:
        case = _Case(report.data["pipeline"], step["id"], mark=report.places.get(step["id"]))
        case.said, notes = "\n".join([*step["effects"], *([notes] if notes else [])]), ""
        if step["reason"]:
            case.outcome, case.message = "skipped", step["reason"]
        yield case


def _steps(report: Ran) -> Iterable[_Case]:
    for step in report.record["steps"]:
        yield _step(step, report)
        for check in step["checks"]:
            yield _check(step, check, report)


def _step(step: Mapping[str, Any], report: Ran) -> _Case:
    case = _Case(report.record["pipeline"], step["id"], step["duration_ms"] / 1000, report.places.get(step["id"]))
    case.said = "\n".join(step["warnings"])
    if (error := step["error"]) is not None:
        case.outcome, case.kind = "failure", error.get("code") or "SF700"
        case.message = error["message"].split("\n", 1)[0]
        hint = [f"hint: {error['hint']}"] if error.get("hint") else []
        case.text = "\n".join(
            [f"{case.mark}: {case.kind} {error['message']}" if case.mark else error["message"], *hint]
        )
    elif step["status"] in ("skipped", "pending"):
        case.outcome, case.message = "skipped", step["reason"] or "not started"
    elif step["status"] == "cancelled":
        case.outcome, case.kind, case.message = "error", "cancelled", step["reason"] or "cancelled"
    return case


def _check(step: Mapping[str, Any], check: Mapping[str, Any], report: Ran) -> _Case:
    """Return a check as a case of its own; one that only warns does not fail it."""
    mark = report.check_places.get((step["id"], check["name"]))
    case = _Case(f"{report.record['pipeline']}.{step['id']}", check["name"], mark=mark)
    if not check["passed"]:
        told = f"{mark}: {check['message']}" if mark else check["message"]
        if check["severity"] == "error":
            case.outcome, case.kind, case.text = "failure", "SF701", told
            case.message = check["message"].split("\n", 1)[0]
        else:
            case.said = f"warning: {told}"
    return case


def _told(problem: Problem) -> str:
    return "\n".join([str(problem), *([f"hint: {problem.hint}"] if problem.hint else [])])


def _write(suite: ET.Element, case: _Case, frame: Frame) -> None:
    attributes = {"classname": case.group, "name": case.name, "time": f"{case.seconds:.3f}"}
    if case.mark is not None:
        attributes |= {"file": frame.path(case.mark.file), "line": str(case.mark.line)}
    element = ET.SubElement(suite, "testcase", {key: _clean(value) for key, value in attributes.items()})
    if case.outcome:
        inner = ET.SubElement(element, case.outcome, {"message": _clean(case.message)})
        if case.outcome != "skipped":
            inner.set("type", case.kind)
            inner.text = _clean(case.text)
    if case.said:
        ET.SubElement(element, "system-out").text = _clean(case.said)


def _clean(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)
