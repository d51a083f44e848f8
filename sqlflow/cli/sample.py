"""A document that uses a connector, for whoever asks what it looks like. It validates as it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr

from sqlflow.sdk import Connector, format_duration

_PLAIN = re.compile(r"[A-Za-z_./][\w./-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "."})
_TABLE = "raw.orders"


def document(connector: type[Connector[Any]]) -> str:
    """Write a pipeline that has a connection of this kind, and reads and writes through it as far as it can."""
    told = connector.example
    connection = {"connector": connector.name, **_filled(connector.Config, told.config)}
    steps: list[dict[str, Any]] = []
    if connector.WriteOptions is not None:
        target = {"connection": "shop", **_filled(connector.WriteOptions, told.target)}
        sql = "select 1 as id, 9.5 as amount"
        steps += [
            {"id": "made", "type": "transform", "target": "marts.orders", "sql": sql},
            {"id": "written", "type": "export", "source": "marts.orders", "target": target},
        ]
    if connector.ReadOptions is not None:
        source = {"connection": "shop", **_filled(connector.ReadOptions, told.source)}
        steps.append({"id": "read", "type": "load", "source": source, "target": _TABLE})
    whole = {"version": 1, "name": "example", "connections": {"shop": connection}, "steps": steps}
    return "\n".join(_lines(whole)) + "\n"


def _filled(model: type[BaseModel], told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is told, and something for every other option that is required."""
    lacking = {n: _value(n, f.annotation) for n, f in model.model_fields.items() if f.is_required() and n not in told}
    return {**lacking, **told}


def _value(name: str, annotation: Any) -> Any:
    """Make up a value of a type."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _value(name, inner[0])
    if origin is Literal:
        return inner[0]
    if origin in (list, tuple, set, frozenset):
        return [_value(name, inner[0])]
    if origin is dict:
        return {}
    if inner:  # several types will do
        return _value(name, inner[0])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _filled(annotation, {})
    values: dict[Any, Any] = {
        bool: True, int: 1, float: 1.5, date: "2024-01-01", datetime: "2024-01-01T00:00:00",
        timedelta: format_duration(timedelta(seconds=10)), SecretStr: f"${{env:SHOP_{name.upper()}}}", Path: "orders",
    }  # fmt: skip
    return values.get(annotation, "orders")


def _lines(value: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    for key, inner in value.items():
        if isinstance(inner, Mapping) and inner and not _short(inner):
            yield f"{indent}{key}:"
            yield from _lines(inner, indent + "  ")
        elif key == "steps":
            yield f"{indent}{key}:"
            for item in inner:
                first, *rest = _lines(item, indent + "    ")
                yield f"{indent}  - {first.strip()}"
                yield from rest
        else:
            yield f"{indent}{key}: {_flow(inner)}"


def _short(value: Mapping[str, Any]) -> bool:
    return "connector" not in value and "shop" not in value and len(_flow(value)) < 80  # noqa: PLR2004 - one line


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)
