"""YAML as it stands in the text: every piece with where it starts and ends, anchors and styles included.

Unlike nodes, pieces say nothing of what a value means; they are for whoever lays a document out anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from msgspec import Struct, field

from .text import events

Kind = Literal["scalar", "alias", "map", "seq"]


class Piece(Struct):
    """A scalar, an alias, a mapping (its items are keys and values in turn) or a list, by its characters."""

    kind: Kind
    start: int
    end: int
    column: int
    flow: bool = False
    block: bool = False
    """Whether it is a text under | or >."""
    items: list[Piece] = field(default_factory=list)

    def pairs(self) -> list[tuple[Piece, Piece]]:
        """Return keys and values of a mapping."""
        return list(zip(self.items[::2], self.items[1::2], strict=True))


def pieces(text: str) -> Piece | None:
    """Return the root of a text that parses and holds one document; None when it holds nothing."""
    stream = iter(events(text))
    for event in stream:
        if type(event).__name__.endswith(("ScalarEvent", "MappingStartEvent", "SequenceStartEvent")):
            return _piece(event, stream)
    return None


def _piece(event: Any, stream: Iterator[Any]) -> Piece:
    kind, start = type(event).__name__, event.start_mark
    if kind in ("ScalarEvent", "AliasEvent"):
        block = kind == "ScalarEvent" and event.style in ("|", ">")
        named: Kind = "alias" if kind == "AliasEvent" else "scalar"
        return Piece(named, start.index, event.end_mark.index, start.column, block=block)
    piece = Piece("map" if kind.startswith("Mapping") else "seq", start.index, start.index, start.column)
    piece.flow = bool(event.flow_style)
    for inner in stream:
        if type(inner).__name__ in ("MappingEndEvent", "SequenceEndEvent"):
            piece.end = inner.end_mark.index if piece.flow or not piece.items else piece.items[-1].end
            break
        piece.items.append(_piece(inner, stream))
    return piece
