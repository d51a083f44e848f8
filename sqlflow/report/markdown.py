"""Markdown for a comment on a pull request: a heading that sums up, a table, and the details folded away."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlflow.problem import Mark, Problem

from .against import option_words, sections
from .model import Checked, Compared, Frame, Planned, Ran, Report, problems_of, title
from .wording import duration, plural, rows, verdict

MOST = 50
"""Problems in the table; a comment has a longest size, and nobody reads more."""
_SIGNS = {"error": "❌", "warning": "⚠️", "unchecked": "ℹ️"}  # noqa: RUF001 - that is the sign
_STATES = {"succeeded": "✅", "failed": "❌", "skipped": "⏭️", "cancelled": "🛑"}
_SPECIAL = re.compile(r"([\\`*_\[\]|~#])")


def markdown(report: Report, frame: Frame) -> str:
    """Return a report as Markdown."""
    problems = problems_of(report)
    failed = any(problem.severity == "error" for problem in problems)
    sign = "❌" if failed else "⚠️" if any(p.severity == "warning" for p in problems) else "✅"
    parts = [f"### {sign} sqlflow {_text(verdict(report))}"]
    if isinstance(report, Planned):
        parts += _plan(report.data)
    if isinstance(report, Compared):
        return "\n\n".join([*parts, *_compared(report.data, frame)])
    if isinstance(report, Ran):
        parts.append(_run(report.record))
    if problems:
        rules = report.rules if isinstance(report, Checked) else {}
        head = [("", "where", "code", "what")]
        listed = [
            (_SIGNS[p.severity], _where(p.mark, frame), f"{p.code}", _text(p.message.partition("\n")[0]))
            for p in problems[:MOST]
        ]
        parts.append(_table(head + listed))
        if len(problems) > MOST:
            parts.append(f"and {plural(len(problems) - MOST, 'more')}")
        details = "\n\n".join(_detail(problem, title(problem.code, rules), frame) for problem in problems[:MOST])
        parts.append(f"<details><summary>Details</summary>\n\n{details}\n\n</details>")
    return "\n\n".join(parts)


def _plan(data: Mapping[str, Any]) -> Iterable[str]:
    head = [("step", "type", "reads", "writes", "mode", "action")]
    steps = [
        (
            _code(s["id"]),
            _text(s["type"]),
            ", ".join(map(_code, [*s["reads"], *s["inputs"]])),
            ", ".join(map(_code, [*s["writes"], *s["outputs"]])),
            s["mode"] or "",
            "run" if s["run"] else _text(f"skip: {s['reason']}") if s["reason"] else "decided at run time",
        )
        for s in data["steps"]
    ]
    yield _table(head + steps)
    if effects := [f"- {_code(s['id'])}: {_text(effect)}" for s in data["steps"] for effect in s["effects"]]:
        yield "**What is there now and will be changed**\n\n" + "\n".join(effects)
    if data["note"]:
        yield _text(data["note"])


def _compared(data: Mapping[str, Any], frame: Frame) -> Iterable[str]:
    if data["steps"]:
        signs = {"added": "🆕", "changed": "✏️", "removed": "🗑️"}
        lines = [("", "step", "where", "what")]
        for c in data["steps"]:
            what = "; ".join(_text(option_words(option)) for option in c["options"]) or c["change"]
            mark = Mark(c["file"], c["line"], 1)
            lines.append((signs[c["change"]], _code(c["step"]), _where(mark, frame), what))
        yield _table(lines)
    for heading, told in sections(data):
        title = heading[0].upper() + heading[1:]
        listed = "\n".join(f"- {_text(line)}" for line in told)
        if heading.startswith("`"):
            yield f"<details><summary>{_text(title.replace('`', ''))}</summary>\n\n{listed}\n\n</details>"
        else:
            yield f"**{_text(title)}**\n\n{listed}"


def _run(record: Mapping[str, Any]) -> str:
    head = [("", "step", "type", "rows", "checks", "time", "")]
    steps = []
    for step in record["steps"]:
        passed = sum(check["passed"] for check in step["checks"])
        steps.append((
            _STATES.get(step["status"], ""), _code(step["id"]), _text(step["type"]), rows(step),
            f"{passed} of {len(step['checks'])}" if step["checks"] else "", duration(step["duration_ms"]),
            _text(step["reason"] or ""),
        ))  # fmt: skip
    return _table(head + steps)


def _detail(problem: Problem, meaning: str, frame: Frame) -> str:
    lines = [f"**{problem.code}** {_text(meaning)}: {_where(problem.mark, frame)}", "", _fenced(_excerpt(problem))]
    if problem.hint:
        lines += ["", f"hint: {_text(problem.hint)}" if "\n" not in problem.hint else f"hint:\n{_fenced(problem.hint)}"]
    lines += ["", *(f"also at {_where(mark, frame)}" for mark in problem.related)] if problem.related else []
    return "\n".join(lines)


def _excerpt(problem: Problem) -> str:
    if problem.mark is None or not problem.mark.text.strip():
        return problem.message
    text, column = problem.mark.text.expandtabs(1), problem.mark.column
    return f"{text}\n{' ' * (column - 1)}{'^' * problem.mark.width}\n{problem.message}"


def _where(mark: Mark | None, frame: Frame) -> str:
    if mark is None:
        return ""
    place = _code(f"{frame.path(mark.file)}:{mark.line}:{mark.column}")
    link = frame.link(mark)
    return f"[{place}]({link})" if link else place


def _table(lines: Sequence[tuple[str, ...]]) -> str:
    head, *rest = lines
    return "\n".join(["| " + " | ".join(row) + " |" for row in [head, ("---",) * len(head), *rest]])


def _text(text: str) -> str:
    """Return a text of which nothing is markup, on one line."""
    plain = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", plain).replace("@", "&#64;")


def _code(text: str) -> str:
    """Return a name as code; what cannot stand in a cell of a table is escaped."""
    plain = " ".join(text.split())
    if "`" in plain:
        return _text(plain)
    return "`" + plain.replace("|", "\\|") + "`"


def _fenced(text: str) -> str:
    longest = max((len(found) for found in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
