"""Options of step types, connectors and checks as text, read from their config models."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from sqlflow.errors import SQLFlowError
from sqlflow.pipeline import installed
from sqlflow.problem import did_you_mean
from sqlflow.sdk import ConfigModel, field_docs, format_duration

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
    """Describe one connector."""
    found = catalog.connector(name)
    return _describe("connector", found, catalog.kind("connector")[name][0].owner.distribution)


def _describe(kind: str, item: Any, distribution: str) -> str:
    lines = [
        f"{kind} {item.name}  (from {distribution})",
        f"  {(item.__doc__ or '').strip().partition(chr(10))[0]}",
    ]
    models = [("options", item.Config)]
    if kind == "connector":
        models = [
            ("settings", item.Config),
            ("as a source", item.ReadOptions),
            ("as a target", item.WriteOptions),
        ]
    for title, model in models:
        if model is not None and model.model_fields:
            lines += ["", f"  {title}:", *_fields(model)]
    return "\n".join(lines)


def _fields(model: type[BaseModel], indent: str = "    ") -> list[str]:
    docs = field_docs(model)
    width = max(len(name) for name in model.model_fields)
    lines = []
    for name, field in model.model_fields.items():
        told = "required" if field.is_required() else _default(field.default)
        lines.append(f"{indent}{name.ljust(width)}  {' '.join(docs.get(name, '').split())} ({told})")
        inner = _inner(field.annotation)
        if inner is not None:
            lines += _fields(inner, indent + "  ")
    return lines


def _default(value: Any) -> str:
    if isinstance(value, timedelta):
        return f"default {format_duration(value)}"
    plain = isinstance(value, (str, int, float)) and value != ""
    return f"default {value!r}" if plain else "optional"


def _inner(annotation: Any) -> type[ConfigModel] | None:
    """Return the model whose keys stand under a field, if there is one."""
    if isinstance(annotation, type) and issubclass(annotation, ConfigModel):
        return annotation
    if get_origin(annotation) in (Union, UnionType, Annotated):
        found = [inner for part in get_args(annotation) if (inner := _inner(part)) is not None]
        return found[0] if found else None
    return None
