"""What a Python function does, as texts: its code, that of everything of its own package that it uses, and constants.

Two functions with the same texts do the same. Layout, comments and docstrings do not count.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any
from uuid import UUID

from sqlflow.sdk import Udf

_PLAIN = (str, bytes, int, float, complex, bool, type(None), Decimal, date, time, timedelta, UUID, Path, Enum)


def texts(function: Any) -> list[str]:
    """Return the texts of a function, sorted."""
    return sorted(_Reader(_package(inspect.unwrap(function)), set()).of(function))


class _Reader:
    """Follows what a function uses, each thing once, as far as it belongs to one package."""

    def __init__(self, package: str, seen: set[int]) -> None:
        self._package = package
        self._seen = seen

    def of(self, value: Any, name: str = "") -> Iterator[str]:
        """Yield the texts of something that is used by a name."""
        value = value.function if isinstance(value, Udf) else value
        value = inspect.unwrap(value) if callable(value) else value
        if isinstance(value, _PLAIN):
            yield f"{name}={value!r}"
        elif isinstance(value, (staticmethod, classmethod)):
            yield from self.of(value.__func__, name)
        elif isinstance(value, re.Pattern):
            yield f"{name}={value.pattern!r} {value.flags}"
        elif id(value) not in self._seen:
            self._seen.add(id(value))
            yield from self._parts(value, name)

    def _parts(self, value: Any, name: str) -> Iterator[str]:
        if isinstance(value, FunctionType):
            yield from self._function(value, name)
        elif isinstance(value, Mapping):
            for key, inner in value.items():
                yield from self.of(inner, f"{name}[{key!r}]")
        elif isinstance(value, (AbstractSet, Sequence)):
            for position, inner in enumerate(value if isinstance(value, Sequence) else sorted(value, key=repr)):
                yield from self.of(inner, f"{name}[{position}]")
        elif isinstance(value, property):
            yield from self.of((value.fget, value.fset), name)
        elif isinstance(value, ModuleType) or _package(value) != self._package:
            yield from self._foreign(value, name)
        elif isinstance(value, type):
            yield f"{name}={value.__qualname__}({', '.join(base.__qualname__ for base in value.__bases__)})"
            for base in value.__bases__:
                yield from self.of(base)
            for inner_name, inner in vars(value).items():
                if not inner_name.startswith("__") or inspect.isroutine(inner):
                    yield from self.of(inner, f"{value.__qualname__}.{inner_name}")
        else:
            yield from self.of(type(value), name)
            yield from self.of(getattr(value, "__dict__", {}), name)

    def _foreign(self, value: Any, name: str) -> Iterator[str]:
        """Name what belongs to others; of an object of theirs nobody knows what it holds, so all of the module counts.

        What such an object was made of stands in the module that made it.
        """
        if isinstance(value, (type, ModuleType)) or callable(value):
            yield f"{name}={getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__name__)}"
            return
        for module in [m for key, m in sys.modules.items() if _top(key) == self._package]:
            try:
                yield f"{name}={inspect.getsource(module)}"
            except (OSError, TypeError):  # it has no file
                yield f"{name}={type(value).__qualname__}"

    def _function(self, function: FunctionType, name: str) -> Iterator[str]:
        if _package(function) != self._package:
            yield f"{name}={function.__module__}.{function.__qualname__}"
            return
        codes = list(_codes(function.__code__))
        for code in codes:
            yield code.co_code.hex()
            yield repr(code.co_names)
            documented = code.co_consts[:1] if isinstance(code.co_consts[:1] and code.co_consts[0], str) else ()
            for constant in code.co_consts[len(documented) :]:
                if not isinstance(constant, CodeType):
                    yield repr(sorted(constant, key=repr) if isinstance(constant, frozenset) else constant)
        yield from self.of(function.__defaults__, f"{name} defaults")
        yield from self.of(function.__kwdefaults__, f"{name} defaults")
        for cell, free in zip(function.__closure__ or (), function.__code__.co_freevars, strict=False):
            try:
                yield from self.of(cell.cell_contents, free)
            except ValueError:  # nothing is in it yet
                continue
        for used in sorted({used for code in codes for used in code.co_names}):
            if used in function.__globals__:
                yield from self.of(function.__globals__[used], used)


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Yield a piece of code and those inside of it: inner functions, lambdas, comprehensions."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _package(value: Any) -> str:
    """Return the package that something belongs to."""
    return _top(str(getattr(value, "__module__", None) or type(value).__module__))


def _top(module: str) -> str:
    return module.partition(".")[0]
