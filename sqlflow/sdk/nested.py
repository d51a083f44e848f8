"""Keys of nested types, and whether JSON objects have others, which a scan with given types leaves out unsaid."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from .sqltext import literal

_STRUCT = re.compile(r"STRUCT\((.*)\)", re.DOTALL)
_MAP = re.compile(r"MAP\((.*)\)", re.DOTALL)
_LIST = re.compile(r"(.*)\[\d*\]", re.DOTALL)
_FIELD = re.compile(r'\s*(?:"((?:[^"]|"")*)"|(\S+))\s+(.*)', re.DOTALL)
UNKNOWN_KEY = "a key that is in no object looked at first: "
"""What the error says before the key."""


def nested_keys(kind: str, path: str = "$") -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the objects inside of a type, each as the JSON path to it and the names of its keys."""
    kind = kind.strip()
    if found := _LIST.fullmatch(kind):
        yield from nested_keys(found[1], f"{path}[*]")
    elif found := _MAP.fullmatch(kind):
        yield from nested_keys(_parts(found[1])[-1], f"{path}.*")
    elif found := _STRUCT.fullmatch(kind):
        fields = [field for part in _parts(found[1]) if (field := _FIELD.fullmatch(part))]
        named = [(f[2] if f[1] is None else f[1].replace('""', '"'), f[3]) for f in fields]
        yield path, tuple(name for name, _ in named)
        for name, inner in named:
            if _can_be_named(name):
                yield from nested_keys(inner, f'{path}."{name}"')


def _can_be_named(key: str) -> bool:
    """Tell whether a JSON path can lead to a key."""
    return bool(key) and not set(key) & set('"\\')


def refuse_unknown_keys(objects: str, types: Mapping[str, str]) -> str:
    """Write a condition that holds when no object has a key that these types do not name, and else is an error.

    Args:
        objects: A relation with the objects of JSON as a column `json`.
        types: The types of the columns that they are read as.

    """
    if set(types) == {"json"}:  # what engines call values that are not taken apart
        return "TRUE"
    found = [("json", tuple(types))]
    for name, kind in types.items():
        for path, keys in nested_keys(kind, f'$."{name}"') if _can_be_named(name) else ():
            found.append((f"json, {literal(path)}", keys))
    other = [_others(given, keys) for given, keys in found]
    told = f"error(concat({literal(UNKNOWN_KEY)}, {{0}}))"
    counted = f"min(coalesce({', '.join([*other, 'NULL'])}))"
    return f"(SELECT CASE WHEN {counted} IS NULL THEN TRUE ELSE {told.format(counted)} END FROM {objects})"


def _others(given: str, keys: tuple[str, ...]) -> str:
    """Write the first key of an object, or of the objects of a list, that is not among these; NULL: there is none."""
    there = f"json_keys({given})"
    if "*" in given.partition("$")[2]:
        there = f"flatten({there})"
    return f"list_filter({there}, lambda k: NOT list_contains({literal(list(keys))}, k))[1]"


def _parts(text: str) -> list[str]:
    """Split at the commas that stand in no brackets and no quotes."""
    parts, depth, quoted, begin = [], 0, "", 0
    for position, character in enumerate(text):
        if quoted:
            quoted = "" if character == quoted else quoted
        elif character in "\"'":
            quoted = character
        elif character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == "," and not depth:
            parts.append(text[begin:position])
            begin = position + 1
    return [*parts, text[begin:]]
