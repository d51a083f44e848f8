"""From which columns the columns of every table come: over one pipeline or many, and what lies downstream of one.

Takes plans and what compiling them has found, and returns values. Must not know a session, a document or a format.
"""

from .model import ANY, Field, Lineage, Touched
from .tracing import trace

__all__ = ["ANY", "Field", "Lineage", "Touched", "trace"]
