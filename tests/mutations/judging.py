"""What becomes of a changed document: told of at its place, or proven to be another good one.

Works on a copy of a folder. The proof that nothing had to be told rests on others than the reader: the JSON Schema
admits the document, its plan is another one, so that nothing of it went without effect, and when it is really run
every table and column that it names is there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from msgspec import Struct
from pydantic import BaseModel

from sqlflow.compile import Bench
from sqlflow.errors import DocumentError
from sqlflow.pipeline import Pipeline, installed
from sqlflow.problem import Mark, Problem
from sqlflow.project import PROJECT_FILE
from sqlflow.registry import Catalog
from sqlflow.schema import schema_of
from sqlflow.spec import read_pipeline, read_project, to_data

from .changing import WORD, Mutant, extents

#: Codes of a step that met columns or tables other than it was written for; any other failure is about values.
BINDING = {"SF708", "SF709", "SF720", "SF721", "SF731", "SF736", "SF790", "SF791"}
#: Keys of a step that decide which columns it has.
BRINGING = {"source", "for_each", "columns", "sql", "sql_file"}
#: Parts of a plan that say nothing of what it does.
ASIDE = {"mark", "places", "run_id", "started_at", "position", "source", "path", "redactor", "check_marks", "notes",
         "offset", "step_type", "kind", "connector", "digest", "folder", "target_folder"}  # fmt: skip


@cache
def catalog() -> Catalog:
    """Return what is installed; it is the same for every document."""
    return installed()


@cache
def schema(kind: str) -> Draft202012Validator:
    """Return the schema of a kind of document, with every plugin that is installed."""
    return Draft202012Validator(schema_of(kind, catalog()))


@cache
def keys(kind: str) -> frozenset[str]:
    """Return every key that the grammar has, and the words that it lets one choose from."""
    return frozenset(re.findall(r'"(\w+)"', json.dumps(schema(kind).schema)))


@dataclass
class Court:
    """A copy of a folder of documents, in which one of them is changed again and again."""

    folder: Path
    document: Path
    """The document that is changed."""
    pipelines: list[Path]
    """Those that are validated: that one, or all of the project that it is."""
    profiles: tuple[str | None, ...] = (None,)
    """Those that are validated one after the other; the first is the default."""
    runs: bool = True
    """Whether all that it reads is here, so that it can be run."""

    def __post_init__(self) -> None:
        self.original = self.document.read_text(encoding="utf-8")
        self.bench = Bench()
        self.usual = {profile: {_unplaced(p) for p in self.problems(profile)} for profile in self.profiles}
        wrong = [p for p in self.problems(None) if p.severity == "error"]
        assert not wrong, wrong
        self.plain = self.meaning()

    def close(self) -> None:
        """Put the document back and let go of the bench."""
        self.document.write_text(self.original, encoding="utf-8")
        self.bench.close()

    @property
    def kind(self) -> str:
        """The kind of the document that is changed."""
        return "project" if self.document.name == PROJECT_FILE else "pipeline"

    def problems(self, profile: str | None) -> list[Problem]:
        """Validate as `sqlflow validate` does."""
        return [
            problem
            for path in self.pipelines
            for problem in Pipeline(path, catalog()).draft(profile=profile).compile(self.bench).problems
        ]

    def data(self) -> dict[str, Any]:
        """Return what YAML says."""
        read = (read_project if self.kind == "project" else read_pipeline)(self.document)
        assert not isinstance(read, list), read
        found = to_data(read.root)
        assert isinstance(found, dict)
        return found

    def meaning(self) -> str:
        """Write down all that the documents ask for."""
        there = [p for p in self.profiles if p is None or p in self.data().get("profiles", {})]
        plans = [Pipeline(path, catalog()).plan(offline=True, profile=p) for p in there for path in self.pipelines]
        said = {
            key: value
            for key, value in self.data().items()
            if key not in ("steps", "defaults", "connections", "profiles")
        }
        return "\n".join(json.dumps(_told(one), sort_keys=True, default=str) for one in [*plans, said])

    def judge(self, mutant: Mutant) -> str | None:
        """Return what is wrong with the answer to a mutant, or None."""
        self.document.write_text(mutant.text, encoding="utf-8")
        for profile in self.profiles:
            if profile is not None and profile not in self.data().get("profiles", {}):
                continue
            told = self.problems(profile)
            fresh = [problem for problem in told if _unplaced(problem) not in self.usual[profile]]
            if bad := next(_badly_told(fresh, mutant.text, self.document.name), None):
                return bad
            if fresh:
                return None if any(self._in_place(p, mutant) for p in fresh) else "told elsewhere: " + _shown(fresh)
            if profile is None and (refused := next(schema(self.kind).iter_errors(self.data()), None)):
                return f"accepted, and the schema refuses it: {refused.message[:150]}"
        if self.meaning() == self.plain:
            return None if self._is_default(mutant) else "accepted, and nothing has become of it"
        return self._run(_unchecked(self.problems(None))) if self.runs else None

    def _in_place(self, problem: Problem, mutant: Mutant) -> bool:
        """Tell whether a complaint stands where the change is, or at what speaks of it."""
        marks = [mark for mark in (problem.mark, *problem.related) if mark is not None]
        if any(self._elsewhere(mark) or mark.line in mutant.lines for mark in marks):
            return True
        steps = extents(mutant.text, "tests" if mutant.path[0] == "tests" else "steps")
        own = mutant.path[1] if mutant.path[0] in ("steps", "tests") and len(mutant.path) > 1 else None
        names = {*mutant.words, *(str(part) for part in mutant.path[-2:])}
        if own is not None and isinstance(own, int):
            before = mutant.path[2] if len(mutant.path) > 2 else ""
            said = f"{problem.message} {problem.hint}"
            mine = any(start <= mark.line <= end for mark in marks for start, end, _ in steps[own : own + 1])
            if mine and (before in BRINGING or problem.code == "SF401" or any(_names(said, name) for name in names)):
                return True
            names |= {name for _, _, text in steps[own : own + 2] for name in _made(text)}
        names -= keys(self.kind)  # every step speaks of those
        readers = [(start, end) for start, end, text in steps if any(_names(text, name) for name in names)]
        return any(start <= mark.line <= end for mark in marks for start, end in readers)

    def _elsewhere(self, mark: Mark) -> bool:
        return Path(mark.file).name != self.document.name

    def _is_default(self, mutant: Mutant) -> bool:
        """Tell whether what was left out is what the schema gives as its default."""
        self.document.write_text(self.original, encoding="utf-8")
        value: Any = self.data()
        for part in mutant.path:
            value = value[part]
        return mutant.kind == "drop" and value in _defaults(schema(self.kind).schema, str(mutant.path[-1]))

    def _run(self, unchecked: set[str]) -> str | None:
        try:
            for path in self.pipelines:
                try:
                    with Pipeline(path, catalog()).run() as result:
                        errors = [(result.plan.step(s.id).declared, s.error) for s in result.record.steps if s.error]
                except DocumentError as error:
                    return f"accepted, and refused when it runs: {error.problems[0]}"
                for step, found in errors:
                    if found and found["code"] in BINDING and step not in unchecked:
                        return f"accepted, and it breaks: {found['code']} {found['message'][:200]}"
        finally:
            for left in [*self.folder.rglob("*.duckdb"), *self.folder.rglob("out/**/*")]:
                if left.is_file():
                    left.unlink()
        return None


def _defaults(schema: Any, key: str) -> list[Any]:
    """Return what a schema gives as the default of a key, wherever there is such a key."""
    inner = list(schema.values()) if isinstance(schema, dict) else schema if isinstance(schema, list) else []
    found = schema.get("properties", {}).get(key) if isinstance(schema, dict) else None
    own = [found["default"]] if isinstance(found, dict) and "default" in found else []
    return own + [value for one in inner for value in _defaults(one, key)]


def _told(value: Any) -> Any:
    """Return a plan as plain data, without places and objects that have no value."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Struct):
        told = {name: _told(getattr(value, name)) for name in value.__struct_fields__ if name not in ASIDE}
        for name in ("connector", "kind"):
            if hasattr(getattr(value, name, None), "name"):
                told[name] = getattr(value, name).name
        return told
    if hasattr(value, "items"):
        return {str(k): _told(v) for k, v in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    if isinstance(value, (list, tuple)):
        return [_told(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(type(value))


def _names(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def _made(text: str) -> Iterator[str]:
    """Yield the names by which other steps know one: its id and the table that it writes."""
    for key in ("id", "target", "path"):
        for found in re.finditer(rf"(?:^|[\s{{]){key}: *([^\s,}}]+)", text):
            yield from WORD.findall(found[1])[-1:]


def _unchecked(problems: list[Problem]) -> set[str]:
    """Return the steps that are told to be unchecked, and those whose columns nobody knows."""
    told = [problem.message for problem in problems if problem.severity == "unchecked"]
    return {name for message in told for name in re.findall(r"'([\w-]+)'", message)} | {
        found[1] for message in told if (found := re.search(r"the source of [\w.]*?(\w+) is not asked", message))
    }


def _unplaced(problem: Problem) -> tuple[str, str]:
    """Return what is told, whichever steps go unchecked for it."""
    return problem.code, problem.message.partition(": step")[0] if problem.severity == "unchecked" else problem.message


def _shown(problems: list[Problem]) -> str:
    return " | ".join(f"{p.mark.line if p.mark else '?'}: {p.code} {p.message}" for p in problems)


def _badly_told(problems: list[Problem], text: str, name: str) -> Iterator[str]:
    """Yield what is wrong with the form of problems: no remedy, no place, a place that does not exist."""
    lines = text.splitlines() or [""]
    for problem in problems:
        if not problem.message.strip() or not re.fullmatch(r"SF\d{3}", problem.code):
            yield f"no message: {problem!r}"
        if not problem.hint:
            yield f"no remedy: {problem}"
        for mark in (problem.mark, *problem.related):
            if mark is None:
                yield f"no place: {problem}"
            elif Path(mark.file).name == name and (
                mark.line > len(lines) or mark.column > len(lines[mark.line - 1]) + 1
            ):
                yield f"no such place: {problem}"
