"""Parquet's INTERVAL, which pyarrow hands out as twelve bytes: months, days and milliseconds, little-endian."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any


def interval_columns(metadata: Any) -> list[str]:
    """Return the columns of a file that are intervals; those inside of other types are written with dots."""
    columns = (metadata.schema.column(n) for n in range(metadata.num_columns))
    return [column.path for column in columns if column.converted_type == "INTERVAL"]


def with_intervals(schema: Any, names: Collection[str]) -> Any:
    """Return a schema in which some columns are intervals."""
    import pyarrow as pa

    fields = [field.with_type(pa.month_day_nano_interval()) if field.name in names else field for field in schema]
    return pa.schema(fields)


def decoded(table: Any, names: Collection[str]) -> Any:
    """Return a table in which the bytes of some columns are intervals."""
    for name in names:
        if name in table.schema.names:
            at = table.schema.get_field_index(name)
            table = table.set_column(at, name, _intervals(table.column(at).combine_chunks()))
    return table


def _intervals(column: Any) -> Any:
    import numpy as np
    import pyarrow as pa

    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks)
    packed = np.frombuffer(b"".join(v or bytes(12) for v in column.to_pylist()), dtype="<u4").reshape(-1, 3)
    wide = np.zeros(len(packed), dtype=[("months", "<i4"), ("days", "<i4"), ("nanos", "<i8")])
    wide["months"], wide["days"] = packed[:, 0].astype("<i4"), packed[:, 1].astype("<i4")
    wide["nanos"] = packed[:, 2].astype("<i8") * 1_000_000
    valid = pa.array(np.asarray(column.is_valid())).buffers()[1]
    return pa.Array.from_buffers(pa.month_day_nano_interval(), len(packed), [valid, pa.py_buffer(wide.tobytes())])
