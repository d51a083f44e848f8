"""Nested values as JSON, which is how the server keeps them."""

from __future__ import annotations

import json
import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlflow.sdk import StepError


def as_json(values: Any, name: str) -> Any:
    """Return a nested column as text.

    Raises:
        StepError: JSON has no form for a value.

    """
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
        return json.dumps(f"{value.months} mons {value.days} days {value.nanoseconds // 1000} microseconds")
    raise ValueError(type(value).__name__)
