"""Many documents held together: planned, and compiled in the order in which they need each other's tables.

What one document makes is known where another reads it, as long as both keep their tables in one warehouse.
Prints nothing, and must not know how problems are shown.
"""

from .answers import problems_of
from .documents import Held, hold_all, made_of, needs
from .order import Around
from .recorded import Recorded

__all__ = ["Around", "Held", "Recorded", "hold_all", "made_of", "needs", "problems_of"]
