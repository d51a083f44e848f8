"""Problems, plans and runs as the texts that machines and reviewers read. Pure: values in, a text out.

Must not know verbs, terminals, files or how anything was found.
"""

from collections.abc import Callable, Mapping

from .github import github
from .junit import junit
from .markdown import markdown
from .model import Checked, Frame, Planned, Ran, Report, TestCase, Tested, problems_of
from .sarif import sarif

FORMATS: Mapping[str, Callable[[Report, Frame], str]] = {
    "github": github,
    "sarif": sarif,
    "junit": junit,
    "markdown": markdown,
}
"""The formats, by their names."""

__all__ = ["FORMATS", "Checked", "Frame", "Planned", "Ran", "Report", "TestCase", "Tested", "problems_of"]
