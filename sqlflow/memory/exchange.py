"""State as a JSON document: written out, and taken in again only when all of it is right."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from sqlflow.errors import DocumentError
from sqlflow.problem import Mark, Problem, did_you_mean
from sqlflow.sdk import WATERMARK, Memory, StateEntry
from sqlflow.version import __version__

from .book import Book, Standing
from .entries import complaint, entry_data, fault_of
from .watermarks import cast_text

FORMAT = 1
_TEXTS = ("pipeline", "step", "target", "kind", "name")
_KEYS = frozenset({*_TEXTS, "value", "run", "at"})


class Intake(Struct, frozen=True):
    """What an import did."""

    written: tuple[StateEntry, ...]
    unchanged: int


def exported(book: Book, entries: Sequence[StateEntry]) -> tuple[dict[str, Any], list[StateEntry]]:
    """Return entries as one JSON-ready document, and the damaged ones, which are left out of it."""
    damaged = [entry for entry in entries if fault_of(entry) is not None]
    document = {
        "format": FORMAT,
        "sqlflow": __version__,
        "pipeline": book.plan.pipeline,
        "entries": [entry_data(entry) for entry in entries if fault_of(entry) is None],
    }
    return document, damaged


def read_export(text: str, name: str) -> list[dict[str, Any]]:
    """Return the entries of an exported document.

    Raises:
        DocumentError: it is not one, or a newer version of SQLFlow wrote it.

    """
    try:
        data = json.loads(text)
    except ValueError as error:
        mark = None
        if isinstance(error, json.JSONDecodeError):
            lines = text.splitlines()
            shown = lines[error.lineno - 1] if error.lineno <= len(lines) else ""
            mark = Mark(name, error.lineno, error.colno, shown)
        told = f"not JSON: {error.msg}" if isinstance(error, json.JSONDecodeError) else f"not JSON: {error}"
        raise DocumentError([Problem("SF742", told, mark, "take a file that `sqlflow state export` wrote")]) from error
    form = data.get("format") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(form, int) or isinstance(form, bool):
        raise _refused(name, "it has no format number", "take a file that `sqlflow state export` wrote")
    if form > FORMAT:
        told = f"it was written by a newer version of SQLFlow (format {form}; this one knows {FORMAT})"
        raise _refused(name, told, "install that version")
    if form < 1:
        raise _refused(name, f"there is no format {form}", "take a file that `sqlflow state export` wrote")
    if strange := sorted(set(data) - {"format", "sqlflow", "pipeline", "entries"}):
        raise _refused(name, f"unknown key {strange[0]!r}", "remove it")
    if not isinstance(data.get("entries"), list):
        raise _refused(name, "it has no list of entries", "take a file that `sqlflow state export` wrote")
    found: list[dict[str, Any]] = data["entries"]
    return found


def take_in(book: Book, raw: Sequence[Any], name: str, *, all_pipelines: bool) -> Intake:
    """Write the entries of an export; what the warehouse remembers beside them stays.

    Raises:
        DocumentError: something is wrong with one of them; tells all, and nothing has been written.

    """
    problems: list[Problem] = []
    seen: dict[tuple[str, ...], int] = {}
    for position, item in enumerate(raw):
        place = f"entries[{position}]"
        found = _objection(book, item, all_pipelines=all_pipelines)
        if found is None:
            key = tuple(item[part] for part in _TEXTS)
            if key in seen:
                found = (f"it says again what entries[{seen[key]}] says", "keep one of them")
            seen.setdefault(key, position)
        if found is not None:
            problems.append(Problem("SF742", f"{name}: {place}: {found[0]}", None, found[1]))
    if problems:
        raise DocumentError(problems)
    present = {_key(entry): entry.value for entry in book.everything}
    fresh = [item for item in raw if present.get(tuple(item[part] for part in _TEXTS)) != item["value"]]
    book.write(
        "state import",
        [(i["pipeline"], i["step"], i["target"], Memory(i["kind"], i["name"], i["value"])) for i in fresh],
    )
    return Intake(tuple(_entry(item) for item in fresh), len(raw) - len(fresh))


def _objection(book: Book, item: Any, *, all_pipelines: bool) -> tuple[str, str | None] | None:
    """Say what is wrong with one entry, and what to do about it."""
    if not isinstance(item, dict):
        return "an entry must be an object", None
    if strange := sorted(set(item) - _KEYS):
        return f"unknown key {strange[0]!r}", did_you_mean(strange[0], _KEYS, noun="key")
    for part in _TEXTS:
        if not isinstance(item.get(part), str):
            return f"{part!r} must be text" if part in item else f"{part!r} is missing", None
    if not isinstance(item.get("value"), dict):
        return "'value' must be an object" if "value" in item else "'value' is missing", None
    kind, value = item["kind"], item["value"]
    if (wrong := complaint(kind, item["name"], value)) is not None:
        return wrong, None
    if item["pipeline"] != book.plan.pipeline and not all_pipelines:
        told = f"it belongs to pipeline {item['pipeline']!r}, and this is {book.plan.pipeline!r}"
        return told, "import it with --all, which takes the state of every pipeline"
    standing = book.standing(_entry(item))
    if standing is Standing.NO_STEP:
        known = [step.id for step in book.plan.steps]
        return f"unknown step {item['step']!r}", did_you_mean(item["step"], known, noun="step")
    if standing is Standing.OTHER_TARGET:
        writes = next(sorted(s.plan.writes) for s in book.plan.steps if s.id == item["step"])
        return f"step {item['step']!r} does not write {item['target']}", f"it writes {', '.join(writes) or 'no table'}"
    if standing is Standing.NO_TABLE:
        told = f"table {item['target']} is not in the warehouse, so it would not count"
        return told, "copy the table first"
    if kind == WATERMARK and cast_text(book.session, value["value"], value["type"]) is None:
        return f"watermark {value['value']!r} is not a value of type {value['type']}", None
    return None


def _entry(item: dict[str, Any]) -> StateEntry:
    pipeline, step, target, kind, name = (item[part] for part in _TEXTS)
    return StateEntry(pipeline, step, target, kind, name, item["value"], "state import", datetime.now(UTC))


def _key(entry: StateEntry) -> tuple[str, ...]:
    return entry.pipeline, entry.step, entry.target, entry.kind, entry.name


def _refused(name: str, told: str, hint: str) -> DocumentError:
    return DocumentError([Problem("SF742", f"{name}: {told}", None, hint)])
