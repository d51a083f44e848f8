"""The engine and the storage that a profile names, with their settings."""

from __future__ import annotations

from typing import Any

from sqlflow.project import ActiveProfile
from sqlflow.registry import Catalog
from sqlflow.sdk import ConfigModel
from sqlflow.spec import Diagnosis, Mapping, Scalar, validate

from .endpoints import without
from .guests import looked_up
from .model import EnginePlan
from .scope import Scope


def engine_plan(
    profile: ActiveProfile, default_name: str, catalog: Catalog, scope: Scope, fallback: Diagnosis
) -> EnginePlan | None:
    """Return what executes and where tables are kept, or None when that is not clear, which has been noted."""
    engine = _configured(profile, "engine", "duckdb", catalog, scope, fallback)
    storage = _configured(profile, "storage", "file", catalog, scope, fallback)
    if engine is None or storage is None:
        return None
    if engine[0].dialect not in storage[0].dialects:
        fallback.add(
            "SF314",
            f"engine {engine[0].name!r} cannot keep its tables in storage {storage[0].name!r}",
            None,
            f"storage {storage[0].name} serves {', '.join(sorted(storage[0].dialects))}",
        )
        return None
    return EnginePlan(*engine, *storage, default_name)


def _configured(
    profile: ActiveProfile, key: str, default: str, catalog: Catalog, scope: Scope, fallback: Diagnosis
) -> tuple[Any, ConfigModel] | None:
    node = profile.node.values.get(key, Mapping(0, 0))
    diagnosis = profile.diagnosis or fallback
    if not isinstance(node, Mapping):
        return None
    named = node.values.get("type")
    if named is not None and not isinstance(named, Scalar):
        diagnosis.add("SF203", f"type of the {key} must be text", named, f"write type: {default}")
        return None
    name = named.text if named is not None else default
    look_up: Any = catalog.engine if key == "engine" else catalog.storage
    found = looked_up(diagnosis, named, "SF314", look_up, name)
    if found is None:
        return None
    what = f"{key} of profile {profile.name!r}"
    config = validate(found.Config, without(node, {"type"}), diagnosis, what=what, lookup=scope)
    return None if config is None else (found, config)
