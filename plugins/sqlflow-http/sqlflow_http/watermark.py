"""The lowest wanted value of the cursor, as a parameter of a request."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlflow.sdk import CursorRange

from .options import HttpRead


def since_params(options: HttpRead, since: CursorRange | None) -> dict[str, Any]:
    """Write the lowest value that is wanted as a parameter; nothing when there is none."""
    if options.since_param is None or since is None or since.lower is None:
        return {}
    value = since.lower.value
    if isinstance(value, datetime):
        value = _time(value, options.since_format)
    elif isinstance(value, date):
        day = datetime(value.year, value.month, value.day, tzinfo=UTC)
        value = value.isoformat() if options.since_format in ("iso", "date") else _unix(day, options.since_format)
    return {options.since_param: value}


def _time(value: datetime, form: str) -> str | int:
    zoned = value if value.tzinfo else value.replace(tzinfo=UTC)
    if form == "date":
        return zoned.astimezone(UTC).date().isoformat()
    if form == "iso":
        return zoned.astimezone(UTC).isoformat().replace("+00:00", "Z") if value.tzinfo else value.isoformat()
    return _unix(zoned, form)


def _unix(moment: datetime, form: str) -> int:
    return int(moment.timestamp() // 1) if form == "unix" else int(moment.timestamp() * 1000 // 1)
