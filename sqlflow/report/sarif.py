"""SARIF 2.1.0, which code scanning reads: one run of the tool, its rules, and a result for each problem."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlflow.codes import Explanation
from sqlflow.problem import Mark, Problem

from .model import Checked, Frame, Ran, Report, Tested, meaning, problems_of

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {"error": "error", "warning": "warning", "unchecked": "note"}
_LINE = re.compile(r"\bline \d+|:\d+:\d+")


def sarif(report: Report, frame: Frame) -> str:
    """Return a report as a SARIF log. Warnings are warnings there, and what could not be checked is a note."""
    problems = problems_of(report)
    rules = report.rules if isinstance(report, Checked) else {}
    codes = sorted({problem.code for problem in problems})
    seen: Counter[str] = Counter()
    run = {
        "tool": {
            "driver": {
                "name": "SQLFlow",
                "semanticVersion": _semantic(frame.version),
                "version": frame.version,
                "rules": [_rule(code, rules) for code in codes],
            }
        },
        "automationDetails": {"id": f"sqlflow/{_verb(report)}/"},
        "columnKind": "unicodeCodePoints",
        "results": [_result(p, codes.index(p.code), frame, seen, _nowhere(report)) for p in problems],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _verb(report: Report) -> str:
    if isinstance(report, Checked):
        return report.verb
    return "run" if isinstance(report, Ran) else "test" if isinstance(report, Tested) else "plan"


def _nowhere(report: Report) -> str:
    """Return the file that stands for problems without a place: code scanning takes no result without one."""
    return report.files[0] if isinstance(report, Checked) and report.files else "sqlflow.yaml"


def _semantic(version: str) -> str:
    """Return a version as semantic versioning writes it: `0.1.0.dev3` is `0.1.0-dev3`."""
    found = re.match(r"(\d+\.\d+\.\d+)[.-]?(.*)", version)
    return "-".join(part for part in found.groups() if part) if found else "0.0.0"


def _rule(code: str, rules: Mapping[str, Explanation]) -> dict[str, Any]:
    told = meaning(code, rules)
    if told is None:
        return {"id": code, "shortDescription": {"text": code}}
    help_text = f"{told.cause}\n\nExample:\n\n{told.example.strip()}\n\n{told.remedy}"
    help_markdown = f"{told.cause}\n\n```\n{told.example.strip()}\n```\n\n{told.remedy}"
    return {
        "id": code,
        "name": "".join(word.capitalize() for word in re.findall(r"\w+", told.title)),
        "shortDescription": {"text": told.title},
        "fullDescription": {"text": told.cause},
        "help": {"text": help_text, "markdown": help_markdown},
        "properties": {"tags": ["sqlflow"]},
    }


def _result(problem: Problem, rule: int, frame: Frame, seen: Counter[str], nowhere: str) -> dict[str, Any]:
    text = f"{problem.message}\n{problem.hint}" if problem.hint else problem.message
    result: dict[str, Any] = {
        "ruleId": problem.code,
        "ruleIndex": rule,
        "level": LEVELS[problem.severity],
        "message": {"text": text},
    }
    result["locations"] = [_location(problem.mark or Mark(nowhere, 1, 1), frame)]
    if problem.related:
        result["relatedLocations"] = [
            {"id": number, **_location(mark, frame), "message": {"text": "part of the same problem"}}
            for number, mark in enumerate(problem.related, 1)
        ]
    print_ = _fingerprint(problem, frame)
    seen[print_] += 1
    result["partialFingerprints"] = {"sqlflowProblem/v1": f"{print_}:{seen[print_]}"}
    return result


def _location(mark: Mark, frame: Frame) -> dict[str, Any]:
    uri = frame.uri(mark.file)
    inside = not uri.startswith(("file:", ".."))
    region: dict[str, Any] = {
        "startLine": mark.line,
        "startColumn": mark.column,
        "endLine": mark.line,
        "endColumn": mark.column + mark.width,
    }
    if mark.text.strip():
        region["snippet"] = {"text": mark.text}
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": uri, **({"uriBaseId": "%SRCROOT%"} if inside else {})},
            "region": region,
        }
    }


def _fingerprint(problem: Problem, frame: Frame) -> str:
    """Return what stays the same of a problem when lines above it come and go."""
    where = (frame.path(problem.mark.file), " ".join(problem.mark.text.split())) if problem.mark else ()
    told = _LINE.sub("line", problem.message)
    return hashlib.sha256("\0".join((problem.code, told, *where)).encode()).hexdigest()[:16]
