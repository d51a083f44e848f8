"""A document as read: its text, its nodes, and what was wrong with it so far."""

from __future__ import annotations

from pathlib import Path
from typing import Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace
from pydantic import BaseModel

from .diagnosis import Diagnosis
from .node import Mapping, Node, Source

M = TypeVar("M", bound=BaseModel)


class Document(Struct, Generic[M], frozen=True):
    """One YAML document. `model` is None when it is too broken to go on; `diagnosis` always tells why."""

    path: Path
    source: Source
    root: Mapping
    model: M | None
    diagnosis: Diagnosis
    kind: str = "pipeline"

    def afresh(self) -> Document[M]:
        """Return the same document for another plan, without what is noted about it for that one."""
        return replace(self, diagnosis=Diagnosis(self.source, list(self.diagnosis.problems)))

    def node(self, key: str) -> Node | None:
        """Return the node under a top-level key."""
        return self.root.values.get(key)
