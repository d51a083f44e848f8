"""The YAML document: text with places, the envelope, interpolation. Nothing of what steps mean.

Must not know step types, connectors, SQL or how anything runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .diagnosis import Diagnosis, Filled, interpolate, substitute, validate
from .document import Document
from .interpolation import Expression, Lookup, Resolved, as_text, expressions, is_interpolated, unescape
from .model import (
    NAME_PATTERN,
    CheckOptions,
    Connection,
    Defaults,
    Envelope,
    FailurePolicy,
    Pipeline,
    Profile,
    Project,
    Rule,
    Tests,
)
from .node import Mapping, Node, Path_, Scalar, Sequence, Source, find, scalars, to_data
from .reader import (
    expects_nothing,
    parse_document,
    parse_pipeline,
    parse_project,
    read_document,
    read_pipeline,
    read_project,
    unfinished,
)
from .resilience import RESILIENCE, CircuitBreaker, RateLimit, Resilience, Retry
from .spectest import ExpectedRows, Rows, SpecTest, StateRows
from .text import read_source, resolve
from .variable import ForEach, Variable, VariableType
from .wording import describe, text_hint

if TYPE_CHECKING:
    from .editing import CannotEdit, Wish, as_block, edited
    from .layout import CannotLayOut, Order, Rewrite, laid_out
    from .recording import recorded
    from .rewriting import rewrite

_LATE = {
    "recorded": "recording",
    "rewrite": "rewriting",
    "CannotEdit": "editing",
    "CannotLayOut": "layout",
    "Order": "layout",
    "Rewrite": "layout",
    "Wish": "editing",
    "as_block": "editing",
    "edited": "editing",
    "laid_out": "layout",
}

__all__ = [
    "NAME_PATTERN",
    "RESILIENCE",
    "CannotEdit",
    "CannotLayOut",
    "CheckOptions",
    "CircuitBreaker",
    "Connection",
    "Defaults",
    "Diagnosis",
    "Document",
    "Envelope",
    "ExpectedRows",
    "Expression",
    "FailurePolicy",
    "Filled",
    "ForEach",
    "Lookup",
    "Mapping",
    "Node",
    "Order",
    "Path_",
    "Pipeline",
    "Profile",
    "Project",
    "RateLimit",
    "Resilience",
    "Resolved",
    "Retry",
    "Rewrite",
    "Rows",
    "Rule",
    "Scalar",
    "Sequence",
    "Source",
    "SpecTest",
    "StateRows",
    "Tests",
    "Variable",
    "VariableType",
    "Wish",
    "as_block",
    "as_text",
    "describe",
    "edited",
    "expects_nothing",
    "expressions",
    "find",
    "interpolate",
    "is_interpolated",
    "laid_out",
    "parse_document",
    "parse_pipeline",
    "parse_project",
    "read_document",
    "read_pipeline",
    "read_project",
    "read_source",
    "recorded",
    "resolve",
    "rewrite",
    "scalars",
    "substitute",
    "text_hint",
    "to_data",
    "unescape",
    "unfinished",
    "validate",
]


def __getattr__(name: str) -> Any:
    """Import what only some verbs need on its first use (PEP 562)."""
    if name in _LATE:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
