"""Rules of a project's own: queries over what its documents say, in which every row is a finding.

Takes documents as they were held and returns problems. Must not know how findings are silenced or shown.
"""

from .judging import judge
from .metadata import TABLES, metadata

__all__ = ["TABLES", "judge", "metadata"]
