"""What is wrong with the plugin in a folder. Reads files and asks processes of their own; changes nothing.

Must not know how an answer is shown, nor what an exam is about.
"""

from __future__ import annotations

from pathlib import Path

from .exam import exam
from .imports import import_cost, rooms
from .options import options, typing
from .package import read_package
from .presence import entry_point, installed_copy, names, present
from .probing import probe
from .readme import readme
from .report import Aspect, Inspection

__all__ = ["Aspect", "Inspection", "inspect_plugin"]


def inspect_plugin(folder: Path, *, sit_exam: bool = True) -> Inspection:
    """Look at the plugin in a folder from all sides.

    Raises:
        DocumentError: there is no plugin in this folder.

    """
    package = read_package(folder)
    there = present(package)
    answer = probe(package, [there.metadata["Name"]] if there else [])
    known = entry_point(package, answer)
    copy = installed_copy(package, answer, there)
    usable = not known.problems and not copy.problems and not any(s["error"] for s in answer.subjects)
    aspects = [
        known,
        copy,
        names(package, answer),
        import_cost(package, answer),
        rooms(package),
        options(answer),
        typing(package),
        readme(package, answer, usable=usable),
    ]
    if not sit_exam:
        aspects.append(Aspect("exam", "left out", looked=False))
    elif not usable:
        aspects.append(Aspect("exam", "it can be sat when the plugin is installed and loads", looked=False))
    else:
        aspects.append(exam(package, answer))
    brings = tuple((subject["kind"], str(subject["name"])) for subject in answer.subjects)
    return Inspection(package.name, package.version, brings, tuple(aspects))
