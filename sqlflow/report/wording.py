"""Words that several formats share: how a report sums up, how much and how long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from .against import against_line
from .model import Checked, Compared, Planned, Report, Tested


def verdict(report: Report) -> str:
    """Say in one line how it stands."""
    if isinstance(report, Checked):
        counts = Counter(problem.severity for problem in report.problems)
        told = [plural(counts["error"], "problem")] if counts["error"] else []
        told += [plural(counts["warning"], "warning")] if counts["warning"] else []
        told += [f"{counts['unchecked']} unchecked"] if counts["unchecked"] else []
        if not counts["error"]:
            told.insert(0, "valid" if report.verb == "validate" else "no problems")
        return f"{report.verb}: {plural(len(report.files), 'document')}: {', '.join(told)}"
    if isinstance(report, Compared):
        return f"plan {against_line(report.data)}"
    if isinstance(report, Planned):
        profile = f", profile {report.data['profile']}" if report.data["profile"] else ""
        return f"{report.data['pipeline']}: {plural(len(report.data['steps']), 'step')}{profile}"
    if isinstance(report, Tested):
        failed = sum(bool(case.text) for case in report.cases)
        return f"test: {plural(len(report.cases), 'test')}: " + (f"{failed} failed" if failed else "passed")
    record = report.record
    states = Counter(step["status"] for step in record["steps"])
    told = [f"{count} {state}" for state, count in states.items()]
    return f"{record['pipeline']}: {record['status']} in {duration(record['duration_ms'])}: {', '.join(told)}"


def plural(count: int, noun: str) -> str:
    """Say how many there are of something."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def duration(milliseconds: float) -> str:
    """Say how long something took."""
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"  # noqa: PLR2004


def rows(step: Mapping[str, Any]) -> str:
    """Say what became of rows, in a few words."""
    counts = step["rows"]
    names = ("inserted", "updated", "deleted", "quarantined")
    return ", ".join(f"{counts[name]:,} {name}" for name in names if counts.get(name))
