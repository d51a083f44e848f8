"""Every SQL of a plan held against empty tables with the columns that are known, before anything runs.

Takes a plan and returns problems and the columns of every table. Talks to an engine's session and nothing else of
it: must not know a database, the command line, or how anything is shown. Reads local files for their columns,
and a warehouse that it is handed; asks no network for anything, and imports no code of a project.
"""

from .bench import Bench
from .compiler import compile_plan
from .functions import declared_functions
from .model import Compiled, Table

__all__ = ["Bench", "Compiled", "Table", "compile_plan", "declared_functions"]
