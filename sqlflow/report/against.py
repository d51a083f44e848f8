"""What a change to documents does, in words that the terminal and comments share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

MOST = 40
"""Lines of one list that are told."""


def against_line(data: Mapping[str, Any]) -> str:
    """Sum up a comparison in one line."""
    told = data["against"]
    commit = f" ({told['commit']}{', where this branch left it' if told['forked'] else ''})"
    counts = Counter(change["change"] for change in data["steps"])
    steps = ", ".join(f"{counts[kind]} {kind}" for kind in ("added", "changed", "removed") if counts[kind])
    what = f"{steps} of {data['steps_in_all']} steps" if steps else "nothing is other than it was"
    return f"against {told['revision']}{commit}: {what}"


def option_words(option: Mapping[str, Any]) -> str:
    """Say what is other about a step."""
    name, was, now = option["name"], option["was"], option["now"]
    if was is None and now is None:
        return f"{name} edited"
    return f"{name}: {was or 'none'} -> {now or 'none'}"


def column_words(change: Mapping[str, Any]) -> str:
    """Say what becomes of a column, or of a table."""
    table, kind = change["table"], change["change"]
    if change["column"] is None:
        return f"{table}: {'new table' if kind == 'added' else 'not made any more'}"
    name = f"{table}.{change['column']}"
    if kind == "retyped":
        return f"{name}: {change['was']} -> {change['now']}"
    return f"{name}: new, {change['now']}" if kind == "added" else f"{name}: gone, was {change['was']}"


def touched_words(touched: Mapping[str, Any]) -> str:
    """Say what of a table or an export may become other."""
    what = ["its rows"] if touched["rows"] else []
    what += [", ".join(touched["columns"])] if touched["columns"] and not touched["rows"] else []
    return f"{touched['kind']} {touched['name']} ({touched['pipeline']}/{touched['step']}): {''.join(what)}"


def sections(data: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield the lists of a comparison that have something in them, each with its heading."""
    lists = {
        "what is lost or left behind": [f"{e['step']}: {e['message']}" for e in data["effects"]],
        "columns": [column_words(change) for change in data["columns"]],
        "what lies downstream": [touched_words(touched) for touched in data["touched"]],
        f"`sqlflow run --changed` runs {len(data['runs'])} of {data['steps_in_all']} steps because of this": [
            f"{run['step']}: {run['reason']}" for run in data["runs"]
        ],
        "not compared": list(data["unknown"]),
    }
    for heading, lines in lists.items():
        if lines:
            more = [f"and {len(lines) - MOST} more"] if len(lines) > MOST else []
            yield heading, [*lines[:MOST], *more]
