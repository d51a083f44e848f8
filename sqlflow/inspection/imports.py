"""What the plugin imports: what it costs those who only have it installed, and whether it keeps to the SDK."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlflow.problem import Mark, Problem

from .package import Package, place
from .probing import Answer
from .report import Aspect

SDK = "sqlflow.sdk"
FACE = frozenset({"sqlflow.Pipeline", "sqlflow.RunResult"})
"""What users of Python have and the SDK has not; commands of a plugin are such users."""


def import_cost(package: Package, answer: Answer) -> Aspect:
    """Look whether importing the plugin imports a library that only its use needs."""
    told = f"{answer.milliseconds:.0f} ms, no driver"
    return Aspect("import cost", told, tuple(_cost_problems(package, answer)), looked=not answer.failed)


def _cost_problems(package: Package, answer: Answer) -> Iterator[Problem]:
    if answer.libraries:
        told, mark = _named(package, answer.libraries)
        yield Problem(
            "SF625",
            f"importing {' and '.join(package.tops)} imports {told}: every command pays for it, used or not",
            mark,
            "import it inside the methods that use it, or bring the class as Late(name, 'module:Class')",
        )
    for subject in answer.loaded():
        if subject["libraries"]:
            told, mark = _named(package, subject["libraries"])
            yield Problem(
                "SF625",
                f"{subject['kind']} {subject['name']!r} imports {told} before anything is read or written: "
                "whoever validates a document pays for it",
                mark,
                "import it inside the methods that use it",
            )


def _named(package: Package, libraries: Sequence[str]) -> tuple[str, Mark | None]:
    """Name the libraries that the plugin itself imports, and the first place; without any, all of them."""
    places: dict[str, Mark] = {}
    for path in package.modules():
        for statement, names in _imports(path, deep=False):
            for name in names:
                if (library := name.split(".")[0]) in libraries and library not in places:
                    places[library] = place(path, statement.lineno, name)
    return ", ".join(sorted(places) or libraries), next(iter(places.values()), None)


def rooms(package: Package) -> Aspect:
    """Look whether the plugin knows nothing of SQLFlow but the SDK."""
    problems = []
    for path in package.modules():
        for statement, names in _imports(path, deep=True):
            for name in names:
                if name.split(".")[0] == "sqlflow" and name != SDK and name not in FACE:
                    mark = place(path, statement.lineno, name if name != "sqlflow" else "sqlflow")
                    hint = f"import it from {SDK}; nothing else is promised to stay"
                    problems.append(Problem("SF626", f"a plugin imports {SDK} only, found {name}", mark, hint))
    return Aspect("imports", f"{SDK} only", tuple(problems))


def _imports(path: Path, *, deep: bool) -> Iterator[tuple[ast.stmt, list[str]]]:
    """Yield the imports of a file; not deep: those that are executed when it is imported."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):  # told by the entry point, which does not load
        return
    for node in ast.walk(tree) if deep else _executed(tree.body):
        if isinstance(node, ast.Import):
            yield node, [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            whole = node.module == "sqlflow"
            yield node, [f"sqlflow.{alias.name}" for alias in node.names] if whole else [node.module]


def _executed(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        yield statement
        if isinstance(statement, ast.If):
            told = ast.unparse(statement.test)
            yield from _executed(([] if told.endswith("TYPE_CHECKING") else statement.body) + statement.orelse)
        elif isinstance(statement, (ast.Try, ast.With, ast.ClassDef)):
            yield from _executed(statement.body)
