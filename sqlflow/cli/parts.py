"""What documents are made of beside what plugins bring: the keys of pipelines, steps, variables, profiles and so on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, get_args

from pydantic import BaseModel

from sqlflow.sdk import field_docs
from sqlflow.spec import (
    CheckOptions,
    Connection,
    Defaults,
    Envelope,
    Pipeline,
    Profile,
    Project,
    Rule,
    SpecTest,
    Variable,
)

from .reference import fields_text, type_name

PARTS: Mapping[str, tuple[str, type[BaseModel]]] = MappingProxyType({
    "pipeline": ("a pipeline", Pipeline),
    "step": ("every step", Envelope),
    "variable": ("a variable", Variable),
    "defaults": ("defaults", Defaults),
    "connection": ("a connection", Connection),
    "check": ("every check", CheckOptions),
    "test": ("a test", SpecTest),
    "project": ("the project file sqlflow.yaml", Project),
    "profile": ("a profile", Profile),
    "rule": ("a rule of the project", Rule),
})  # fmt: skip
"""By name: what it is in a sentence, and the model of its keys."""


def part_text(name: str) -> str | None:
    """Describe a part of documents by its name, or a key by all parts that have it; None: there is neither."""
    word = name.lower()
    if word in PARTS:
        what, model = PARTS[word]
        return "\n".join([f"the keys of {what}", f"  {_first(model)}", "", *fields_text(model)])
    found = ["\n".join(_key(word, *part)) for part in PARTS.values()]
    return "\n\n".join(text for text in found if text) or None


def known_parts() -> list[str]:
    """Return the names of all parts and of their keys."""
    return [*PARTS, *dict.fromkeys(key for _, model in PARTS.values() for key in model.model_fields)]


def _key(word: str, what: str, model: type[BaseModel]) -> Iterator[str]:
    field = model.model_fields.get(word)
    if field is None:
        return
    told = "required" if field.is_required() else "optional"
    yield f"{word}  a key of {what} ({type_name(field)}, {told})"
    yield f"  {' '.join(field_docs(model).get(word, '').split())}"
    for inner in _models(field.annotation):
        yield from ["", f"  each takes these keys, or what is short for them: {_first(inner)}", *fields_text(inner)]


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Return the models within a type, such as those of the values of a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return list(dict.fromkeys(model for inner in get_args(annotation) for model in _models(inner)))


def _first(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().partition("\n")[0]
