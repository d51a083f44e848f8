"""Functions of a project: Python files beside its specs, in the folders that the project names."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

from sqlflow.errors import PluginBroken
from sqlflow.sdk import Udf


def load_functions(folders: Iterable[Path]) -> list[Udf]:
    """Import every Python file of the folders and return the functions marked with `@udf`.

    Raises:
        PluginBroken: a file cannot be imported, or two files define one name.

    """
    found: dict[str, tuple[Udf, Path]] = {}
    for folder in folders:
        for file in sorted(folder.glob("*.py")) if folder.is_dir() else ():
            for value in vars(_import(file)).values():
                if not isinstance(value, Udf):
                    continue
                known = found.get(value.name.lower())
                if known is not None and known[0] is not value:
                    raise PluginBroken(
                        f"function {value.name!r} is defined in {known[1]} and in {file}",
                        hint="rename one of them",
                    )
                found[value.name.lower()] = (value, file)
    return [function for function, _ in found.values()]


def _import(file: Path) -> object:
    name = f"sqlflow_project_functions.{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise PluginBroken(f"cannot import {file}", hint="it must be a Python file", code="SF604")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise PluginBroken(
            f"functions in {file} cannot be imported: {type(error).__name__}: {error}",
            hint="run the file with python to see where it fails",
            code="SF604",
        ) from error
    return module
