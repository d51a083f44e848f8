"""How documents are laid out: the order of keys that people read best, and SQL printed one way.

Must not know plans, runs or files. It changes how a document looks, and proves that it says what it said.
"""

from .canonical import formatted

__all__ = ["formatted"]
