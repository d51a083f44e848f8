"""Where an engine keeps its tables.

A storage backend only says where and how to attach; the engine does the attaching. It knows no SQL dialect
but the one it is asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from msgspec import Struct

from .config import ConfigModel


class StorageLocation(Struct, frozen=True):
    """What an engine needs to open the warehouse.

    `path` is a file (None: in memory, gone with the session). `exists` tells whether there is something to open.
    `shared` is true when several processes may have it open at once.
    """

    path: Path | None
    exists: bool
    shared: bool = False


class StorageBackend(ABC):
    """A kind of storage, by the `type` of a profile's `storage`. Subclasses hold no state."""

    name: ClassVar[str]
    Config: ClassVar[type[ConfigModel]]
    dialects: ClassVar[frozenset[str]]
    """The engine dialects that can open it."""

    @abstractmethod
    def locate(self, config: ConfigModel, folder: Path, *, default_name: str) -> StorageLocation:
        """Say where the tables are. Relative paths start at `folder`; nothing is created here."""
