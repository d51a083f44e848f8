"""Values as the server reads them in a CSV: Arrow columns turned into columns of text. Knows no table.

Numbers, texts and moments of the common calendar are left to Arrow; the rest goes value by value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlflow.sdk import StepError

_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896  # the years 1 to 9999, which ISO can write
_DAY = 86_400_000_000


def rendered(values: Any, natural: str, name: str) -> Any:
    """Return a column ready for CSV.

    Raises:
        StepError: a value cannot be written.

    """
    import pyarrow as pa

    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        if natural == "uuid":
            return _each(values, str)
        values, kind = values.storage, values.storage.type
    if pa.types.is_dictionary(kind):
        return values.cast(kind.value_type)
    if pa.types.is_null(kind):
        return values.cast(pa.string())
    if pa.types.is_date(kind):
        return _days(values)
    if pa.types.is_timestamp(kind):
        return _moments(values, name)
    if pa.types.is_time(kind):
        return _each(values.cast(pa.time64("us")).view(pa.int64()), _clock)
    if pa.types.is_interval(kind):
        return _each(values, _interval)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return _each(values, lambda value: "\\x" + value.hex())
    if natural.endswith("[]"):
        return _arrays(values, natural.removesuffix("[]"), name)
    if pa.types.is_nested(kind):
        return _nested(values, name)
    return values


def _each(values: Any, write: Callable[[Any], str]) -> Any:
    import pyarrow as pa

    return pa.array([None if value is None else write(value) for value in values.to_pylist()], pa.string())


def _days(values: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = values.cast(pa.date32()).view(pa.int32())
    ends = pc.min_max(numbers)
    if ends["min"].as_py() is None or (ends["min"].as_py() >= _FIRST_DAY and ends["max"].as_py() <= _LAST_DAY):
        return values.cast(pa.string())
    return _each(numbers, lambda day: _endless(day, 2**31 - 1) or _calendar(day))


def _moments(values: Any, name: str) -> Any:
    """Write moments; those with a zone as UTC, which the session is in."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        micros = values.cast(pa.timestamp("us", values.type.tz)).view(pa.int64())
    except pa.ArrowInvalid:
        raise StepError(
            f"column {name!r} holds times finer than microseconds, or out of their range",
            hint="cast it to TIMESTAMP in the SQL of the step",
            code="SF710",
        ) from None
    ends = pc.min_max(micros)
    if ends["min"].as_py() is None or (
        ends["min"].as_py() >= _FIRST_DAY * _DAY and ends["max"].as_py() < (_LAST_DAY + 1) * _DAY
    ):
        return micros.view(pa.timestamp("us")).cast(pa.string())

    def written(value: int) -> str:
        day, rest = divmod(value, _DAY)
        ended = _endless(value, 2**63 - 1)
        era = _calendar(day)
        return ended or f"{era.removesuffix(' BC')} {_clock(rest)}{' BC' if era.endswith(' BC') else ''}"

    return _each(micros, written)


def _endless(value: int, most: int) -> str | None:
    return {most: "infinity", -most: "-infinity"}.get(value)


def _calendar(day: int) -> str:
    """Write a day, counted from 1970, in the calendar that goes on for ever both ways."""
    era, rest = divmod(day + 719_468, 146_097)
    of_era = (rest - rest // 1460 + rest // 36_524 - rest // 146_096) // 365
    of_year = rest - (365 * of_era + of_era // 4 - of_era // 100)
    shifted = (5 * of_year + 2) // 153
    number = of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9  # noqa: PLR2004 - years begin in March here
    year = of_era + era * 400 + (month <= 2)  # noqa: PLR2004
    return f"{year:04}-{month:02}-{number:02}" if year > 0 else f"{1 - year:04}-{month:02}-{number:02} BC"


def _clock(micros: int) -> str:
    seconds, rest = divmod(micros, 1_000_000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:06}"


def _interval(value: Any) -> str:
    return f"{value.months} mons {value.days} days {value.nanoseconds // 1000} microseconds"


def _arrays(values: Any, inner: str, name: str) -> Any:
    """Write lists as arrays; every element is quoted, so that nothing in it means anything."""
    texts = rendered(values.flatten(), inner, name)
    if not _is_text(texts):
        import pyarrow as pa

        texts = texts.cast(pa.string())
    elements = iter(texts.to_pylist())

    def quoted(text: str | None) -> str:
        return "NULL" if text is None else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    import pyarrow as pa

    written = [
        None if length is None else "{" + ",".join(quoted(next(elements)) for _ in range(length)) + "}"
        for length in _lengths(values)
    ]
    return pa.array(written, pa.string())


def _lengths(values: Any) -> list[int | None]:
    import pyarrow.compute as pc

    found: list[int | None] = pc.list_value_length(values).to_pylist()
    return found


def _is_text(values: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(values.type) or pa.types.is_large_string(values.type))


def _nested(values: Any, name: str) -> Any:
    import pyarrow as pa

    try:
        found = values.to_pylist(maps_as_pydicts="strict")
        return pa.array([None if value is None else to_json(value) for value in found], pa.string())
    except (OverflowError, ValueError, KeyError):
        raise StepError(
            f"column {name!r} holds a nested value that cannot be written as JSON",
            hint="cast it to JSON in the SQL of the step",
            code="SF710",
        ) from None


def to_json(value: Any) -> str:
    """Write a nested value as JSON: decimals digit by digit, what JSON lacks as text."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(k))}: {to_json(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)) and not hasattr(value, "nanoseconds"):
        return "[" + ", ".join(map(to_json, value)) + "]"
    if value is None or isinstance(value, (bool, int, str)):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float):
        return json.dumps(value) if math.isfinite(value) else json.dumps(str(value))
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, (date, datetime, time)):
        return json.dumps(value.isoformat())
    if isinstance(value, bytes):
        return json.dumps("\\x" + value.hex())
    if isinstance(value, (UUID, timedelta)):
        return json.dumps(str(value))
    if hasattr(value, "nanoseconds"):
        return json.dumps(_interval(value))
    raise ValueError(type(value).__name__)
