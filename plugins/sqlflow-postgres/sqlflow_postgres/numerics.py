"""Exact numbers as the server keeps them: digits to the base 10,000, and where the point stands among them.

The form is that of `numeric_recv`: the number of digits, the weight of the first, the sign, the places after the point.
"""

from __future__ import annotations

from typing import Any

from .fields import Field, Fixed, Varying, matrix

_BASE = 10_000
_PLACES = 4
"""Decimal places in a digit to that base."""

_NEGATIVE = 0x4000
_QUICK_SCALE = 16
"""Places after the point up to which what stands behind it can be moved to whole digits within 64 bits."""


def numeric(values: Any) -> Field:
    """Write a column of decimals or integers."""
    import pyarrow as pa

    if not pa.types.is_decimal(values.type):
        values = values.cast(pa.decimal128(20, 0))
    elif not pa.types.is_decimal128(values.type):
        values = values.cast(pa.decimal128(38, values.type.scale))
    scale = values.type.scale
    small = _small(values) if scale <= _QUICK_SCALE else None
    if small is None:
        return Varying(pa.array([None if v is None else _one(v, scale) for v in _whole(values)], pa.binary()))
    return Fixed(_digits(small, scale), values.is_null() if values.null_count else None)


def _small(values: Any) -> Any:
    """Return the numbers without their point, when all have room in 64 bits; 0 for NULL."""
    import numpy as np

    words = np.frombuffer(values.buffers()[1], "<i8").reshape(-1, 2)[values.offset : values.offset + len(values)]
    low = words[:, 0]
    fits = (words[:, 1] == low >> 63) & (low != -(2**63))
    if values.null_count:
        given = values.is_valid().to_numpy(zero_copy_only=False)
        return np.where(given, low, 0) if np.all(fits | ~given) else None
    return low if np.all(fits) else None


def _digits(numbers: Any, scale: int) -> Any:
    """Write numbers of 64 bits, all with as many digits as the longest needs."""
    import numpy as np

    before, behind = np.divmod(np.abs(numbers), 10**scale)
    after = -(-scale // _PLACES)
    behind = behind * 10 ** (after * _PLACES - scale)
    longest = int(before.max()) if len(before) else 0
    leading = max(1, -(-len(str(longest)) // _PLACES))
    columns = {
        "count": (">i2", leading + after),
        "weight": (">i2", leading - 1),
        "sign": (">u2", np.where(numbers < 0, _NEGATIVE, 0)),
        "scale": (">i2", scale),
    }
    powers = [(before, place) for place in reversed(range(leading))] + [(behind, p) for p in reversed(range(after))]
    for position, (part, place) in enumerate(powers):
        columns[f"digit{position}"] = (">i2", part // _BASE**place % _BASE)
    return matrix(len(numbers), **columns)


def _whole(values: Any) -> list[int | None]:
    """Return the numbers without their point, of any size."""
    data = memoryview(values.buffers()[1])[values.offset * 16 : (values.offset + len(values)) * 16]
    numbers = [int.from_bytes(data[start : start + 16], "little", signed=True) for start in range(0, len(data), 16)]
    if not values.null_count:
        return list(numbers)
    return [number if given else None for number, given in zip(numbers, values.is_valid().to_pylist(), strict=True)]


def _one(number: int, scale: int) -> bytes:
    after = -(-scale // _PLACES)
    rest = abs(number) * 10 ** (after * _PLACES - scale)
    digits: list[int] = []
    while rest:
        rest, digit = divmod(rest, _BASE)
        digits.append(digit)
    head = (len(digits), len(digits) - after - 1, _NEGATIVE if number < 0 else 0, scale)
    return b"".join((part & 0xFFFF).to_bytes(2, "big") for part in (*head, *reversed(digits)))
