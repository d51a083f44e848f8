"""Changing one mapping of a document in its text: comments, quotes and layout of all the rest stay as they are.

Pure text; writes no file. Which mapping it is, and what its values mean, is not its business.
"""

from __future__ import annotations

import copy
import json
import re
from bisect import bisect_right
from collections.abc import Mapping as Map
from typing import Any

from msgspec import Struct

from .node import Mapping, Node, Path_, Scalar, Source, find, to_data
from .text import parse, resolve

_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VALUE = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]*(\([0-9, ]+\))?(\[\])*[A-Za-z_ ]*")
_COMMENT = re.compile(r"(^|\s)#")
STEP = 2


class CannotEdit(Exception):
    """The text is written in a way that cannot be changed without touching something else; says why."""


class Wish(Struct, frozen=True):
    """A value: as a plain text, and what stands under `inner` where it is written as a mapping."""

    short: str
    long: str = ""
    inner: str = ""


def edited(source: Source, path: Path_, key: str, wished: Map[str, Wish | None], *, after: str) -> str:
    """Return the text in which the mapping `key` of the mapping at `path` holds what is wished, in this order.

    None leaves an entry as it is; an entry that is not wished goes; a new one comes last. A mapping that is
    missing is put below the key `after`.

    Raises:
        CannotEdit: it cannot be done, or the result would not be what is wished.

    """
    root, problems = parse(source)
    holder = find(root, path)[0] if root is not None else None
    if root is None or problems or not isinstance(holder, Mapping):
        raise CannotEdit("the document has problems of its own")
    text = _Text(source.text)
    node = holder.values.get(key)
    if node is None:
        text.insert_mapping(holder, after, key, wished)
    elif not isinstance(node, Mapping) or text.start(node) < holder.keys[key].end:
        raise CannotEdit(f"{key} is an alias, or not a mapping")
    elif node.flow:
        text.change_flow(node, wished)
    else:
        text.change_block(node, wished)
    result = text.result()
    _verify(Source(source.file, result), root, path, key, wished)
    return result


def as_block(key: str, values: Map[str, str], *, indent: int = 0, end: str = "\n") -> str:
    """Write a mapping as a block, every line closed by `end`."""
    lines = [f"{' ' * indent}{key}:"]
    lines += [f"{' ' * (indent + STEP)}{_key(name)}: {_value(text)}" for name, text in values.items()]
    return "".join(line + end for line in lines)


class _Change(Struct, frozen=True):
    start: int
    end: int
    text: str


