"""The parts of a document for the outline of an editor: steps, variables, connections, tests."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from sqlflow.spec import Mapping, Node, Scalar, Sequence

from .sketch import sketch


class Part(Struct, frozen=True):
    """A part with its name and its lines, counted from 0; `last` is the last one that belongs to it."""

    name: str
    detail: str
    at: Scalar
    first: int
    last: int
    parts: tuple[Part, ...] = ()


def outline(text: str) -> tuple[Part, ...]:
    """Return the parts of a text, finished or not."""
    root = sketch(text)
    lines = text.split("\n")
    last = len(lines) - 1
    return tuple(_parts(root, last)) if isinstance(root, Mapping) else ()


def _parts(root: Mapping, last: int) -> Iterator[Part]:
    names = list(root.keys)
    for name, end in zip(names, [*(root.keys[following].line - 1 for following in names[1:]), last], strict=True):
        key, value = root.keys[name], root.values[name]
        inner: tuple[Part, ...] = ()
        if isinstance(value, Sequence):
            inner = tuple(_items(value, end))
        elif isinstance(value, Mapping) and name in ("vars", "connections", "profiles"):
            inner = tuple(_parts(value, end))
        yield Part(name, _shown(value), key, key.line, max(end, key.line), inner)


def _items(items: Sequence, last: int) -> Iterator[Part]:
    ends = [*(item.line - 1 for item in items.items[1:]), last]
    for item, end in zip(items.items, ends, strict=True):
        named = (item.values.get("id") or item.values.get("name")) if isinstance(item, Mapping) else None
        if isinstance(item, Mapping) and isinstance(named, Scalar) and named.text:
            yield Part(named.text, _shown(item.values.get("type")), named, item.line, max(end, named.line))


def _shown(node: Node | None) -> str:
    return node.text.partition("\n")[0] if isinstance(node, Scalar) else ""
