"""Parsing SQL: what it refers to, where, and how values enter it. Must not know the document or a warehouse."""

from .answering import answer
from .habits import Habits, read_habits
from .origins import Field, Origins, read_origins
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
    "read_statements",
    "same",
    "with_literals",
]
