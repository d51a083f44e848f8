"""What the plugin says of itself: every option documented, no two of a connector under one name, types for checkers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlflow.problem import Mark, Problem

from .package import Package, place
from .probing import Answer
from .report import Aspect


def options(answer: Answer) -> Aspect:
    """Look whether every option is documented and stands in one model."""
    models = {model["name"]: model for subject in answer.loaded() for model in subject["models"]}
    count = sum(model["fields"] for model in models.values())
    told = f"{count}, all documented" if count else "none"
    return Aspect("options", told, tuple(dict.fromkeys(_problems(answer))), looked=not answer.failed)


def _problems(answer: Answer) -> Iterator[Problem]:
    for subject in answer.loaded():
        if not subject["documented"]:
            told = f"{subject['kind']} {subject['name']!r} has no docstring"
            hint = "write one: lists and `sqlflow explain` show its first line"
            yield Problem("SF627", told, _mark(subject["place"], "class"), hint)
        for model in subject["models"]:
            for bare in model["bare"]:
                hint = "write a docstring below the field: editors, schemas and `sqlflow explain` read it there"
                told = f"option {bare['field']!r} of {model['name']} is not documented"
                yield Problem("SF627", told, _mark(bare, bare["field"]), hint)
        for shared in subject["shared"]:
            told = f"connector {subject['name']!r} has {shared['field']!r} in its Config and in its {shared['options']}"
            hint = "rename one of them: in `source: {connector: ...}` all keys stand side by side"
            yield Problem("SF628", told, _mark(shared, shared["field"]), hint)


def _mark(where: Mapping[str, Any] | None, word: str) -> Mark | None:
    if where is None or not where["file"]:
        return None
    return place(Path(where["file"]), where["line"], word)


def typing(package: Package) -> Aspect:
    """Look whether type checkers are told that the package has types."""
    problems = []
    for top in package.tops:
        home = package.home(top)
        if home is not None and home.is_dir() and not (home / "py.typed").exists():
            hint = f"add an empty file {home.name}/py.typed"
            problems.append(Problem("SF629", f"{top} has no py.typed, so its types are not seen", None, hint))
    return Aspect("types", "py.typed is there", tuple(problems))
