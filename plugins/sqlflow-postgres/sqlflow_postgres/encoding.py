"""Values as the server keeps them: Arrow columns turned into the bytes of its types. Knows no table.

The forms are those that the `_recv` functions of the server read. A moment that lies outside of what it can keep is
sent as one that it refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlflow.sdk import StepError

from .fields import Field, Fixed, Varying, binary, listed, matrix, rows
from .jsontext import as_json
from .numerics import numeric

_INTEGERS = {"smallint": ">i2", "integer": ">i4", "bigint": ">i8"}
_FLOATS = {"real": ">f4", "double precision": ">f8"}
_OIDS = {
    "boolean": 16, "bytea": 17, "bigint": 20, "smallint": 21, "integer": 23, "text": 25, "real": 700,
    "double precision": 701, "date": 1082, "time without time zone": 1083, "timestamp without time zone": 1114,
    "timestamp with time zone": 1184, "interval": 1186, "numeric": 1700, "uuid": 2950,
}  # fmt: skip
_EPOCH = 10_957
"""The first day of the year 2000, from which the server counts, in days since 1970."""

_DAY = 86_400_000_000
_PIECE = 2_000_000


def encoded(batch: Any, kinds: Sequence[tuple[str, str]]) -> Iterator[memoryview]:
    """Return the rows of a batch for COPY, about two megabytes at a time.

    Args:
        batch: The rows, an Arrow record batch.
        kinds: The name and the type of each column on the server.

    Raises:
        StepError: a value cannot be written.

    """
    step = max(1, batch.num_rows * _PIECE // max(batch.nbytes, _PIECE))
    for start in range(0, batch.num_rows, step):
        piece = batch.slice(start, step)
        found = [field(piece.column(i), kind, name) for i, (name, kind) in enumerate(kinds)]
        yield rows(piece.num_rows, found)


def field(values: Any, kind: str, name: str) -> Field:
    """Return a column in the form of a type of the server.

    Raises:
        StepError: a value cannot be written.

    """
    import pyarrow as pa

    if isinstance(values.type, pa.BaseExtensionType):
        values = values.storage
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if kind in _INTEGERS:
        return _numbers(values, _INTEGERS[kind])
    if kind in _FLOATS:
        return _numbers(values, _FLOATS[kind])
    if kind.startswith("numeric") and not kind.endswith("[]"):
        return numeric(values)
    if kind.endswith("[]"):
        return _arrays(values, kind.removesuffix("[]"), name)
    return _OTHERS[kind](values, name)


def _numbers(values: Any, kind: str) -> Fixed:
    return _fixed(values, matrix(len(values), value=(kind, _filled(values))))


def _filled(values: Any) -> Any:
    """Return numbers for numpy, with 0 where there is none."""
    return values.fill_null(0).to_numpy(zero_copy_only=False)


def _fixed(values: Any, rows_of_bytes: Any) -> Fixed:
    return Fixed(rows_of_bytes, values.is_null() if values.null_count else None)


def _booleans(values: Any, _: str) -> Fixed:
    import pyarrow as pa

    return _numbers(values.cast(pa.uint8()), "u1")


def _texts(values: Any, _: str) -> Varying:
    import pyarrow as pa

    return Varying(values.cast(pa.string()).cast(pa.binary()))


def _binaries(values: Any, _: str) -> Varying:
    import pyarrow as pa

    return Varying(values.cast(pa.binary()))


def _days(values: Any, _: str) -> Fixed:
    import pyarrow as pa

    days = _filled(values.cast(pa.date32()).cast(pa.int32())).astype("i8")
    return _fixed(values, matrix(len(values), value=(">i4", _since_2000(days, _EPOCH, 2**31))))


def _moments(values: Any, name: str) -> Fixed:
    """Write moments in microseconds; those with a zone as UTC."""
    import pyarrow as pa

    try:
        micros = _filled(values.cast(pa.timestamp("us", values.type.tz)).cast(pa.int64()))
    except pa.ArrowInvalid:
        raise StepError(
            f"column {name!r} holds times finer than microseconds, or out of their range",
            hint="cast it to TIMESTAMP in the SQL of the step",
            code="SF710",
        ) from None
    return _fixed(values, matrix(len(values), value=(">i8", _since_2000(micros, _EPOCH * _DAY, 2**63))))


def _since_2000(counts: Any, epoch: int, most: int) -> Any:
    """Count from 2000 on. Both DuckDB and the server call the outermost numbers infinity, but not the same lowest one.

    What is too early to be counted becomes the earliest moment, which the server refuses.
    """
    import numpy as np

    shifted = np.maximum(counts, epoch - most + 1) - epoch
    return np.where(counts == most - 1, most - 1, np.where(counts == 1 - most, -most, shifted))


def _clocks(values: Any, _: str) -> Fixed:
    import pyarrow as pa

    return _numbers(values.cast(pa.time64("us")).cast(pa.int64()), ">i8")


def _intervals(values: Any, _: str) -> Fixed:
    import numpy as np

    kept = np.frombuffer(values.buffers()[1], [("months", "i4"), ("days", "i4"), ("nanos", "i8")])
    own = kept[values.offset : values.offset + len(values)]
    parts = {"micros": (">i8", own["nanos"] // 1000), "days": (">i4", own["days"]), "months": (">i4", own["months"])}
    return _fixed(values, matrix(len(values), **parts))


def _uuids(values: Any, _: str) -> Fixed:
    """Write UUIDs, which come as text or as their 16 bytes."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_fixed_size_binary(values.type):
        data = b"".join(pc.fill_null(values, bytes(16)).to_pylist())
    else:
        digits = pc.replace_substring(pc.fill_null(values, "0" * 32), "-", "")
        data = bytes.fromhex("".join(digits.to_pylist()))
    return _fixed(values, np.frombuffer(data, np.uint8).reshape(len(values), 16))


