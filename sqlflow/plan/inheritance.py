"""`defaults` of a pipeline: what steps take from them, and whether they have an effect at all."""

from __future__ import annotations

from sqlflow.sdk import ConfigModel, Role, roles
from sqlflow.spec import Defaults, Diagnosis, Mapping, Node

from .binding import ENVELOPE


def inheritable(config: type[ConfigModel] | None) -> frozenset[str]:
    """Return the keys that steps may take from `defaults`: some of core, and of their type all but endpoints."""
    if config is None:
        return frozenset(Defaults.model_fields)
    found = roles(config)
    own = (key for key in config.model_fields if found.get((key,)) not in (Role.SOURCE, Role.DESTINATION))
    return frozenset((*Defaults.model_fields, *own))


class Inheritance:
    """The defaults of one pipeline. Remembers which keys steps took, and which they could have taken."""

    def __init__(self, node: Node | None) -> None:
        self._node = node if isinstance(node, Mapping) else None
        self._taken: set[str] = set()
        self._overridden: set[str] = set()

    def merged(self, step: Mapping, config: type[ConfigModel] | None) -> Mapping:
        """Return a step with the defaults that its type knows and it does not say for itself."""
        node = self._node
        if node is None:
            return step
        usable = inheritable(config)
        self._overridden |= usable & set(step.values)
        taken = [key for key in node.values if key in usable and key not in step.values]
        if not taken:
            return step
        self._taken.update(taken)
        return Mapping(
            step.line,
            step.column,
            {**step.keys, **{key: node.keys[key] for key in taken}},
            {**step.values, **{key: node.values[key] for key in taken}},
        )

    def check(self, diagnosis: Diagnosis) -> None:
        """Note the defaults that none of the steps has taken."""
        for key, place in (self._node.keys if self._node is not None else {}).items():
            if key in self._overridden - self._taken:
                told = f"every step that could take the default {key!r} says its own"
                diagnosis.add("SF319", told, place, "remove it here or there")
            elif key not in self._taken and key not in Defaults.model_fields:
                hint = "write it on the steps" if key in ENVELOPE else "remove it"
                diagnosis.add("SF201", f"no step of this pipeline takes the default {key!r}", place, hint)
