"""The kinds of plugins that can be written: a folder of templates each, and what the new package says of itself."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Kind(Struct, frozen=True):
    """A kind of plugin. `brings` are the names that it brings for a plugin called `acme`, by kind of the catalog."""

    description: str
    brings: Mapping[str, tuple[str, ...]]


KINDS: Mapping[str, Kind] = {
    "connector": Kind("a connector", {"connector": ("acme",)}),
    "step": Kind("a step type", {"step type": ("acme",)}),
    "engine": Kind("an engine", {"engine": ("acme",)}),
    "storage": Kind("a storage backend", {"storage backend": ("acme",)}),
    "functions": Kind("functions for SQL", {"function": ("acme_initials", "acme_squeeze")}),
    "checks": Kind("checks", {"check": ("acme_between", "acme_filled")}),
}