class _Text:
    """A text and the changes that are to be made to it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0, *(found.end() for found in _BREAK.finditer(text))]
        self.changes: list[_Change] = []

    def start(self, node: Node) -> int:
        return self.starts[node.line] + node.column

    def end(self, node: Node) -> int:
        """Return where the last character of a node stands, and one more."""
        if isinstance(node, Scalar):
            end = node.end
            while node.style in ("|", ">") and self.text[end - 1] in "\r\n":
                end -= 1
            return end
        if isinstance(node, Mapping) and (node.flow or not node.values):
            return node.end
        if isinstance(node, Mapping):
            return max(self.end(value) for value in node.values.values())
        raise CannotEdit("a list stands where a text or a mapping is expected")

    def line(self, offset: int) -> tuple[int, int, str]:
        """Return where the line of a character starts and ends, and its line break ('' at the end of the text)."""
        number = bisect_right(self.starts, offset) - 1
        start = self.starts[number]
        if number + 1 == len(self.starts):
            return start, len(self.text), ""
        end = self.starts[number + 1]
        found = _BREAK.search(self.text, offset)
        return start, end, found[0] if found else ""

    def replace(self, start: int, end: int, text: str) -> None:
        self.changes.append(_Change(start, end, text))

    def result(self) -> str:
        text = self.text
        for change in sorted(self.changes, key=lambda c: (c.start, c.end), reverse=True):
            text = text[: change.start] + change.text + text[change.end :]
        return text

    def insert_mapping(self, holder: Mapping, after: str, key: str, wished: Map[str, Wish | None]) -> None:
        values = {name: wish.short for name, wish in wished.items() if wish is not None}
        above = after if after in holder.values else next(reversed(holder.values))
        end = self.end(holder.values[above])
        if end <= holder.keys[above].end and self.text[holder.keys[above].end : end].strip():
            raise CannotEdit(f"{above} is an alias")
        if holder.flow:
            self.replace(end, end, f", {key}: {_flow(values)}")
            return
        _, stop, closing = self.line(end)
        usual = self.line(self.start(holder.keys[above]))[2] or (_BREAK.search(self.text) or ["\n"])[0]
        block = as_block(key, values, indent=holder.keys[above].column, end=closing or usual)
        self.replace(stop, stop, block if closing else usual + block.removesuffix(usual))

    def change_flow(self, node: Mapping, wished: Map[str, Wish | None]) -> None:
        first, last = self.start(node), node.end
        written = self.text[first:last]
        if _COMMENT.search(written) and "\n" in written:
            raise CannotEdit("a comment may stand between its braces")
        spans = {n: (self.start(node.keys[n]), self.end(value)) for n, value in node.values.items()}
        items = []
        for name, wish in wished.items():
            if name not in spans:
                items.append(_item(name, wish))
                continue
            start, end = spans[name]
            inner, whole = self._inner(node.values[name], wish, flow=True), self.text[start:end]
            if inner is not None:
                whole = whole[: inner.start - start] + inner.text + whole[inner.end - start :]
            items.append(whole)
        ordered = list(spans.values())
        head = self.text[first : ordered[0][0]] if ordered else "{"
        tail = self.text[ordered[-1][1] : last] if ordered else "}"
        between = self.text[ordered[0][1] : ordered[1][0]] if len(ordered) > 1 else ", "
        self.replace(first, last, head + between.join(items) + tail)

    def _inner(self, value: Node, wish: Wish | None, *, flow: bool) -> _Change | None:
        """Return the change of one value."""
        if wish is None:
            return None
        new = wish.short
        if isinstance(value, Mapping):
            flow = flow or value.flow
            new, value = wish.long, value.values.get(wish.inner, value)
        if not isinstance(value, Scalar):
            raise CannotEdit("an entry is written in a way that cannot be changed")
        return _Change(self.start(value), self.end(value), _value(new, flow=flow))

    def change_block(self, node: Mapping, wished: Map[str, Wish | None]) -> None:
        first = next(iter(node.keys.values()))
        indent = self.text[self.starts[first.line] : self.start(first)]
        if indent.strip():
            raise CannotEdit("its first entry does not stand on a line of its own")
        last = next(reversed(node.values))
        for name, value in node.values.items():
            if name in wished:
                change = self._inner(value, wished[name], flow=False)
                if change is not None:
                    self.changes.append(change)
            else:
                start, _, _ = self.line(self.start(node.keys[name]))
                self.replace(start, self.line(self.end(value))[1], "")
        new = {n: wish.short for n, wish in wished.items() if n not in node.values and wish is not None}
        if not new:
            return
        _, stop, closing = self.line(self.end(node.values[last]))
        usual = closing or (_BREAK.search(self.text) or ["\n"])[0]
        lines = usual.join(f"{indent}{_key(name)}: {_value(text)}" for name, text in new.items())
        if closing:
            lines += usual
        elif last in wished:
            lines = usual + lines
        self.replace(stop, stop, lines)


def _verify(source: Source, before: Node, path: Path_, key: str, wished: Map[str, Wish | None]) -> None:
    """Make sure that the new text says what is wished, and all else what it said before."""
    expected: Any = copy.deepcopy(to_data(before))
    holder = expected
    for part in path:
        holder = holder[part]
    old = holder.get(key) or {}
    holder[key] = {name: _expected(old.get(name), wish) for name, wish in wished.items()}
    after, problems = parse(source)
    if after is None or problems or to_data(after) != expected:
        raise CannotEdit("it is shared with another place, or laid out in a way that is not understood")


def _expected(old: Any, wish: Wish | None) -> Any:
    if wish is None:
        return old
    return {**old, wish.inner: wish.long} if isinstance(old, dict) else wish.short


def _flow(values: Map[str, str]) -> str:
    return "{" + ", ".join(f"{_key(n)}: {_value(text, flow=True)}" for n, text in values.items()) + "}"


def _item(name: str, wish: Wish | None) -> str:
    return f"{_key(name)}: {_value(wish.short if wish else '', flow=True)}"


def _key(text: str) -> str:
    return text if _KEY.fullmatch(text) and isinstance(resolve(text), str) else json.dumps(text, ensure_ascii=False)


def _value(text: str, *, flow: bool = False) -> str:
    plain = _VALUE.fullmatch(text) and isinstance(resolve(text), str) and text == text.strip()
    return text if plain and not (flow and re.search(r"[,\[\]{}]", text)) else json.dumps(text, ensure_ascii=False)
