"""What validation has found before, under the contents that it was found from. Safe to delete, and to share.

An answer is filed under a hash of the document, the project file, the options and the installed code, and it lists
everything else that it depends on: files, variables of the environment, tables of other documents. It is used only
where all of that is still the same. Imports nothing heavy: when every document is known, nothing else is loaded.
"""

from .answers import NOBODY, Answer, Columns, Depends, Known, known_answers, tables_made
from .files import Files
from .place import folder
from .store import Store

__all__ = [
    "NOBODY",
    "Answer",
    "Columns",
    "Depends",
    "Files",
    "Known",
    "Store",
    "folder",
    "known_answers",
    "tables_made",
]
