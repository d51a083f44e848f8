"""The YAML document: text with places, the envelope, interpolation. Nothing of what steps mean.

Must not know step types, connectors, SQL or how anything runs.
"""

from .diagnosis import Diagnosis, Filled, interpolate, substitute, validate
from .document import Document
from .editing import CannotEdit, Wish, as_block, edited
from .interpolation import Expression, Lookup, Resolved, as_text, is_interpolated, unescape
from .model import (
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

__all__ = [
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
    "edited",
    "find",
    "interpolate",
    "is_interpolated",
    "parse_pipeline",
    "read_pipeline",
    "read_project",
    "read_source",
    "resolve",
    "substitute",
    "to_data",
    "unescape",
    "validate",
]
