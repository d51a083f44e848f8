"""The functions of a project as they can be declared without importing them: names and types, read off the source.

A file is parsed, never run. What cannot be read off it is left to a run, or to whoever asks for the import.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from sqlflow.sdk import UDF_TYPES, Udf


@lru_cache(maxsize=64)
def stand_in(count: int) -> Callable[..., None]:
    """Return what stands in for a function of so many parameters, which is declared and never called."""

    def nothing(*_: Any) -> None:
        """Do nothing."""

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([inspect.Parameter(f"p{number}", kind) for number in range(count)])
    nothing.__signature__ = signature  # type: ignore[attr-defined]
    return nothing


class Functions(Struct):
    """What was found: functions with their types, and names whose types cannot be known here."""

    known: dict[str, Udf] = field(default_factory=dict)
    untyped: set[str] = field(default_factory=set)
    unread: bool = False
    """Whether a file could not be parsed, so that it may hold any function."""


def declared_functions(folders: Iterable[Path]) -> Functions:
    """Read the functions marked with `@udf` off the Python files of the folders."""
    found = Functions()
    for folder in folders:
        for file in sorted(folder.glob("*.py")) if folder.is_dir() else ():
            try:
                tree = ast.parse(file.read_text(encoding="utf-8"))
            except (OSError, ValueError, SyntaxError):
                found.unread = True
                continue
            for definition in ast.walk(tree):
                if isinstance(definition, ast.FunctionDef):
                    _take(definition, found)
    return found


def stands_in(function: Udf) -> Udf:
    """Return a function as it is declared, without what it does."""
    return Udf(
        function.name,
        stand_in(len(function.parameters)),
        function.parameters,
        function.returns,
        null_input=function.null_input,
    )


def _take(definition: ast.FunctionDef, found: Functions) -> None:
    for decorator in definition.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)) != "udf":
            continue
        options = dict(_options(decorator)) if isinstance(decorator, ast.Call) else {}
        name = options.get("name") or definition.name
        if not isinstance(name, str):
            found.unread = True
            return
        types = _types(definition, options)
        if types is None:
            found.untyped.add(name.lower())
        else:
            found.known[name.lower()] = Udf(
                name, stand_in(len(types[0])), *types, null_input=bool(options.get("null_input"))
            )


def _options(call: ast.Call) -> Iterator[tuple[str, Any]]:
    for keyword in call.keywords:
        if keyword.arg is not None:
            try:
                yield keyword.arg, ast.literal_eval(keyword.value)
            except ValueError:
                yield keyword.arg, _UNKNOWN


_UNKNOWN = object()
_BY_NAME = {kind.__name__: sql for kind, sql in UDF_TYPES.items()}


def _types(definition: ast.FunctionDef, options: Mapping[str, Any]) -> tuple[tuple[str, ...], str] | None:
    """Return the SQL types of parameters and result, where they are written out."""
    arguments = [*definition.args.posonlyargs, *definition.args.args]
    parameters = options.get("parameters") or tuple(_named(argument.annotation) for argument in arguments)
    returns = options.get("returns") or _named(definition.returns)
    if not isinstance(parameters, (tuple, list)) or not all(isinstance(p, str) for p in (*parameters, returns)):
        return None
    return tuple(parameters), str(returns)


def _named(annotation: ast.expr | None) -> str | None:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return _BY_NAME.get(annotation.value.rpartition(".")[2])
    name = annotation.attr if isinstance(annotation, ast.Attribute) else getattr(annotation, "id", None)
    return _BY_NAME.get(name) if isinstance(name, str) else None
