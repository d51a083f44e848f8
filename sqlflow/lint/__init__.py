"""What is valid and yet likely not meant: rules over plans, their levels, and the comments that silence them.

Must not know which rules there are, or how findings are shown.
"""

from .findings import lint
from .footprint import Footprint
from .view import Subject

__all__ = ["Footprint", "Subject", "lint"]