def _documents(values: Any, name: str) -> Varying:
    """Write JSON as text after the number of the form's version."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = (as_json(values, name) if pa.types.is_nested(values.type) else values).cast(pa.string())
    version, nothing = pa.scalar(b"\1", pa.binary()), pa.scalar(b"", pa.binary())
    return Varying(pc.binary_join_element_wise(version, texts.cast(pa.binary()), nothing))


def _arrays(values: Any, kind: str, name: str) -> Varying:
    """Write lists: dimensions, whether something is NULL, the type, length and first index, and the elements."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths = _filled(pc.list_value_length(values).cast(pa.int32()))
    elements = values.flatten()
    oid = _OIDS["numeric" if kind.startswith("numeric") else kind]
    head = {"ndim": (">i4", 1), "nulls": (">i4", int(elements.null_count > 0)), "oid": (">u4", oid)}
    heads = binary(matrix(len(values), **head, length=(">i4", lengths), first=(">i4", 1)))
    empty = matrix(1, ndim=(">i4", 0), nulls=(">i4", 0), oid=(">u4", oid)).tobytes()
    begun = pc.if_else(pa.array(lengths == 0), pa.scalar(empty, pa.binary()), heads)
    inside = listed(field(elements, kind, name), lengths)
    whole = pc.binary_join_element_wise(begun, inside, pa.scalar(b"", pa.binary()))
    return Varying(pc.if_else(values.is_null(), pa.scalar(None, pa.binary()), whole))


_OTHERS: dict[str, Callable[[Any, str], Field]] = {
    "boolean": _booleans,
    "bytea": _binaries,
    "date": _days,
    "interval": _intervals,
    "jsonb": _documents,
    "text": _texts,
    "time without time zone": _clocks,
    "timestamp with time zone": _moments,
    "timestamp without time zone": _moments,
    "uuid": _uuids,
}
