"""The identity of files: what they hold where that is quickly read, their size and time where it is not."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path

from msgspec import Struct, field

from sqlflow.root import has_documents

READ = 256 * 1024
"""Bytes up to which a file is known by what it holds."""
ABSENT = "absent"
_WINDING = re.compile(r"//|/\.|/$|\\")
"""What may make two ways to one place."""


class Files(Struct):
    """Looks at each file once in a process."""

    _known: dict[str, str] = field(default_factory=dict)
    _here: str = field(default_factory=os.getcwd)

    def place(self, path: str | Path) -> str:
        """Return the way to a file from here, by which answers name it wherever the project lies."""
        text = os.fspath(path)
        if text.startswith(f"{self._here}{os.sep}") and not _WINDING.search(text):
            return text[len(self._here) + 1 :]  # what most of them come to, in a fraction of the time
        return os.path.relpath(text)

    def identity(self, path: str) -> str:
        """Return a text that is another one when the file is."""
        if path not in self._known:
            self._known[path] = _identity(Path(path))
        return self._known[path]

    def matches(self, folder: str, pattern: str) -> bool:
        """Tell whether there are documents that match a pattern."""
        key = f"{folder}\0{pattern}\0documents"
        if key not in self._known:
            self._known[key] = "some" if has_documents(Path(folder), pattern) else ""
        return bool(self._known[key])

    def listing(self, folder: str, pattern: str) -> str:
        """Return a text that is another one when the files of a pattern are."""
        key = f"{folder}\0{pattern}"
        if key not in self._known:
            try:
                found = sorted(str(path) for path in Path(folder).glob(pattern))
            except (OSError, ValueError):
                found = []
            self._known[key] = _hash("\n".join(f"{path} {self.identity(path)}" for path in found).encode())
        return self._known[key]


def _identity(path: Path) -> str:
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            return "folder"
        if found.st_size <= READ:
            return _hash(path.read_bytes())
    except (OSError, ValueError):
        return ABSENT
    return f"{found.st_size} {found.st_mtime_ns}"


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:24]
