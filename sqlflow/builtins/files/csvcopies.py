"""Files that are read through a copy, because the engine would not read them as what they are.

Files in an encoding that it does not know, which the copy has as UTF-8. And files whose last line ends in spaces and
not in a newline: those spaces are an accident of whoever wrote the file, not data, and would turn the last column into
text. The copy is without them, so that everything else is as it would be with a newline there.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlflow.sdk import ENGINE_ENCODINGS, StepError, recode

from .csvformat import CsvRead
from .local import compression_of

TAIL = 8_192


def readable(files: list[str], options: CsvRead) -> tuple[list[str], Callable[[], None] | None]:
    """Return the files to read, some replaced by copies, and what removes the copies again.

    Where the encoding is foreign all are copies in UTF-8 that are not compressed.
    """
    foreign = options.encoding not in ENGINE_ENCODINGS
    padded = {} if foreign else {name: length for name in files if (length := padding(Path(name), options))}
    if not foreign and not padded:
        return files, None
    folder = tempfile.mkdtemp(prefix="sqlflow-csv-")
    try:
        read = list(files)
        for number, name in enumerate(files):
            if foreign:
                read[number] = _recoded(Path(name), options, Path(folder))
            elif name in padded:
                read[number] = _cut(Path(name), padded[name], Path(folder))
    except (EOFError, zlib.error) as error:
        shutil.rmtree(folder, ignore_errors=True)
        told = f"a file of {options.path} cannot be unpacked: {error}"
        raise StepError(told, hint="fetch the file again", code="SF511", kind="bad_data") from error
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise StepError(
            f"cannot copy a file to {folder}: {error.strerror or error}",
            hint="free some space there, or save the file as UTF-8 that ends with a newline",
            code="SF713",
            kind="permission",
        ) from error
    except StepError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return read, lambda: shutil.rmtree(folder, ignore_errors=True)


def padding(path: Path, options: CsvRead) -> int:
    """Return how many bytes of spaces end a file that does not end in a newline; 0 for most files."""
    if options.encoding == "utf-16" or options.compression not in ("auto", "none") or path.suffix in (".gz", ".zst"):
        return 0
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(size - TAIL, 0))
        tail = stream.read()
    blanks = bytes(set(b" \t") - set(options.delimiter.encode()))
    stripped = tail.rstrip(blanks)
    return 0 if not stripped or stripped.endswith((b"\n", b"\r")) else len(tail) - len(stripped)


def _place(path: Path, folder: Path) -> Path:
    """Return where a copy stands; folders above it keep their names, which may be partitions."""
    target = folder / path.relative_to(path.anchor)
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _cut(path: Path, length: int, folder: Path) -> str:
    target = _place(path, folder)
    shutil.copyfile(path, target)
    os.truncate(target, target.stat().st_size - length)
    return str(target)


def _recoded(path: Path, options: CsvRead, folder: Path) -> str:
    target = _place(path, folder)
    with _opened(path, compression_of(options.compression, path.name)) as stream:
        recode(stream, target, options.encoding, path.name)
    if target.suffix not in (".gz", ".zst") and (length := padding(target, options)):
        os.truncate(target, target.stat().st_size - length)
    return str(target)


def _opened(path: Path, packed: str) -> contextlib.AbstractContextManager[Any]:
    if packed == "gzip":
        return gzip.open(path)
    if packed == "zstd":
        import pyarrow as pa

        opened: contextlib.AbstractContextManager[Any] = pa.input_stream(str(path), compression="zstd")
        return opened
    return path.open("rb")
