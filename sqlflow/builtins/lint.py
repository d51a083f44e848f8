"""The lint rules in the box, by their codes; `sqlflow explain CODE` says what each means and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlflow.sdk import (
    DocumentPath,
    Finding,
    LintPipeline,
    LintRule,
    LintStep,
    Role,
    did_you_mean,
    fold_name,
    hookimpl,
    split_name,
)


class UnusedVariable(LintRule):
    """A variable that nothing uses."""

    name = "SF801"
    title = "Unused variable"

    def find(self, pipeline: LintPipeline) -> Iterable[Finding]:
        """Find variables that the document declares and does not use, and values of profiles for what nobody declares.

        Those of a project file count as used where any of its pipelines uses them.
        """
        elsewhere = pipeline.declared_elsewhere
        for variable in sorted(pipeline.variables - pipeline.used_variables - (elsewhere or frozenset())):
            yield Finding(f"variable {variable!r} is used nowhere", ("vars", variable), "use it, or remove it")
        if elsewhere is None:
            return
        declared, profiles = pipeline.variables | elsewhere, pipeline.document.get("profiles")
        for profile, settings in profiles.items() if isinstance(profiles, dict) else ():
            given = settings.get("vars") if isinstance(settings, dict) else None
            for variable in sorted(given.keys() - declared) if isinstance(given, dict) else ():
                told = f"profile {profile!r} gives {variable!r} a value, and no document declares it"
                hint = did_you_mean(variable, declared, noun="variable")
                yield Finding(told, ("profiles", profile, "vars", variable), hint)


class UnusedConnection(LintRule):
    """A connection that no step uses."""

    name = "SF802"
    title = "Unused connection"

    def find(self, pipeline: LintPipeline) -> Iterable[Finding]:
        """Find connections that the document declares and does not use."""
        for connection in sorted(pipeline.connections - pipeline.used_connections):
            told = f"no step uses connection {connection!r}"
            yield Finding(told, ("connections", connection), "use it, or remove it")


class UnusedStep(LintRule):
    """A step that writes a table of an inner layer, which nobody reads."""

    name = "SF803"
    title = "Output that nobody reads"

    def find(self, pipeline: LintPipeline) -> Iterable[Finding]:
        """Find steps whose tables stand beside tables that are read, or are loaded, and are not read themselves."""
        read = pipeline.read_elsewhere.union(*(step.reads - step.writes for step in pipeline.steps))
        inner = {schema for table in read if (schema := _schema(table))}
        for step in pipeline.steps:
            if not step.writes or step.writes & read or step.plan.outputs:
                continue
            loaded = step.has(Role.SOURCE) and read
            if loaded or any(_schema(table) in inner for table in step.writes):
                told = f"step {step.id!r} writes {', '.join(sorted(step.plan.writes))}, which no step reads"
                hint = "read it, remove the step, or write what is a result into a schema of its own"
                yield Finding(told, step.path, hint)


def _schema(table: str) -> str | None:
    parts = split_name(table)
    return parts[-2] if len(parts) > 1 else None


class WrittenTwice(LintRule):
    """What a pipeline writes anew in every run, and another one writes, too: each takes the other's rows away."""

    name = "SF815"
    title = "Written by two pipelines"

    def find(self, pipeline: LintPipeline) -> Iterable[Finding]:
        """Find tables and files that a step replaces and another pipeline writes."""
        for step in pipeline.steps:
            if step.plan.mode != "replace" and not step.plan.makes_view:
                continue
            for written in sorted({*step.writes, *step.plan.outputs} & pipeline.also_written.keys()):
                told = f"step {step.id!r} replaces {written}, which {pipeline.also_written[written]} writes, too"
                hint = "write another target, or let both of them add with append or merge"
                yield Finding(told, (*step.path, "target"), hint)


class StarIntoExport(LintRule):
    """`select *` decides which columns leave the warehouse without anybody having written them."""

    name = "SF804"
    title = "select * into an export"

    def find(self, pipeline: LintPipeline) -> Iterable[Finding]:
        """Find stars in queries whose rows go out."""
        for step in pipeline.steps:
            if step.has(Role.DESTINATION):
                for spot in step.stars:
                    told = f"step {step.id!r} exports select *, whatever columns there are"
                    yield Finding(told, step.path, "name the columns", spot)


class BlindAppend(LintRule):
    """Rows that are appended without a key and without a cursor come again with every run."""

    name = "SF805"
    title = "Append without key and cursor"

    def find(self, pipeline: LintPipeline) -> Iterable[Finding]:
        """Find appends that cannot tell which rows are there already."""
        for step in pipeline.steps:
            if step.plan.mode == "append" and step.writes and not step.plan.repeatable and not step.plan.remembers:
                told = f"step {step.id!r} appends with neither key nor cursor: what comes twice is there twice"
                yield Finding(told, (*step.path, "mode"), "add key: or cursor:, or read incremental: new_files")


