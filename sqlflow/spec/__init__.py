"""The YAML document: text with places, the envelope, interpolation. Nothing of what steps mean.

Must not know step types, connectors, SQL or how anything runs.
"""

from .diagnosis import Diagnosis, Filled, interpolate, substitute, validate
from .document import Document
from .editing import CannotEdit, Wish, as_block, edited
from .interpolation import Expression, Lookup, Resolved, as_text, expressions, is_interpolated, unescape
from .layout import CannotLayOut, Order, Rewrite, laid_out
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
    Tests,
)
from .node import Mapping, Node, Path_, Scalar, Sequence, Source, find, to_data
from .reader import (
    expects_nothing,
    parse_document,
    parse_pipeline,
    read_document,
    read_pipeline,
    read_project,
    unfinished,
)
from .recording import recorded
from .resilience import RESILIENCE, CircuitBreaker, RateLimit, Resilience, Retry
from .rewriting import rewrite
from .spectest import ExpectedRows, Rows, SpecTest, StateRows
from .text import read_source, resolve
from .variable import ForEach, Variable, VariableType
from .wording import describe, text_hint

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
    "read_document",
    "read_pipeline",
    "read_project",
    "read_source",
    "recorded",
    "resolve",
    "rewrite",
    "substitute",
    "text_hint",
    "to_data",
    "unescape",
    "unfinished",
    "validate",
]
