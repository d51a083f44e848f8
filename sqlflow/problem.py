"""A complaint as a value: what is wrong, where, and what to do about it.

Problems are collected, never raised one by one, so that one pass tells all of them.
This room knows nothing of YAML, SQL or terminals; whoever shows a problem decides how it looks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

Severity = Literal["error", "warning", "unchecked"]
_WORD = re.compile(r"\$\{[^}]*\}?|[\w.$@/\\:*+-]*[\w*]|\S")


class Mark(Struct, frozen=True, order=True):
    """A place in a text file; line and column count from 1. `text` is the source line, for the caret."""

    file: str
    line: int
    column: int
    text: str = ""

    @property
    def width(self) -> int:
        """How many characters the word at this place has; 1 where its line is not known."""
        found = _WORD.match(self.text, self.column - 1)
        return max(1, found.end() - found.start()) if found else 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Problem(Struct, frozen=True):
    """One thing that is wrong: a stable code, a message, its place, the remedy.

    `severity` is `error` (the document cannot run), `warning`, or `unchecked` (could not be decided here).
    `related` names further places that belong to the same problem.
    """

    code: str
    message: str
    mark: Mark | None = None
    hint: str | None = None
    severity: Severity = "error"
    related: tuple[Mark, ...] = ()

    def __str__(self) -> str:
        """Return the one-line form, `file:line:col: SFnnn message`, which editors and CI systems recognise."""
        where = f"{self.mark}: " if self.mark else ""
        kind = "" if self.severity == "error" else f"{self.severity}: "
        return f"{where}{self.code} {kind}{self.message}"


def closest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known name most like `name`, or None when nothing is close; at `cutoff` 1 only the same is."""
    from difflib import get_close_matches

    folded = {candidate.lower(): candidate for candidate in sorted(known, reverse=True)}
    found = get_close_matches(name.lower(), folded, n=1, cutoff=cutoff)
    return folded[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str], *, noun: str) -> str:
    """Return the hint for a name that was looked up and not found; lists what there is when nothing is close."""
    known = sorted(known)
    if (guess := closest(name, known)) is not None:
        return f"did you mean {guess!r}?"
    if not known:
        return f"there is no {noun} here"
    listed = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")  # noqa: PLR2004 - a line's worth
    return f"known {noun}s: {listed}"
