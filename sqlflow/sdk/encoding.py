"""Encodings of text files: which names are known, and turning a file into UTF-8. Knows no format."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import IO, Annotated

from pydantic import AfterValidator

from sqlflow.errors import StepError
from sqlflow.problem import did_you_mean

_ENGINES = {"utf-8": "utf-8", "utf-8-sig": "utf-8", "utf-16": "utf-16", "iso8859-1": "latin-1"}
"""What engines read by themselves, by the names that Python gives to codecs."""
ENGINE_ENCODINGS = frozenset(_ENGINES.values())
ENCODING_HINT = (
    "write the encoding that it was saved in, such as encoding: windows-1252 (Excel in Western Europe), "
    "latin-1 or utf-16"
)
"""What to do about a file that is not text in the encoding that is stated."""

_CHUNK = 1_000_000
_PLAIN = "a,;\n"


def _known(name: str) -> str:
    try:
        codec = codecs.lookup(name)
        plain = codec.name == "utf-16" or _PLAIN.encode(name) == _PLAIN.encode("ascii")
    except (LookupError, ValueError):
        told = "expected an encoding such as utf-8, utf-16, latin-1 or windows-1252"
        raise ValueError(f"{told}, found {name!r}; {_meant(name)}") from None
    if not plain:
        raise ValueError(f"text in {name} cannot be read; save it as UTF-8")
    return _ENGINES.get(codec.name, name)


def _meant(name: str) -> str:
    """Say which encoding may be meant by a name that is none."""
    known = ("utf-8", "utf-16", "latin-1", "iso-8859-15", "windows-1250", "windows-1251", "windows-1252")
    return did_you_mean(name, known, noun="encoding")


TextEncoding = Annotated[str, AfterValidator(_known)]
"""An option that names an encoding: one of those that engines read, or any other that Python knows."""


def recode(source: IO[bytes], target: Path, encoding: str, shown: str) -> None:
    """Write a text as UTF-8.

    Args:
        source: Where the bytes come from.
        target: The file to write.
        encoding: What the bytes are encoded in.
        shown: What messages call the source.

    Raises:
        StepError: it is not text in that encoding.

    """
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with target.open("wb") as out:
        while True:
            chunk = source.read(_CHUNK)
            try:
                out.write(decoder.decode(chunk, final=not chunk).encode())
            except UnicodeDecodeError as error:
                found = error.object[error.start]
                line += error.object.count(b"\n", 0, error.start)
                raise StepError(
                    f"{shown} is not {encoding} text: line {line} holds the byte 0x{found:02x}",
                    hint=ENCODING_HINT,
                    code="SF511",
                    kind="bad_data",
                ) from None
            if not chunk:
                return
            line += chunk.count(b"\n")
