"""What a change to documents does: two states of a project compared, before anything runs.

Takes the documents of both as they were held, and returns values. Only `revision` knows git. Must not know a format,
a terminal or a warehouse.
"""

from .comparing import compare
from .model import Changes, ColumnChange, Effect, Option, StepChange, Touched
from .revision import Revision, revision
from .side import Side

__all__ = [
    "Changes",
    "ColumnChange",
    "Effect",
    "Option",
    "Revision",
    "Side",
    "StepChange",
    "Touched",
    "compare",
    "revision",
]
