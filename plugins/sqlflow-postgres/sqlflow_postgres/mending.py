"""Batches as they come from the driver, made truthful: moments beyond the calendar, and decimals.

The driver moves dates and timestamps to 1970 without looking whether they fit, so that `infinity` comes out at
the wrong end of the range. What lies where no value of the server can be is told apart here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlflow.sdk import StepError

from .types import Reading

_DAYS = 10_957  # from 1970 to 2000, where the server counts from
_MICROS = _DAYS * 86_400_000_000
_LEAST_DAY = -2_440_588  # 4714 BC, the first day that the server knows
_LEAST_MICRO = _LEAST_DAY * 86_400_000_000


def mended(batch: Any, readings: Iterable[Reading], schema: Any) -> Any:
    """Return the batch with its columns as they are to leave.

    Raises:
        StepError: a value has no place in the column's type.

    """
    import pyarrow as pa

    columns = [_column(batch.column(i), item) for i, item in enumerate(readings)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _column(values: Any, item: Reading) -> Any:
    import pyarrow as pa

    if item.mend == "none":
        return values if values.type == item.arrow else values.cast(item.arrow)
    mend = _moments if item.mend == "moments" else _decimals
    if not pa.types.is_list(item.arrow):
        return mend(values, item.arrow, item.name)
    inner = mend(values.flatten(), item.arrow.value_type, item.name)
    offsets = pa.array(_offsets(values), pa.int32())
    return pa.ListArray.from_arrays(offsets, inner, type=item.arrow, mask=values.is_null())


def _offsets(values: Any) -> list[int]:
    """Return where each list begins once the values are flattened; a NULL is as long as an empty list."""
    import itertools

    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.list_value_length(values), 0).to_pylist()
    return [0, *itertools.accumulate(lengths)]


def _moments(values: Any, wanted: Any, name: str) -> Any:
    """Give the two infinities the values that Arrow and DuckDB know them by."""
    import pyarrow as pa
    import pyarrow.compute as pc

    days = pa.types.is_date(wanted)
    number = pa.int32() if days else pa.int64()
    bits, shift, least = (32, _DAYS, _LEAST_DAY) if days else (64, _MICROS, _LEAST_MICRO)
    lowest, highest = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    numbers = values.view(number)
    bounds = pc.min_max(numbers)
    low, high = bounds["min"].as_py(), bounds["max"].as_py()
    if low is None or (low >= least and high < highest):
        return values
    wrapped = lowest + shift  # what -infinity becomes when it is moved; infinity runs over and lands one below
    future = pc.or_(pc.equal(numbers, highest), pc.equal(numbers, wrapped - 1))
    past = pc.or_(pc.equal(numbers, wrapped), pc.less_equal(numbers, lowest + 1))
    strange = pc.and_(pc.less(numbers, least), pc.invert(pc.or_(past, future)))
    if pc.any(strange).as_py():
        raise StepError(
            f"column {name!r} holds a moment after the year 294246, which is beyond the engine's range",
            hint=f"select it as text in a query: {name}::text",
            code="SF710",
        )
    numbers = pc.if_else(future, pa.scalar(highest, number), numbers)
    return pc.if_else(past, pa.scalar(-highest, number), numbers).view(wanted)


def _decimals(values: Any, wanted: Any, name: str) -> Any:
    """Read decimals from their digits."""
    import pyarrow as pa

    try:
        return values.cast(wanted)
    except pa.ArrowInvalid:
        texts = values.drop_null().to_pylist()
        odd = next((text for text in texts if not text.strip("-").replace(".", "").isdigit()), None)
        told = f"the value {odd}" if odd else "a value that is wider than its type"
        raise StepError(
            f"column {name!r} holds {told}, which {wanted} cannot hold",
            hint=f"select it as text or double precision in a query: {name}::text",
            code="SF710",
        ) from None
