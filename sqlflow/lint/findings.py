"""Every finding of every rule, with its place and its level, but those that a comment silences with a reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from sqlflow.errors import PluginBroken
from sqlflow.plan import guarded
from sqlflow.problem import Mark, Problem, Severity, did_you_mean
from sqlflow.registry import Catalog
from sqlflow.sdk import MASK, Finding, LintLevel, LintRule, Redactor

from .footprint import Elsewhere, Footprint
from .suppression import Suppression, suppressions
from .view import Subject

_HOW = "write # sqlflow: ignore[SF801] and the reason"


OWN = "SF813"
"""Code of what the rules of a project find."""


def lint(
    subjects: Sequence[Subject],
    catalog: Catalog,
    levels: Mapping[str, LintLevel],
    own: Sequence[Problem] = (),
    beside: Iterable[Footprint] = (),
) -> list[Problem]:
    """Return what the rules find in documents that are looked at together, in the order of files and lines.

    `own` is what the project's own rules have found in them; comments silence it alike. `beside` is what
    other pipelines read and write.
    """
    rules = [rule() for rule in catalog.lint_rules() if levels.get(rule.name, rule.level) != "off"]
    known = {*catalog.names("lint rule"), OWN}
    found: list[Problem] = []
    elsewhere = Elsewhere([*(s.footprint for s in subjects if s.footprint is not None), *beside])
    for subject in subjects:
        found += _of(subject, rules, levels, known, catalog, elsewhere, own)
    texts = {source.file for subject in subjects for source in subject.sources}
    found += [problem for problem in own if problem.mark is None or problem.mark.file not in texts]
    found = Redactor.joined(s.plan.redactor for s in subjects if s.plan is not None).problems(found)
    return sorted(dict.fromkeys(found), key=lambda p: (p.mark is None, p.mark or 0, p.code, p.message))


def _of(
    subject: Subject,
    rules: Iterable[LintRule],
    levels: Mapping[str, LintLevel],
    known: set[str],
    catalog: Catalog,
    elsewhere: Elsewhere,
    own: Sequence[Problem],
) -> Iterator[Problem]:
    seen = subject.view(catalog, elsewhere)
    comments = [*suppressions(subject.document.source, subject.document.root)]
    comments += [comment for source in subject.sql_sources for comment in suppressions(source)]
    looked: set[str] = {OWN} if own else set()
    hidden: dict[tuple[str, int], list[str]] = {}
    found: list[Problem] = []
    for rule in rules:
        looked.add(rule.name)
        try:
            findings = guarded(rule, lambda rule=rule: list(rule.find(seen)), Finding)  # type: ignore[misc]
        except PluginBroken as error:
            yield Problem("SF601", f"lint rule {rule.name}: {error.message}", None, error.hint)
            continue
        for finding in findings:
            places = subject.places(finding)
            if finding.secret:
                hidden.setdefault((places[0].file, places[0].line), []).append(finding.secret)
            if not _silenced(rule.name, places, comments):
                level = levels.get(rule.name, rule.level)
                severity: Severity = "error" if level == "error" else "warning"
                found.append(Problem(rule.name, finding.message, places[0], finding.hint, severity))
    texts = {source.file for source in subject.sources}
    found += [p for p in own if p.mark and p.mark.file in texts and not _silenced(p.code, [p.mark], comments)]
    for comment in comments:
        found += _of_comment(comment, looked, known)
    for problem in found:
        secrets = hidden.get((problem.mark.file, problem.mark.line), ()) if problem.mark else ()
        yield _masked(problem, secrets) if secrets else problem


def _silenced(code: str, places: Sequence[Mark], comments: Sequence[Suppression]) -> bool:
    """Tell whether a comment silences a finding at one of its places, and note that it was needed."""
    silent = [
        c
        for c in comments
        if code in c.codes and c.reason and any((c.mark.file, c.line) == (p.file, p.line) for p in places)
    ]
    for comment in silent:
        comment.used.add(code)
    return bool(silent)


def _masked(problem: Problem, secrets: Sequence[str]) -> Problem:
    """Return a problem whose line does not show a secret; a line that holds it otherwise is not shown at all."""
    if problem.mark is None:
        return problem
    text = problem.mark.text
    for secret in secrets:
        text = text.replace(secret, MASK) if secret in text else ""
    return replace(problem, mark=replace(problem.mark, text=text))


def _of_comment(comment: Suppression, looked: set[str], known: set[str]) -> Iterator[Problem]:
    """Tell what is wrong with a comment: no codes, no reason, or nothing to silence."""
    if not comment.codes:
        yield Problem("SF810", "this comment names no rule", comment.mark, _HOW)
    elif not comment.reason:
        told = f"ignore[{', '.join(comment.codes)}] gives no reason"
        yield Problem("SF810", told, comment.mark, "say behind the bracket why it is right here")
    for code in comment.codes if comment.reason else ():
        if code not in known:
            hint = did_you_mean(code, known, noun="rule")
            yield Problem("SF812", f"unknown lint rule {code!r}", comment.mark, hint)
        elif code in looked and code not in comment.used:
            yield Problem("SF811", f"there is no {code} to ignore here", comment.mark, "remove it", "warning")
