"""Writing a new plugin: a package that installs, runs and passes its exam from the first minute.

What it writes are the folders under `templates/`, which are plugins themselves: real files, held to the rules of
every guest. Must not know documents, plans or runs.
"""

from .kinds import KINDS
from .naming import Names, named
from .writing import write_plugin

__all__ = ["KINDS", "Names", "named", "write_plugin"]
