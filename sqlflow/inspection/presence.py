"""Is the plugin found: its entry point, the copy of it that is installed, and whether its names are its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, entry_points
from pathlib import Path

from sqlflow.problem import Problem
from sqlflow.project import display
from sqlflow.sdk import GROUP

from .package import PROJECT, Package
from .probing import Answer
from .report import Aspect


def present(package: Package) -> Distribution | None:
    """Return the plugin's distribution as it is installed here."""
    try:
        return distribution(package.name)
    except PackageNotFoundError:
        return None


def entry_point(package: Package, answer: Answer) -> Aspect:
    """Look whether every entry point leads to a plugin that can be registered."""
    told = ", ".join(f"{name} = {value}" for name, value in package.entries.items())
    return Aspect("entry point", told, tuple(_entry_problems(package, answer)))


def _entry_problems(package: Package, answer: Answer) -> Iterator[Problem]:
    if answer.failed:
        hint = f"`python -c 'import {package.tops[0]}'` shows where"
        yield Problem("SF622", f"importing {package.name} ends Python: {answer.failed}", package.mark(GROUP), hint)
        return
    if answer.printed is not None:
        told = f"importing {' and '.join(package.tops)} prints {answer.printed!r}, into the output of every command"
        yield Problem("SF633", told, package.mark(GROUP), "remove the print, or write to a log where it is used")
    for name, value in package.entries.items():
        mark = package.mark(value)
        top = value.split(":")[0].split(".")[0].strip()
        if package.home(top) is None:
            hint = f"it must be a package or a module beside {PROJECT}, or below src/"
            yield Problem("SF622", f"entry point {name!r} names {value!r}, which is not in this folder", mark, hint)
        elif error := answer.errors.get(name):
            if _is_told_elsewhere(name, answer):
                continue
            yield Problem("SF622", f"entry point {name!r} cannot be used: {error}", mark, "mend what the message names")
        elif not any(subject["plugin"] == name for subject in answer.subjects):
            hint = "write a hook such as `@hookimpl def sqlflow_connectors()` that returns what it brings"
            yield Problem("SF622", f"entry point {name!r} brings nothing: {value} has no hook", mark, hint)
    for subject in answer.subjects:
        if subject["error"] is None and subject.get("late") and subject["late"] != subject["name"]:
            told = f"{subject['kind']} {subject['late']!r} is brought under the name {subject['name']!r}"
            yield Problem("SF622", told, package.mark(GROUP), "write the same name in Late and in the class")


def _is_told_elsewhere(name: str, answer: Answer) -> bool:
    """Tell whether the reason why a plugin is refused is its options, which are told field by field."""
    return any(s["plugin"] == name and s.get("shared") for s in answer.subjects) and "in its config" in str(
        answer.errors[name]
    )


def installed_copy(package: Package, answer: Answer, there: Distribution | None) -> Aspect:
    """Look whether what is installed here is what stands in this folder."""
    if there is None:
        hint = f"pip install -e {display(package.folder)}"
        problem = Problem("SF623", f"{package.name} is not installed here", package.mark("name"), hint)
        return Aspect("installed", "no", (problem,))
    found = tuple(_copy_problems(package, answer, there))
    return Aspect("installed", f"{there.metadata['Name']} {there.version}, from this folder", found)


def _copy_problems(package: Package, answer: Answer, there: Distribution) -> Iterator[Problem]:
    hint = f"pip install -e {display(package.folder)}"
    folder = package.folder.resolve()
    for top, origin in answer.origins.items():
        if origin is not None and not Path(origin).resolve().is_relative_to(folder):
            told = f"the {top} that is installed is not the one in this folder: {origin}"
            yield Problem("SF623", told, package.mark("name"), hint)
    if package.version is not None and package.version != there.version:
        told = f"{package.name} {there.version} is installed, and this folder holds {package.version}"
        yield Problem("SF623", told, package.mark("version"), hint)
    known = {entry.name: entry.value for entry in there.entry_points if entry.group == GROUP}
    if known != dict(package.entries):
        told = f"{package.name} is installed with other entry points than those of {PROJECT}"
        yield Problem("SF623", told, package.mark(GROUP), hint)


def names(package: Package, answer: Answer) -> Aspect:
    """Look whether anybody else who is installed has the same names."""
    problems = [
        Problem("SF624", told, package.mark(GROUP), "choose another name, or uninstall the other distribution")
        for told in answer.taken
    ]
    for entry in entry_points(group=GROUP):
        owner = entry.dist.metadata["Name"] if entry.dist else "somebody"
        if entry.name in package.entries and re.sub(r"[-_.]+", "-", owner).lower() != package.distribution:
            told = f"an entry point {entry.name!r} is brought by {owner}, too"
            problems.append(Problem("SF624", told, package.mark(entry.name), "choose another name for the entry point"))
    return Aspect("names", "nobody else here has them", tuple(dict.fromkeys(problems)))
