"""A document as read: its text, its nodes, and what was wrong with it so far."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel

from .diagnosis import Diagnosis
from .node import Mapping, Node, Source

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Document(Generic[M]):
    """One YAML document. `model` is None when it is too broken to go on; `diagnosis` always tells why."""

    path: Path
    source: Source
    root: Mapping
    model: M | None
    diagnosis: Diagnosis
    kind: str = "pipeline"

    def node(self, key: str) -> Node | None:
        """Return the node under a top-level key."""
        return self.root.values.get(key)
