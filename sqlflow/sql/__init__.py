"""Parsing SQL: what it refers to, where, and how values enter it. Must not know the document or a warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .references import (
    REFUSED,
    ParsedStatement,
    Reference,
    References,
    read_expression,
    read_query,
    read_statements,
)
from .scripts import read_script_habits
from .syntax import SqlSyntaxError, foresee
from .values import holds, with_literals

if TYPE_CHECKING:
    from .answering import answer
    from .habits import Habits, read_habits
    from .origins import Field, Origins, read_origins
    from .printing import printed, same
    from .vocabulary import Function, functions, keywords

_LATE = {
    "Field": "origins",
    "Function": "vocabulary",
    "Habits": "habits",
    "Origins": "origins",
    "answer": "answering",
    "functions": "vocabulary",
    "keywords": "vocabulary",
    "printed": "printing",
    "read_habits": "habits",
    "read_origins": "origins",
    "same": "printing",
}

__all__ = [
    "REFUSED",
    "Field",
    "Function",
    "Habits",
    "Origins",
    "ParsedStatement",
    "Reference",
    "References",
    "SqlSyntaxError",
    "answer",
    "foresee",
    "functions",
    "holds",
    "keywords",
    "printed",
    "read_expression",
    "read_habits",
    "read_origins",
    "read_query",
    "read_script_habits",
    "read_statements",
    "same",
    "with_literals",
]


def __getattr__(name: str) -> Any:
    """Import what only some verbs need on its first use (PEP 562)."""
    if name in _LATE:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
