"""Rows in the binary format of COPY: columns of values laid beside each other, a whole batch at a time.

A row is the number of its fields and, for each, its length in four bytes and its value; the length of NULL is -1
(https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"). What the bytes of a value mean is not known
here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
"""What a stream begins with: the signature, no flags, no extension."""

TRAILER = b"\xff\xff"
"""What a stream ends with: a row of -1 fields."""

_NULL = b"\xff\xff\xff\xff"


@dataclass(frozen=True)
class Fixed:
    """Values of one length: a matrix of bytes with a row for each. `nulls`: Arrow booleans, None where none is NULL."""

    bytes: Any
    nulls: Any = None


@dataclass(frozen=True)
class Varying:
    """Values of any length: a binary Arrow array."""

    values: Any


Field = Fixed | Varying


def rows(count: int, fields: Sequence[Field]) -> memoryview:
    """Lay fields beside each other as rows."""
    import numpy as np

    number = np.frombuffer(len(fields).to_bytes(2, "big"), np.uint8)
    return _bytes(_laid([np.broadcast_to(number, (count, 2)), *(part for field in fields for part in _parts(field))]))


def listed(field: Field, lengths: Any) -> Any:
    """Lay values one behind the other, so many for each list, and return the bytes of each list as an Arrow array."""
    import numpy as np
    import pyarrow as pa

    laid = _laid(_parts(field))
    ends = np.concatenate([[0], np.cumsum(lengths)])
    offsets = np.frombuffer(laid.buffers()[1], np.int32)[: len(laid) + 1][ends]
    return pa.Array.from_buffers(
        pa.binary(), len(lengths), [None, pa.py_buffer(np.ascontiguousarray(offsets)), laid.buffers()[2]]
    )


def matrix(count: int, /, **columns: tuple[str, Any]) -> Any:
    """Write numbers beside each other as so many rows of bytes; each comes with its type, as numpy spells it: `>i4`."""
    import numpy as np

    found = np.empty(count, dtype=[(name, kind) for name, (kind, _) in columns.items()])
    for name, (_, values) in columns.items():
        found[name] = values
    return found.view(np.uint8).reshape(count, found.dtype.itemsize)


def binary(rows_of_bytes: Any) -> Any:
    """Return a matrix of bytes as a binary Arrow array, a value for each row."""
    import numpy as np
    import pyarrow as pa

    count, width = rows_of_bytes.shape
    offsets = np.arange(0, (count + 1) * width, width, dtype=np.int32) if width else np.zeros(count + 1, np.int32)
    data = np.ascontiguousarray(rows_of_bytes)
    return pa.Array.from_buffers(pa.binary(), count, [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def _parts(field: Field) -> list[Any]:
    """Return a field with its length before it, as matrices and binary arrays without NULL."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(field, Varying):
        lengths = pc.fill_null(pc.binary_length(field.values), -1).to_numpy(zero_copy_only=False)
        return [matrix(len(field.values), length=(">i4", lengths)), pc.fill_null(field.values, b"")]
    count, width = field.bytes.shape
    length = np.broadcast_to(np.frombuffer(width.to_bytes(4, "big"), np.uint8), (count, 4))
    if field.nulls is None:
        return [length, field.bytes]
    whole = binary(np.concatenate([length, field.bytes], axis=1))
    return [pc.if_else(field.nulls, pa.scalar(_NULL, pa.binary()), whole)]


def _laid(parts: Sequence[Any]) -> Any:
    """Join parts row by row; matrices that follow each other are one first, which is much faster."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    found: list[Any] = []
    matrices: list[Any] = []
    for part in [*parts, None]:
        if isinstance(part, np.ndarray):
            matrices.append(part)
            continue
        if matrices:
            found.append(binary(np.concatenate(matrices, axis=1)))
            matrices = []
        if part is not None:
            found.append(part)
    return found[0] if len(found) == 1 else pc.binary_join_element_wise(*found, pa.scalar(b"", pa.binary()))


def _bytes(laid: Any) -> memoryview:
    import numpy as np

    if not len(laid):
        return memoryview(b"")
    offsets = np.frombuffer(laid.buffers()[1], np.int32)
    return memoryview(laid.buffers()[2])[offsets[laid.offset] : offsets[laid.offset + len(laid)]]
