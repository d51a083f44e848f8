"""The README: is it there, and do its examples show what the plugin brings and hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct
from msgspec.structs import replace

from sqlflow.errors import SQLFlowError
from sqlflow.pipeline import Pipeline, installed
from sqlflow.problem import Mark, Problem
from sqlflow.project import display
from sqlflow.registry import Catalog

from .package import PROJECT, Package
from .probing import Answer
from .report import Aspect

_BLOCK = re.compile(r"^```ya?ml[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LOCAL = frozenset({"SF501"})
"""What an example may have: local files that only its reader has."""


class Example(Struct, frozen=True):
    """A block of YAML and the line of the README above its first."""

    text: str
    above: int

    def has(self, key: str) -> bool:
        """Tell whether it has a key at the top."""
        return re.search(rf"^{key}:", self.text, re.MULTILINE) is not None


def readme(package: Package, answer: Answer, *, usable: bool) -> Aspect:
    """Look at the README. `usable`: the plugin is installed and loads, so that documents can be held against it."""
    name = package.readme or "README.md"
    path = package.folder / name
    if not path.is_file():
        hint = f"write {name} with an example of everything that the plugin brings"
        return Aspect("README", "none", (Problem("SF630", f"there is no {name}", package.mark("readme"), hint),))
    text = path.read_text(encoding="utf-8")
    examples = [Example(m[1], text.count("\n", 0, m.start(1))) for m in _BLOCK.finditer(text)]
    problems = list(_lacking(path, examples, answer, named=package.readme is not None))
    specs = [example for example in examples if example.has("steps")]
    if usable:
        catalog = installed()
        settings = next((e for e in examples if e.has("profiles") and not e.has("steps")), None)
        for spec in specs:
            problems += _broken(spec, settings, path, catalog)
    count = f"{len(specs)} example{'' if len(specs) == 1 else 's'}"
    told = f"{count}, valid" if usable else f"{count}, held against nothing: the plugin cannot be used here"
    return Aspect("README", told, tuple(problems))


def _lacking(path: Path, examples: list[Example], answer: Answer, *, named: bool) -> Iterator[Problem]:
    if not named:
        hint = f'write readme = "{path.name}" under [project]'
        yield Problem("SF630", f"{path.name} is not named in {PROJECT}, so no registry shows it", None, hint)
    for subject in answer.subjects:
        kind, name = subject["kind"], subject["name"]
        if kind in ("observer", "command", "lint rule") or name is None:
            continue
        if not any(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", example.text) for example in examples):
            hint = "show it in a block of ```yaml, as a whole document with its steps"
            yield Problem("SF630", f"{path.name} has no example of {kind} {name!r}", _top(path), hint)


def _top(path: Path) -> Mark:
    return Mark(display(path), 1, 1, path.read_text(encoding="utf-8").partition("\n")[0])


def _broken(spec: Example, settings: Example | None, path: Path, catalog: Catalog) -> Iterator[Problem]:
    """Hold an example against the plugins that are installed, at a place where nothing else is."""
    with TemporaryDirectory() as folder:
        if settings is not None:
            Path(folder, "sqlflow.yaml").write_text(settings.text, encoding="utf-8")
        file = Path(folder, "example.yaml")
        file.write_text(spec.text, encoding="utf-8")
        try:
            found = Pipeline(file, catalog).validate()
        except SQLFlowError as error:
            yield Problem("SF630", f"an example does not hold: {error.message}", _top(path), error.hint)
            return
    for problem in found:
        if problem.severity != "error" or problem.code in _LOCAL:
            continue
        above = settings.above if settings and problem.mark and "sqlflow.yaml" in problem.mark.file else spec.above
        mark = problem.mark and replace(problem.mark, file=display(path), line=problem.mark.line + above)
        yield Problem("SF630", f"an example does not hold: {problem.code} {problem.message}", mark, problem.hint)
