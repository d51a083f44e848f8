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
from .scripts import read_script_habits
from .syntax import SqlSyntaxError, foresee
from .values import holds, with_literals

__all__ = [
    "REFUSED",
    "Habits",
    "ParsedStatement",
    "Reference",
    "References",
    "SqlSyntaxError",
    "foresee",
    "holds",
    "printed",
    "read_expression",
    "read_habits",
    "read_query",
    "read_script_habits",
    "read_statements",
    "same",
    "with_literals",
]
