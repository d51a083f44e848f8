"""Reading JSON without losing a digit: values beside the very text that they were written as.

A number such as 0.10 or 12345678901234567890.12 is not what a double makes of it; so records keep their text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_WORD = 12
"""Characters that a number, a word or an escape may have lost its end within."""
_SPACE = re.compile(r"[ \t\r\n]*")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def parse(text: str) -> Any:
    """Read a whole document. Raises ValueError (JSONDecodeError with a position) when it is not JSON."""
    value, end = _DECODER.raw_decode(text, _skip(text, 0))
    if _skip(text, end) != len(text):
        raise json.JSONDecodeError("more text behind the end", text, end)
    return value


def breaks_off(text: str, error: Exception) -> bool:
    """Tell whether text that is not JSON is the beginning of some, by where `parse` gave up."""
    text, at = text.strip(), getattr(error, "pos", 0)
    if not text.startswith(("{", "[")):
        return False
    cut_word = text[-1] not in "]}" and at >= len(text) - _WORD
    return at >= len(text) or "Unterminated" in str(error) or cut_word


def members(text: str, start: int = 0) -> Iterator[tuple[str, Any, str, int]]:
    """Yield key, value, text of the value and where it starts, for each member of the object that starts there."""
    at = _skip(text, _skip(text, start) + 1)
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)  # behind the colon
        value, end = _DECODER.raw_decode(text, at)
        yield key, value, text[at:end], at
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def elements(text: str, start: int = 0) -> Iterator[tuple[Any, str]]:
    """Yield value and text of each element of the list that starts there."""
    at = _skip(text, _skip(text, start) + 1)
    while text[at] != "]":
        value, end = _DECODER.raw_decode(text, at)
        yield value, text[at:end]
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def find(text: str, path: list[str]) -> int | None:
    """Return where the value at a path of keys starts; None when it is not there."""
    at = _skip(text, 0)
    for name in path:
        if text[at] != "{":
            return None
        found = [start for key, _, _, start in members(text, at) if key == name]
        if not found:
            return None
        at = found[-1]
    return at


def value_at(value: Any, path: str) -> tuple[bool, Any]:
    """Tell whether a path such as `meta.next` is there, and its value."""
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            return False, None
        value = value[name]
    return True, value


def kind(value: Any) -> str:
    """Say what a value is, the way messages call it."""
    if isinstance(value, bool):
        return "true or false"
    names = {dict: "an object", list: "a list", str: "text", int: "a number", float: "a number", type(None): "null"}
    return names.get(type(value), "a value")


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
