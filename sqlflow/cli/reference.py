"""Options of step types, connectors and checks as text, read from their config models."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from sqlflow.errors import SQLFlowError
from sqlflow.pipeline import installed
from sqlflow.problem import did_you_mean
from sqlflow.sdk import ConfigModel, field_docs, format_duration
from sqlflow.spec import Resilience

from .sample import document

if TYPE_CHECKING:
    from sqlflow.registry import Catalog

_KINDS = ("step type", "connector", "check", "engine", "storage backend")


def kinds_of(word: str) -> tuple[str, ...]:
    """Return the kinds that a word means: one, also by its first word alone, or all when there is none.

    Raises:
        SQLFlowError: there is no such kind.

    """
    found = tuple(kind for kind in _KINDS if not word or word.lower() in (kind, kind.split()[0]))
    if not found:
        raise SQLFlowError(f"there is no kind {word!r}", hint=did_you_mean(word, _KINDS, noun="kind"))
    return found


def known_names(kinds: Iterable[str]) -> list[str]:
    """Return everything of these kinds that can be described."""
    catalog = installed()
    return [name for kind in kinds for name in catalog.names(kind)]


def described(name: str, kinds: Iterable[str]) -> str | None:
    """Describe all of these kinds that bears a name, or return None."""
    catalog = installed()
    parts = [
        _describe(kind, owned.item, owned.owner.distribution)
        for kind in kinds
        for owned in catalog.all(kind)
        if owned.name == name
    ]
    return "\n\n".join(parts) or None


def connector_text(catalog: Catalog, name: str) -> str:
    """Describe one connector, with a document that uses it."""
    found = catalog.connector(name)
    told = _describe("connector", found, catalog.kind("connector")[name][0].owner.distribution)
    enforced = [n for n in Resilience.model_fields if n in found.resilience]
    if enforced:
        told += "\n\n  a named connection takes as well:\n" + "\n".join(fields_text(Resilience, only=enforced))
    shown = "\n".join(f"    {line}" for line in document(found).splitlines())
    return f"{told}\n\n  example:\n{shown}"


def connector_data(catalog: Catalog, name: str) -> dict[str, Any]:
    """Return what `connector_text` tells as data."""
    found = catalog.connector(name)
    return {
        "name": name,
        "description": (found.__doc__ or "").strip().splitlines()[0],
        "from": catalog.kind("connector")[name][0].owner.distribution,
        **{title: options_data(model) for title, model in _models("connector", found) if model is not None},
        "a named connection takes as well": [o for o in options_data(Resilience) if o["name"] in found.resilience],
        "modes": sorted(found.write_modes) if found.WriteOptions is not None else [],
        "example": document(found),
    }


def _models(kind: str, item: Any) -> list[tuple[str, type[BaseModel] | None]]:
    if kind != "connector":
        return [("options", item.Config)]
    return [("settings", item.Config), ("as a source", item.ReadOptions), ("as a target", item.WriteOptions)]


def _describe(kind: str, item: Any, distribution: str) -> str:
    lines = [
        f"{kind} {item.name}  (from {distribution})",
        f"  {(item.__doc__ or '').strip().partition(chr(10))[0]}",
    ]
    for title, model in _models(kind, item):
        if model is not None and model.model_fields:
            lines += ["", f"  {title}:", *fields_text(model)]
    return "\n".join(lines)


def fields_text(model: type[BaseModel], indent: str = "    ", only: Iterable[str] | None = None) -> list[str]:
    """Describe the keys of a model, a line each; those within a key stand further in."""
    docs = field_docs(model)
    fields = {name: field for name, field in model.model_fields.items() if only is None or name in only}
    width = max(len(name) for name in fields)
    lines = []
    for name, field in fields.items():
        told = "required" if field.is_required() else _default(field.default)
        doc = " ".join(docs.get(name, "").split())
        lines.append(f"{indent}{name.ljust(width)}  {doc} ({type_name(field)}, {told})")
        inner = _inner(field.annotation)
        if inner is not None:
            lines += fields_text(inner, indent + "  ")
    return lines


def options_data(model: type[BaseModel]) -> list[dict[str, Any]]:
    """Return the keys of a model as data."""
    docs = field_docs(model)
    found: list[dict[str, Any]] = []
    for name, field in model.model_fields.items():
        option: dict[str, Any] = {
            "name": name,
            "type": type_name(field),
            "required": field.is_required(),
            "default": None if field.is_required() else _json(field.get_default(call_default_factory=True)),
            "description": " ".join(docs.get(name, "").split()),
        }
        inner = _inner(field.annotation)
        found.append({**option, "keys": options_data(inner)} if inner is not None else option)
    return found


def _json(value: Any) -> Any:
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    return value


def _default(value: Any) -> str:
    if isinstance(value, timedelta):
        return f"default {format_duration(value)}"
    if isinstance(value, bool):
        return f"default {str(value).lower()}"
    if isinstance(value, list) and value:
        return f"default [{', '.join(map(str, value))}]"
    plain = isinstance(value, (str, int, float)) and value != ""
    return f"default {value!r}" if plain else "optional"


def type_name(field: FieldInfo) -> str:
    """Name the type of a field as one who writes YAML would."""
    return _type(field.annotation)


def _type(annotation: Any) -> str:
    origin, inner = get_origin(annotation), [part for part in get_args(annotation) if part is not type(None)]
    if origin is Annotated:
        return _type(inner[0])
    if origin is Literal:
        return " | ".join(str(part).lower() if isinstance(part, bool) else str(part) for part in inner)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_type(part) for part in inner))
    if origin in (list, tuple, set, frozenset):
        return f"list of {_type(inner[0])}" if inner else "list"
    if origin is dict or annotation is dict:
        return f"mapping of {_type(inner[1])}" if len(inner) > 1 and inner[1] is not Any else "mapping"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "keys"
    words: dict[Any, str] = {str: "text", bool: "true or false", int: "whole number", float: "number",
                             timedelta: "duration", SecretStr: "secret text", date: "date", datetime: "time",
                             Path: "path", Any: "anything"}  # fmt: skip
    return words.get(annotation, getattr(annotation, "__name__", str(annotation)).lower())


def _inner(annotation: Any) -> type[ConfigModel] | None:
    """Return the model whose keys stand under a field, if there is one."""
    if isinstance(annotation, type) and issubclass(annotation, ConfigModel):
        return annotation
    if get_origin(annotation) in (Union, UnionType, Annotated):
        found = [inner for part in get_args(annotation) if (inner := _inner(part)) is not None]
        return found[0] if found else None
    return None
