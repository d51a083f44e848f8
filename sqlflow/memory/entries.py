"""One remembered value: whether it is what its kind says, and how a person reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlflow.sdk import (
    FILE,
    INTERVAL,
    KINDS,
    SCHEMA,
    WATERMARK,
    SQLFlowError,
    StateEntry,
    did_you_mean,
    parse_baseline,
)

#: A type that a watermark can have; nothing that could be read as more SQL than a type.
CURSOR_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_ ]*(\(\s*\d+\s*(,\s*\d+\s*)?\))?")


def complaint(kind: str, name: str, value: Mapping[str, Any]) -> str | None:
    """Say what is wrong with a value of a kind, or return None."""
    if kind not in KINDS:
        return f"unknown kind {kind!r}; {did_you_mean(kind, KINDS, noun='kind')}"
    if kind in (WATERMARK, SCHEMA) and name:
        return f"a {kind} has no name, and this one is called {name!r}"
    if kind == SCHEMA:
        return _schema_complaint(value)
    if kind == WATERMARK:
        return _parts(value, {"column": str, "value": str, "type": str}) or (
            None if CURSOR_TYPE.fullmatch(value["type"]) else f"{value['type']!r} is no type of a watermark"
        )
    if kind == FILE:
        return _parts(value, {"size": int, "stamp": str}) or (None if name else "a file needs a name")
    return _parts(value, {"end": str}) or _interval_complaint(name, value["end"])


def fault_of(entry: StateEntry) -> str | None:
    """Say what is wrong with an entry, or return None."""
    if entry.fault is not None or entry.value is None:
        return entry.fault
    return complaint(entry.kind, entry.name, entry.value)


def _parts(value: Mapping[str, Any], wanted: Mapping[str, type]) -> str | None:
    words = {str: "text", int: "a whole number"}
    for key, kind in wanted.items():
        if key not in value:
            return f"{key!r} is missing"
        if not isinstance(value[key], kind) or isinstance(value[key], bool):
            return f"{key!r} must be {words[kind]}, found {value[key]!r}"
    strange = sorted(set(value) - set(wanted))
    return f"unknown key {strange[0]!r}" if strange else None


def _schema_complaint(value: Mapping[str, Any]) -> str | None:
    try:
        parse_baseline(value)
    except SQLFlowError as error:
        return error.message
    for position, column in enumerate(value["columns"]):
        if not isinstance(column["name"], str) or not isinstance(column["type"], str) or not column["name"]:
            return f"column {position + 1} needs a name and a type"
        if column.get("nullable") not in (True, False, None):
            return f"column {column['name']!r}: nullable is true, false or null"
    return None


def _interval_complaint(name: str, end: str) -> str | None:
    try:
        start, stop = datetime.fromisoformat(name), datetime.fromisoformat(end)
    except ValueError:
        return f"an interval is named by its start and has an end, found {name!r} and {end!r}"
    if start.tzinfo or stop.tzinfo:
        return f"an interval is written in UTC without a zone, found {name!r} and {end!r}"
    return None if start < stop else f"the interval ends at {end}, before it starts"


def summary(kind: str, entries: Sequence[StateEntry]) -> str:
    """Say what a step remembers of a kind, on one line."""
    faults = [fault for entry in entries if (fault := fault_of(entry)) is not None]
    if faults:
        return f"damaged: {faults[0]}" + (f" (and {len(faults) - 1} more)" if len(faults) > 1 else "")
    if kind == FILE:
        return f"{len(entries):,} file{'' if len(entries) == 1 else 's'}"
    if kind == INTERVAL:
        ends = [str((entry.value or {})["end"]) for entry in entries]
        count = f"{len(entries):,} interval{'' if len(entries) == 1 else 's'}"
        return f"{count}, {min(entry.name for entry in entries)} to {max(ends)}"
    return ", ".join(_one(entry) for entry in entries)


def _one(entry: StateEntry) -> str:
    value = entry.value or {}
    if entry.kind == WATERMARK:
        return f"{value['column']} = {value['value']} ({value['type']})"
    if entry.kind == SCHEMA:
        columns = value["columns"]
        accepted = ", accepted" if value.get("accepted") else ""
        return f"{len(columns)} column{'' if len(columns) == 1 else 's'}{accepted}"
    if entry.kind == FILE:
        return f"{value['size']:,} bytes, {value['stamp']}"
    return f"until {value['end']}" if "end" in value else str(dict(value))


def text_of(entry: StateEntry) -> str:
    """Say what one entry holds."""
    fault = fault_of(entry)
    return f"damaged: {fault}" if fault is not None else _one(entry)


def entry_data(entry: StateEntry) -> dict[str, Any]:
    """Return an entry as JSON-ready data."""
    return {
        "pipeline": entry.pipeline,
        "step": entry.step,
        "target": entry.target,
        "kind": entry.kind,
        "name": entry.name,
        "value": entry.value,
        "run": entry.run,
        "at": entry.at.isoformat(),
    }
