"""Answers on disk: a few files of JSON, each written whole or not at all. What cannot be read is not there."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, TypeVar

from msgspec import MsgspecError, Raw, Struct, field, json

T = TypeVar("T")

MOST = 1_000
"""Answers on one shelf; the oldest make room."""


class Store(Struct):
    """Answers by their keys, which are hashes in hexadecimal digits. Each is kept as text until it is asked for."""

    folder: Path
    _shelves: dict[str, dict[str, Raw]] = field(default_factory=dict)
    _written: set[str] = field(default_factory=set)

    def get(self, key: str, kind: type[T]) -> T | None:
        """Return what is filed under a key, or None; so, too, where it is of another kind."""
        text = self._shelf(key[0]).get(key)
        with contextlib.suppress(MsgspecError):
            return json.decode(text, type=kind) if text is not None else None
        return None

    def put(self, key: str, value: Any) -> None:
        """File something; `save` writes it."""
        shelf = self._shelf(key[0])
        shelf.pop(key, None)  # what is newest stands last
        shelf[key] = Raw(json.encode(value))
        self._written.add(key[0])

    def save(self) -> None:
        """Write what is new. Where that is not possible, there is no cache: nothing is lost by it."""
        with contextlib.suppress(OSError):
            for name in sorted(self._written):
                self.folder.mkdir(parents=True, exist_ok=True)
                kept = dict(list(self._shelves[name].items())[-MOST:])
                path = self.folder / f"{name}.json"
                temporary = path.with_name(f".{path.name}.{os.getpid()}")
                try:
                    temporary.write_bytes(json.encode(kept))
                    temporary.replace(path)
                except OSError:
                    temporary.unlink(missing_ok=True)
        self._written.clear()

    def _shelf(self, name: str) -> dict[str, Raw]:
        if name not in self._shelves:
            self._shelves[name] = {}
            with contextlib.suppress(OSError, MsgspecError):
                self._shelves[name] = json.decode((self.folder / f"{name}.json").read_bytes(), type=dict[str, Raw])
        return self._shelves[name]
