"""Who may come in: the rules that keep one document readable whatever is installed.

A step type may not take the envelope's keys; a connector's config and options share no key and leave the
reserved ones alone; a check kind may not take the common options.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from sqlflow.sdk import (
    CheckKind,
    ConfigModel,
    Connector,
    Engine,
    LintLevel,
    LintRule,
    Mode,
    SecretProvider,
    StepType,
    StorageBackend,
    Udf,
)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_CODE = re.compile(r"[A-Z]+[0-9]+")
_PARENTS: dict[str, type] = {
    "step type": StepType, "connector": Connector, "engine": Engine, "storage backend": StorageBackend,
    "check": CheckKind, "lint rule": LintRule, "secret provider": SecretProvider,
}  # fmt: skip


def objection(kind: str, brought: Any, reserved: Mapping[str, Collection[str]]) -> str | None:
    """Return why something may not be registered, or None."""
    parent = _PARENTS.get(kind)
    if parent is not None and not (isinstance(brought, type) and issubclass(brought, parent)):
        return f"a {kind} must be a subclass of sqlflow.sdk.{parent.__name__}, found {brought!r}"
    if kind == "function" and not isinstance(brought, Udf):
        return f"a function must be made with sqlflow.sdk.udf, found {brought!r}"
    name = getattr(brought, "name", None)
    if kind in (*_PARENTS, "function") and (not isinstance(name, str) or not _NAME.fullmatch(name)):
        return f"{brought!r} needs a class attribute `name` of letters, digits, _ and -, found {name!r}"
    if kind == "lint rule" and not _CODE.fullmatch(str(name)):
        return f"a lint rule is named by its code, such as ACME001, found {name!r}"
    if parent is not None and (lacking := _lacking(brought, parent)):
        return f"{kind} {name!r} lacks {_list(lacking)}"
    if kind == "lint rule" and brought.level not in get_args(LintLevel):
        return f"lint rule {name!r}: level must be one of {', '.join(get_args(LintLevel))}, found {brought.level!r}"
    if kind == "connector" and not _are_modes(brought.write_modes):
        return (
            f"connector {name!r}: write_modes must be a set of {_list(get_args(Mode))}, found {brought.write_modes!r}"
        )
    for attribute in ("Config", "ReadOptions", "WriteOptions"):
        if parent is not None and (told := _model_objection(brought, parent, attribute)):
            return f"{kind} {name!r}: {told}"
    return _key_objection(kind, brought, set(reserved.get(kind, ())))


def _are_modes(found: Any) -> bool:
    return isinstance(found, (set, frozenset)) and found <= set(get_args(Mode))


def _model_objection(brought: type, parent: type, attribute: str) -> str | None:
    if attribute not in parent.__annotations__:
        return None
    model = getattr(brought, attribute)
    if isinstance(model, type) and issubclass(model, ConfigModel):
        return None
    if model is None and attribute != "Config":  # it does not read, or does not write
        return None
    none = "; NoOptions is the one without options" if model is None else ""
    return f"{attribute} must be a subclass of sqlflow.sdk.ConfigModel, found {model!r}{none}"


def _lacking(brought: type, parent: type) -> set[str]:
    """Return the methods and class attributes that a subclass must have and does not."""
    attributes = {name for name in parent.__annotations__ if not hasattr(brought, name)}
    aliased = {
        f"a name without an alias for {field}"
        for attribute in ("Config", "ReadOptions", "WriteOptions")
        for field, info in getattr(getattr(brought, attribute, None), "model_fields", {}).items()
        if info.alias is not None
    }
    return attributes | aliased | set(getattr(brought, "__abstractmethods__", ()))


def _key_objection(kind: str, brought: Any, reserved: set[str]) -> str | None:
    if kind == "step type":
        taken = _keys(brought.Config) & reserved
        return f"step type {brought.name!r} takes keys of the envelope: {_list(taken)}" if taken else None
    if kind == "check":
        taken = (_keys(brought.Config) | {brought.name}) & reserved
        return f"check {brought.name!r} takes common options of checks: {_list(taken)}" if taken else None
    if kind == "connector":
        config = _keys(brought.Config)
        options = _keys(brought.ReadOptions) | _keys(brought.WriteOptions)
        if shared := config & options:
            return f"connector {brought.name!r} has {_list(shared)} in its config and in its options"
        if taken := (config | options) & reserved:
            return f"connector {brought.name!r} takes reserved keys: {_list(taken)}"
    return None


def _keys(model: type[BaseModel] | None) -> set[str]:
    return set(model.model_fields) if model else set()


def _list(names: Collection[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names))