class UncheckedKey(LintRule):
    """A key that rows are merged by, and that no check holds to be one."""

    name = "SF806"
    title = "Merge key without a check"

    def find(self, pipeline: LintPipeline) -> Iterable[Finding]:
        """Find merges whose key has no `unique` check on the target."""
        for step in pipeline.steps:
            key: Sequence[str] = getattr(step.given.config, "key", None) or ()
            if step.plan.mode != "merge" or not key or not step.writes:
                continue
            wanted = {column.lower() for column in key}
            if not any(wanted >= columns for columns in _unique(pipeline.steps, step)):
                shown = ", ".join(key)
                told = f"step {step.id!r} merges by {shown}, and no check says that it is unique"
                yield Finding(told, (*step.path, "key"), f"add checks: [unique: [{shown}]]")


def _unique(steps: Iterable[LintStep], merging: LintStep) -> Iterator[set[str]]:
    """Yield the columns that checks on a step's table hold to be unique."""
    for step in steps:
        table = getattr(step.given.config, "table", None)
        if step.writes & merging.writes or (table and fold_name(table) in merging.writes):
            for check in step.given.checks:
                if check.kind.name == "unique" and check.where is None:
                    yield {column.lower() for column in getattr(check.config, "columns", ())}


class MoodySql(LintRule):
    """SQL of an incremental step that gives other rows when it runs again."""

    name = "SF807"
    title = "Non-deterministic SQL in an incremental step"

    def find(self, pipeline: LintPipeline) -> Iterable[Finding]:
        """Find calls that give another value each time, in steps that add to what they wrote before."""
        for step in pipeline.steps:
            if step.plan.incremental or step.plan.remembers or step.has(Role.STATEMENTS):
                for spot in step.volatile:
                    told = f"step {step.id!r} adds to its target, and {spot.word} gives another value in every run"
                    hint = "take the time from the data, or from a variable: vars: {now: '${run:started_at}'}"
                    yield Finding(told, step.path, hint, spot)


class CommaJoin(LintRule):
    """Two tables after a comma, with nothing that ties them: every row meets every row."""

    name = "SF808"
    title = "Implicit cross join"

    def find(self, pipeline: LintPipeline) -> Iterable[Finding]:
        """Find tables that are joined by a comma alone."""
        for step in pipeline.steps:
            for spot in step.crossings:
                told = f"step {step.id!r} joins {spot.word} with every row of the tables before it"
                yield Finding(told, step.path, "write the condition in JOIN ... ON, or CROSS JOIN if it is meant", spot)


class PlainSecret(LintRule):
    """A secret that stands in the document is known to everybody who can read the repository, now and later."""

    name = "SF809"
    title = "Secret in plain text"
    level = "error"

    def find(self, pipeline: LintPipeline) -> Iterable[Finding]:
        """Find values of secret options, and texts that look like a password, a key or a token."""
        for path, value in _texts(pipeline.document, ()):
            found = _secret(path, value, path in pipeline.secret_fields)
            if found is not None:
                hint = "write ${secret:env/NAME} or ${env:NAME}, and give the secret another value"
                yield Finding(f"{found[0]} stands here in plain text", path, hint, secret=found[1])


_NAMES = re.compile(
    r"(^|_)(password|passwd|pwd|secret|token|api_?key|private_key|access_key|secret_key|access_token|auth_token)$",
    re.IGNORECASE,
)
_LOOKS = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"), "a private key"),
    (re.compile(r"\b[a-z][a-z0-9+.-]*://[^/\s:@$]*:(?!\$)[^@/\s]+@"), "a password in a URL"),
    (re.compile(r"\bpassword\s*=\s*(?!\$)[^\s$;]+", re.IGNORECASE), "a password in a connection string"),
    (re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"), "an access key of AWS"),
    (re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bgithub_pat_\w{22,}\b"), "a token of GitHub"),
    (re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}\b"), "a token of Slack"),
    (re.compile(r"\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}"), "a signed token"),
)
_HOLDERS = frozenset({"vars", "connections", "profiles", "steps", "defaults"})
_ELSE = frozenset({"sql", "expression", "when", "where", "description", "type", "columns", "key", "checks", "for_each"})


def _secret(path: DocumentPath, value: str, declared: bool) -> tuple[str, str] | None:
    """Say what a text is that should not stand in a document, and which part of it nobody should see."""
    key = next((part for part in reversed(path) if isinstance(part, str) and part != "default"), "")
    written = bool(value.strip()) and "${" not in value
    if declared and written:
        return f"the secret {key!r}", value
    keyed = path[0] in _HOLDERS and not _ELSE & set(path) and _NAMES.search(key)
    if keyed and written:
        return f"the value of {key!r}", value
    return next(((what, found[0]) for look, what in _LOOKS if (found := look.search(value))), None)


def _texts(data: Any, path: DocumentPath) -> Iterator[tuple[DocumentPath, str]]:
    if isinstance(data, str):
        yield path, data
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from _texts(value, (*path, key))
    elif isinstance(data, list):
        for position, value in enumerate(data):
            yield from _texts(value, (*path, position))


RULES: Sequence[type[LintRule]] = (
    UnusedVariable, UnusedConnection, UnusedStep, StarIntoExport, BlindAppend, UncheckedKey, MoodySql, CommaJoin,
    PlainSecret, WrittenTwice,
)  # fmt: skip


@hookimpl
def sqlflow_lint_rules() -> Sequence[type[LintRule]]:
    """Bring the rules `SF801` to `SF809`, and `SF815`."""
    return RULES
