"""Files whose last line ends in spaces and not in a newline.

Those spaces are an accident of whoever wrote the file, not data: they would turn the last column into text. Such a
file is read through a copy without them, so that everything else is as it would be with a newline there.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from sqlflow.sdk import StepError

from .csvformat import CsvRead

TAIL = 8_192


def unpadded(files: list[str], options: CsvRead) -> tuple[list[str], Callable[[], None] | None]:
    """Return the files to read, padded ones replaced by copies, and what removes the copies again."""
    if options.encoding == "utf-16" or options.compression not in ("auto", "none"):
        return files, None
    lengths = {name: padding(Path(name), options.delimiter) for name in files}
    if not any(lengths.values()):
        return files, None
    folder = tempfile.mkdtemp(prefix="sqlflow-csv-")
    try:
        read = [_copy(Path(name), lengths[name], Path(folder)) if lengths[name] else name for name in files]
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise StepError(
            f"cannot copy a file to {folder}: {error.strerror}",
            hint="free some space there, or end the file with a newline",
            code="SF713",
            kind="permission",
        ) from error
    return read, lambda: shutil.rmtree(folder, ignore_errors=True)


def padding(path: Path, delimiter: str) -> int:
    """Return how many bytes of spaces end a file that does not end in a newline; 0 for most files."""
    if path.suffix in (".gz", ".zst"):
        return 0
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(size - TAIL, 0))
        tail = stream.read()
    blanks = bytes(set(b" \t") - set(delimiter.encode()))
    stripped = tail.rstrip(blanks)
    return 0 if not stripped or stripped.endswith((b"\n", b"\r")) else len(tail) - len(stripped)


def _copy(path: Path, length: int, folder: Path) -> str:
    """Copy a file without its last bytes; folders above it keep their names, which may be partitions."""
    target = folder / path.relative_to(path.anchor)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)
    os.truncate(target, target.stat().st_size - length)
    return str(target)
