"""Folders named `key=value` as columns, typed the way that DuckDB types them: date, timestamp, bigint, else text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import unquote

NONE = "__HIVE_DEFAULT_PARTITION__"
_LARGEST = 2**63


@dataclass(frozen=True)
class Partitions:
    """The columns that keys bring, with their Arrow types, and what each key says of them."""

    types: Mapping[str, Any]
    values: Mapping[str, Mapping[str, str | None]]

    @classmethod
    def of(cls, keys: Sequence[str]) -> Partitions:
        """Read the folders of some keys; without keys there are no such columns."""
        values = {key: folder_values(key) for key in keys}
        names = list(dict.fromkeys(name for pairs in values.values() for name in pairs))
        return cls({name: _kind([pairs.get(name) for pairs in values.values()]) for name in names}, values)

    def extended(self, schema: Any) -> Any:
        """Return a schema with these columns; they replace those of the same name."""
        import pyarrow as pa

        for name, kind in self.types.items():
            at = schema.get_field_index(name)
            field = pa.field(name, kind)
            schema = schema.set(at, field) if at >= 0 else schema.append(field)
        return schema

    def expression(self, key: str) -> Any:
        """Say, as an Arrow expression, what the folders of a key make known of its rows; None for nothing."""
        import pyarrow as pa
        import pyarrow.compute as pc

        found = None
        for name, kind in self.types.items():
            text = self.values[key].get(name)
            column = pc.field(name)
            part = column.is_null() if text is None else column == pa.scalar(_value(text, kind), kind)
            found = part if found is None else found & part
        return found


def folder_values(key: str) -> dict[str, str | None]:
    """Return what the folders of a key say, as text; None for NULL."""
    pairs = (part.split("=", 1) for part in key.split("/")[:-1] if "=" in part)
    return {unquote(name): None if value == NONE else unquote(value) for name, value in pairs}


def _kind(texts: Sequence[str | None]) -> Any:
    import pyarrow as pa

    given = [text for text in texts if text is not None]
    for kind in (pa.date32(), pa.timestamp("us"), pa.int64()):
        if given and all(_reads_as(text, kind) for text in given):
            return kind
    return pa.string()


def _reads_as(text: str, kind: Any) -> bool:
    try:
        value = _value(text, kind)
    except ValueError:
        return False
    return not isinstance(value, int) or -_LARGEST <= value < _LARGEST


def _value(text: str, kind: Any) -> Any:
    """Read the value of a folder."""
    import pyarrow as pa

    if pa.types.is_date(kind):
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError(text)
        return date.fromisoformat(text)
    if pa.types.is_timestamp(kind):
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?", text):
            raise ValueError(text)
        return datetime.fromisoformat(text)
    if pa.types.is_integer(kind):
        if not re.fullmatch(r"[+-]?\d+", text):
            raise ValueError(text)
        return int(text)
    return text
