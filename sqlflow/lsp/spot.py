"""Where a cursor stands in a document: on which key, or in which value, and what stands around it."""

from __future__ import annotations

from msgspec import Struct

from sqlflow.spec import Mapping, Node, Path_, Scalar, Sequence, resolve

from .sketch import sketch

_CURSOR = "\ue000"
"""Put into the text where the cursor is; no document holds it."""


class Spot(Struct, frozen=True):
    """A cursor on a key or in a value. `path` leads to that key or value."""

    root: Node
    path: Path_
    scalar: Scalar
    """The key or the value."""
    offset: int
    """The character of its text before which the cursor is."""
    is_key: bool
    alone: bool
    """Whether nothing else is on the line, so that a value may become a key yet."""

    @property
    def typed(self) -> str:
        """What stands before the cursor."""
        return self.scalar.text[: self.offset]


def spot_at(text: str, line: int, column: int) -> Spot | None:
    """Return what a cursor is at, line and column counted from 0; None: a comment, or nothing."""
    lines = text.split("\n")
    if not (0 <= line < len(lines)) or _CURSOR in text:
        return None
    before, behind = lines[line][:column], lines[line][column:]
    lines[line] = f"{before}{_CURSOR}{behind}"
    root = sketch("\n".join(lines))
    found = _marked(root, ())
    if found is None:
        return None
    path, scalar, is_key = found
    offset = scalar.text.index(_CURSOR)
    if is_key:
        _rename(root, path, scalar)
        path = (*path[:-1], scalar.text.replace(_CURSOR, ""))
    scalar.text = scalar.text.replace(_CURSOR, "")
    scalar.value = scalar.text if is_key or scalar.style is not None else resolve(scalar.text)
    alone = scalar.line == line and not before[: scalar.column].strip(" -") and not behind.strip()
    return Spot(root, path, scalar, offset, is_key, alone and scalar.style is None)


def _marked(node: Node, path: Path_) -> tuple[Path_, Scalar, bool] | None:
    if isinstance(node, Scalar):
        return (path, node, False) if _CURSOR in node.text else None
    if isinstance(node, Sequence):
        inner = ((item, (*path, position)) for position, item in enumerate(node.items))
        return next((found for item, place in inner if (found := _marked(item, place)) is not None), None)
    for name, key in node.keys.items():
        if _CURSOR in name:
            return (*path, name), key, True
        if (found := _marked(node.values[name], (*path, name))) is not None:
            return found
    return None


def _rename(root: Node, path: Path_, key: Scalar) -> None:
    """Give a key its name without the mark; one that is already there stays beside it under no name."""
    holder = root
    for part in path[:-1]:
        holder = holder.values[str(part)] if isinstance(holder, Mapping) else _item(holder, part)
    if isinstance(holder, Mapping):
        name = key.text.replace(_CURSOR, "")
        value = holder.values.pop(key.text)
        holder.keys.pop(key.text)
        holder.values.setdefault(name, value)
        holder.keys.setdefault(name, key)


def _item(node: Node, part: str | int) -> Node:
    return node.items[int(part)] if isinstance(node, Sequence) else node
