"""Putting a changed text in the place of a document: whole or not at all. What has changed is not its business."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from sqlflow.errors import SQLFlowError

_BOM = b"\xef\xbb\xbf"


def rewrite(path: Path, before: str, text: str) -> None:
    """Put a text in the place of the one that was read.

    Raises:
        SQLFlowError: it cannot be written, or somebody has changed the document meanwhile.

    """
    real = path.resolve()
    try:
        old = real.read_bytes()
        mark = _BOM if old.startswith(_BOM) else b""
        if old[len(mark) :] != before.encode():
            hint = "run the command again"
            raise SQLFlowError(f"{path} was changed meanwhile; nothing was written", hint=hint, code="SF743")
        _replace(real, mark + text.encode())
    except OSError as error:
        told = f"cannot write {path}: {error.strerror}"
        raise SQLFlowError(told, hint="check the permissions of the file and its folder", code="SF743") from error


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    staging = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        staging.chmod(path.stat().st_mode & 0o7777)
        staging.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            staging.unlink()
        raise
