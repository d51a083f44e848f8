"""How the guests stand: capability by guest, as a table for a terminal and as one for the docs. Imports nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct


class Standing(Struct, frozen=True):
    """How one guest stands in one capability: `yes`, `quirk` with its reason, `no`, or `failed`."""

    kind: str
    subject: str
    capability: str
    mark: str
    reason: str = ""


_WORSE = ("no", "yes", "quirk", "failed")
_APART = ("mode",)
"""Capabilities whose cases are rows of their own."""


def row_of(capability: str) -> str:
    """Return the row of the table that a capability belongs to; cases of one law share a row."""
    first, _, rest = capability.partition(":")
    return f"{first} {rest}" if first in _APART and rest else first.replace("_", " ")


def grid(standings: Iterable[Standing]) -> tuple[list[str], list[str], dict[tuple[str, str], str]]:
    """Return the rows, the subjects, and the mark of each pair; the worst case of a law decides."""
    rows: dict[str, None] = {}
    subjects: dict[str, None] = {}
    marks: dict[tuple[str, str], str] = {}
    for one in standings:
        row = row_of(one.capability)
        rows[row] = subjects[one.subject] = None
        marks[row, one.subject] = max(marks.get((row, one.subject), "no"), one.mark, key=_WORSE.index)
    return list(rows), list(subjects), marks


def quirks(standings: Iterable[Standing]) -> dict[str, list[str]]:
    """Return the quirks of each subject, those with one reason together."""
    found: dict[str, dict[str, list[str]]] = {}
    for one in standings:
        if one.mark == "quirk":
            found.setdefault(one.subject, {}).setdefault(one.reason, []).append(one.capability)
    return {
        subject: [f"{', '.join(shown(name) for name in names)}: {reason}" for reason, names in reasons.items()]
        for subject, reasons in found.items()
    }


def shown(capability: str) -> str:
    """Write a capability as a person reads it."""
    first, _, rest = capability.partition(":")
    return " ".join([first.replace("_", " "), rest]).strip()


def text(standings: Iterable[Standing]) -> list[str]:
    """Write the table for a terminal, one for each kind of guest."""
    every = list(standings)
    lines: list[str] = []
    for kind in dict.fromkeys(one.kind for one in every):
        some = [one for one in every if one.kind == kind]
        rows, subjects, marks = grid(some)
        first = max(len(name) for name in [kind, *rows])
        widths = [max(len(name), len("failed")) for name in subjects]
        lines.append("  ".join([kind.ljust(first), *(n.ljust(w) for n, w in zip(subjects, widths, strict=True))]))
        for row in rows:
            cells = [marks.get((row, n), "-").ljust(w) for n, w in zip(subjects, widths, strict=True)]
            lines.append("  ".join([row.ljust(first), *cells]).rstrip())
        for subject, told in quirks(some).items():
            lines += [f"{subject}, {line}" for line in told]
        lines.append("")
    return lines


def markdown(standings: Iterable[Standing], labels: Mapping[str, str] | None = None) -> str:
    """Write the table of one kind of guest for the docs, with the quirks below it."""
    some = list(standings)
    rows, subjects, marks = grid(some)
    lines = [f"| | {' | '.join(f'`{name}`' for name in subjects)} |", "|---|" + "---|" * len(subjects)]
    cells = {"yes": "yes", "quirk": "*quirk*", "no": "-", "failed": "**failed**"}
    for row in rows:
        told = [cells[marks.get((row, name), "no")] for name in subjects]
        lines.append(f"| {(labels or {}).get(row, row)} | {' | '.join(told)} |")
    for subject, reasons in quirks(some).items():
        lines += ["", f"`{subject}`", "", *(f"- {reason}" for reason in reasons)]
    return "\n".join(lines) + "\n"
