"""Problems, plans and runs as the texts that machines and reviewers read. Pure: values in, a text out.

Must not know verbs, terminals, files or how anything was found.
"""

from collections.abc import Callable, Mapping

from .against import against_line, option_words, sections
from .github import github
from .junit import junit
from .markdown import markdown
from .model import Case, Checked, Compared, Frame, Planned, Ran, Report, Tested, problems_of
from .sarif import sarif

FORMATS: Mapping[str, Callable[[Report, Frame], str]] = {
    "github": github,
    "sarif": sarif,
    "junit": junit,
    "markdown": markdown,
}
"""The formats, by their names."""

__all__ = [
    "FORMATS",
    "Case",
    "Checked",
    "Compared",
    "Frame",
    "Planned",
    "Ran",
    "Report",
    "Tested",
    "against_line",
    "option_words",
    "problems_of",
    "sections",
]
