"""A plugin as files: its pyproject.toml, its modules, its README. Nothing is imported here."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from sqlflow.errors import DocumentError
from sqlflow.problem import Mark, Problem
from sqlflow.project import display
from sqlflow.sdk import GROUP

PROJECT = "pyproject.toml"
ENTRIES = f"project.entry-points.{GROUP}"


class Package(Struct, frozen=True):
    """What pyproject.toml says, and where things are. `entries` maps names to modules."""

    folder: Path
    text: str
    name: str
    version: str | None
    entries: Mapping[str, str]
    readme: str | None = None
    roots: tuple[Path, ...] = ()

    @property
    def distribution(self) -> str:
        """The name as registries write it."""
        return re.sub(r"[-_.]+", "-", self.name).lower()

    @property
    def tops(self) -> tuple[str, ...]:
        """The packages that the entry points lead to."""
        return tuple(sorted({value.split(":")[0].split(".")[0].strip() for value in self.entries.values()}))

    def home(self, top: str) -> Path | None:
        """Return the folder of a package, or the file of a module, in this folder; None when it is not here."""
        for root in self.roots:
            for path in (root / top, root / f"{top}.py"):
                if (path / "__init__.py").exists() or path.is_file():
                    return path
        return None

    def modules(self) -> Iterator[Path]:
        """Yield every Python file of the plugin itself."""
        for top in self.tops:
            home = self.home(top)
            if home is not None:
                yield from sorted(home.rglob("*.py")) if home.is_dir() else (home,)

    def mark(self, word: str) -> Mark:
        """Return the first place in pyproject.toml where a word stands, else its beginning."""
        lines = self.text.splitlines()
        for number, line in enumerate(lines, 1):
            if (column := line.find(word)) >= 0:
                return Mark(display(self.folder / PROJECT), number, column + 1, line)
        return Mark(display(self.folder / PROJECT), 1, 1, lines[0] if lines else "")


def place(path: Path, line: int | None, word: str = "") -> Mark:
    """Return a place in a file, at a word of the line where it is there."""
    lines = path.read_text(encoding="utf-8").splitlines()
    number = max(1, min(line or 1, len(lines) or 1))
    text = lines[number - 1] if lines else ""
    return Mark(display(path), number, max(text.find(word), 0) + 1, text)


def read_package(folder: Path) -> Package:
    """Read the plugin in a folder.

    Raises:
        DocumentError: there is none.

    """
    file = folder / PROJECT
    try:
        text = file.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except FileNotFoundError:
        hint = "name the folder of a plugin; `sqlflow plugin new NAME --kind connector` writes one"
        raise _refused(f"there is no {PROJECT} in {folder}", hint) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _refused(f"{display(file)} cannot be read: {error}", "it must be TOML") from error
    project = data.get("project")
    if not isinstance(project, dict) or not isinstance(project.get("name"), str):
        raise _refused(f"{display(file)} names no distribution", 'add [project] with name = "sqlflow-..."')
    package = Package(
        folder,
        text,
        project["name"],
        project["version"] if isinstance(project.get("version"), str) else None,
        {},
        _readme(project.get("readme")),
        (folder, folder / "src"),
    )
    points = project.get("entry-points")
    entries = points.get(GROUP) if isinstance(points, dict) else None
    if not isinstance(entries, dict) or not entries:
        line = f'{package.distribution.removeprefix("sqlflow-")} = "{_module(package)}"'
        hint = f"add [{ENTRIES}] with a line such as {line}"
        told = f"{package.name} has no entry point of the group {GROUP!r}, so SQLFlow does not find it"
        raise DocumentError([Problem("SF621", told, package.mark("[project]"), hint)])
    named = {str(name): str(value) for name, value in entries.items()}
    return Package(package.folder, text, package.name, package.version, named, package.readme, package.roots)


def _readme(named: Any) -> str | None:
    found = named.get("file") if isinstance(named, dict) else named
    return found if isinstance(found, str) else None


def _module(package: Package) -> str:
    return package.distribution.replace("-", "_")


def _refused(message: str, hint: str) -> DocumentError:
    return DocumentError([Problem("SF621", message, None, hint)])
