"""The YAML document: text with places, the envelope, interpolation. Nothing of what steps mean.

Must not know step types, connectors, SQL or how anything runs.
"""

from .diagnosis import Diagnosis, Filled, interpolate, substitute, validate
from .document import Document
from .editing import CannotEdit, Wish, as_block, edited
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
    Retry,
)
from .node import Mapping, Node, Path_, Scalar, Sequence, Source, find, to_data
from .reader import parse_pipeline, read_pipeline, read_project
from .text import read_source, resolve
from .variable import ForEach, Variable, VariableType
from .wording import describe, text_hint

__all__ = [
    "NAME_PATTERN",
    "CannotEdit",
    "CheckOptions",
    "Connection",
    "Defaults",
    "Diagnosis",
    "Document",
    "Envelope",
    "Expression",
    "FailurePolicy",
    "Filled",
    "ForEach",
    "Lookup",
    "Mapping",
    "Node",
    "Path_",
    "Pipeline",
    "Profile",
    "Project",
    "Resolved",
    "Retry",
    "Scalar",
    "Sequence",
    "Source",
    "Variable",
    "VariableType",
    "Wish",
    "as_block",
    "as_text",
    "describe",
    "edited",
    "expressions",
    "find",
    "interpolate",
    "is_interpolated",
    "parse_pipeline",
    "read_pipeline",
    "read_project",
    "read_source",
    "resolve",
    "substitute",
    "text_hint",
    "to_data",
    "unescape",
    "validate",
]
