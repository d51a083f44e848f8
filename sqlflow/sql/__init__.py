"""Parsing SQL: what it refers to, where, and how values enter it. Must not know the document or a warehouse."""

from .habits import Habits, read_habits
from .printing import printed, same
from .references import (
    REFUSED,
    ParsedStatement,
    Reference,
    References,
    read_expression,
    read_query,
    read_statements,
)
from .syntax import SqlSyntaxError, foresee
from .values import holds, with_literals
from .vocabulary import Function, functions, keywords

__all__ = [
    "REFUSED",
    "Function",
    "Habits",
    "ParsedStatement",
    "Reference",
    "References",
    "SqlSyntaxError",
    "foresee",
    "functions",
    "holds",
    "keywords",
    "printed",
    "read_expression",
    "read_habits",
    "read_query",
    "read_statements",
    "same",
    "with_literals",
]
