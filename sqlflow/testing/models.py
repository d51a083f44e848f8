"""Looking at option models: which fields have no words, which hold secrets openly. Knows no kind of guest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, SecretStr

from sqlflow.sdk import field_docs

_SECRET = re.compile(r"(^|_)(password|passwd|secret|token|api_key|private_key|passphrase|credentials?)$")


def models_in(*models: type[BaseModel] | None) -> list[type[BaseModel]]:
    """Return models and those within their fields."""
    found: list[type[BaseModel]] = []
    stack: list[Any] = [model for model in models if model is not None]
    while stack:
        one = stack.pop(0)
        if isinstance(one, type) and issubclass(one, BaseModel):
            if one not in found:
                found.append(one)
                stack += [field.annotation for field in one.model_fields.values()]
        else:
            stack += get_args(one)
    return found


def undocumented(*models: type[BaseModel] | None) -> list[str]:
    """Return the fields without a docstring, and the models without one."""
    found = []
    for model in models_in(*models):
        docs = field_docs(model)
        found += [f"{model.__name__}.{name}" for name in model.model_fields if not docs.get(name, "").strip()]
        if not (model.__doc__ or "").strip():
            found.append(model.__name__)
    return found


def unkept(*models: type[BaseModel] | None) -> list[str]:
    """Return the text fields that are named like secrets and are not typed so."""
    return [
        f"{model.__name__}.{name}"
        for model in models_in(*models)
        for name, field in model.model_fields.items()
        if _SECRET.search(name) and SecretStr not in _parts(field.annotation) and str in _parts(field.annotation)
    ]


def secrets_in(config: Any) -> Iterator[str]:
    """Yield every secret value of a model."""
    if isinstance(config, SecretStr):
        yield config.get_secret_value()
    elif isinstance(config, BaseModel):
        for name in type(config).model_fields:
            yield from secrets_in(getattr(config, name))
    elif isinstance(config, dict):
        for value in config.values():
            yield from secrets_in(value)
    elif isinstance(config, (list, tuple)):
        for value in config:
            yield from secrets_in(value)


def _parts(annotation: Any) -> set[Any]:
    found = {annotation}
    for part in get_args(annotation):
        found |= _parts(part)
    return found
