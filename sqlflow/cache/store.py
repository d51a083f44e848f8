"""Answers on disk: a few files of JSON, each written whole or not at all. What cannot be read is not there."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MOST = 1_000
"""Answers on one shelf; the oldest make room."""


@dataclass
class Store:
    """Answers by their keys, which are hashes in hexadecimal digits."""

    folder: Path
    _shelves: dict[str, dict[str, Any]] = field(default_factory=dict)
    _written: set[str] = field(default_factory=set)

    def get(self, key: str) -> Any:
        """Return what is filed under a key, or None."""
        return self._shelf(key[0]).get(key)

    def put(self, key: str, value: Any) -> None:
        """File something; `save` writes it."""
        shelf = self._shelf(key[0])
        shelf.pop(key, None)  # what is newest stands last
        shelf[key] = value
        self._written.add(key[0])

    def save(self) -> None:
        """Write what is new. Where that is not possible, there is no cache: nothing is lost by it."""
        with contextlib.suppress(OSError):
            for name in sorted(self._written):
                self.folder.mkdir(parents=True, exist_ok=True)
                kept = dict(list(self._shelves[name].items())[-MOST:])
                path = self.folder / f"{name}.json"
                temporary = path.with_name(f".{path.name}.{os.getpid()}")
                temporary.write_text(json.dumps(kept, separators=(",", ":")), encoding="utf-8")
                temporary.replace(path)
        self._written.clear()

    def _shelf(self, name: str) -> dict[str, Any]:
        if name not in self._shelves:
            found: Any = {}
            with contextlib.suppress(OSError, ValueError):
                found = json.loads((self.folder / f"{name}.json").read_bytes())
            self._shelves[name] = found if isinstance(found, dict) else {}
        return self._shelves[name]
