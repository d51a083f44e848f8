"""What may stand where in a document: keys with their docs, values that a key takes, and what is SQL or a table.

Read off the JSON Schema, which is composed of the models of whoever is installed; nothing is stated twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from msgspec import Struct

from sqlflow.errors import PluginError
from sqlflow.pipeline import installed
from sqlflow.registry import Catalog, Unknown
from sqlflow.schema import schema_of
from sqlflow.sdk import ConfigModel, Role, roles
from sqlflow.spec import CheckOptions, Mapping, Node, Path_, Scalar, Sequence, find

Schema = dict[str, Any]
_NAMED_BY = {"type": "step type", "connector": "connector"}


class Option(Struct, frozen=True):
    """A key that may stand somewhere, and what it takes."""

    name: str
    docs: str
    required: bool
    schemas: tuple[Schema, ...]

    @property
    def choices(self) -> tuple[str, ...]:
        """The values among which one is chosen."""
        return tuple(dict.fromkeys(value for schema in self.schemas for value in _choices(schema)))

    @property
    def shape(self) -> str:
        """What kind of value it takes, in a word."""
        kinds = [kind for schema in self.schemas for kind in _kinds(schema)]
        return " or ".join(dict.fromkeys(kinds))


class Grammar:
    """The grammar of pipelines, or of projects."""

    def __init__(self, kind: str, catalog: Catalog) -> None:
        self.kind = kind
        self.catalog = catalog

    @cached_property
    def schema(self) -> Schema:
        """The composed schema."""
        return schema_of(self.kind, self.catalog)

    def composed(self) -> Grammar:
        """Return the same grammar, ready to be asked. What a plugin that is broken would bring is left out."""
        try:
            _ = self.schema
        except PluginError:
            broken = [record.distribution for record in self.catalog.plugins() if record.error]
            return Grammar(self.kind, installed(broken))
        return self

    def options(self, root: Node, path: Path_) -> dict[str, Option]:
        """Return the keys that the mapping at a path may have."""
        found: dict[str, list[tuple[Schema, bool]]] = {}
        for schema in self.at(root, path):
            for name, inner in schema.get("properties", {}).items():
                if isinstance(inner, dict):
                    found.setdefault(name, []).append((inner, name in schema.get("required", ())))
        return {name: self._option(name, rules) for name, rules in found.items()}

    def option(self, root: Node, path: Path_) -> Option | None:
        """Return what is known of the value at a path: the key that it stands under, or the list that it is in."""
        if path and isinstance(path[-1], str) and (own := self.options(root, path[:-1]).get(path[-1])) is not None:
            return own
        schemas = tuple(self.at(root, path))
        docs = next((s["description"] for s in schemas if s.get("description")), "")
        return Option(str(path[-1]) if path else "", docs, False, schemas) if schemas else None

    def _option(self, name: str, rules: list[tuple[Schema, bool]]) -> Option:
        schemas = tuple(inner for rule, _ in rules for inner in self._expanded(rule, None))
        docs = next((s["description"] for s in [*(rule for rule, _ in rules), *schemas] if s.get("description")), "")
        return Option(name, docs, any(required for _, required in rules), schemas)

    def at(self, root: Node, path: Path_) -> list[Schema]:
        """Return the schemas that speak of the node at a path."""
        node: Node | None = root
        found = list(self._expanded(self.schema, root))
        for part in path:
            node = _child(node, part)
            found = [e for schema in found for inner in _below(schema, part) for e in self._expanded(inner, node)]
        return found

    def _expanded(self, schema: Schema, node: Node | None) -> Iterator[Schema]:
        """Yield a schema and those that it is made of; of alternatives, those that fit the node."""
        if "$ref" in schema:
            yield from self._expanded(self._resolved(schema), node)
        yield schema
        for inner in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
            yield from self._expanded(inner, node)
        conditional = [rule for rule in schema.get("allOf", ()) if "if" in rule]
        fitting = [rule["then"] for rule in conditional if _meets(rule["if"], node)]
        for inner in fitting:
            yield from self._expanded(inner, node)
        if len(conditional) > 1 and not fitting:
            yield self._shared([rule["then"] for rule in conditional])

    def _resolved(self, schema: Schema) -> Schema:
        found = schema
        while "$ref" in found:
            found = self.schema["$defs"][found["$ref"].rpartition("/")[2]]
        return found

    def _shared(self, alternatives: list[Schema]) -> Schema:
        """Return the keys that all alternatives have: what can be said while nothing is chosen yet."""
        each = [self._resolved(inner).get("properties", {}) for inner in alternatives]
        names = [name for name in each[0] if all(name in properties for properties in each)]
        return {"properties": {name: each[0][name] for name in names}}

    # --- what values mean

    def role(self, root: Node, path: Path_) -> Role | None:
        """Return what a value of a step or of one of its checks is beyond text: SQL, or the name of a table."""
        if self.kind != "pipeline" or len(path) < 3 or path[0] != "steps":  # noqa: PLR2004 - steps, which, key
            return None
        own = path[2:]
        if own[0] == "when":
            return Role.EXPRESSION
        if own[0] == "checks":
            return self._check_role(root, path)
        config = self._config(root, path[:2])
        return _role(config, own) if config is not None else None

    def table_options(self, root: Node, step: Path_, role: Role) -> Iterator[Path_]:
        """Yield the paths of the options of a step that name tables it reads or writes, as far as they are written."""
        config = self._config(root, step)
        for path, kind in roles(config).items() if config is not None else ():
            node, key = find(root, (*step, *path))
            if kind is role and "*" not in path and key is not None and key.text == path[-1] and _is_text(node):
                yield (*step, *path)

    def documented(self, path: Path_, name: str) -> str:
        """Return what a step type or a connector says of itself in its first line."""
        kind = _NAMED_BY.get(str(path[-1])) if path else None
        if kind is None or (kind == "step type") != (path[0] == "steps" and len(path) == 3):  # noqa: PLR2004
            return ""
        try:
            item = self.catalog.step_type(name) if kind == "step type" else self.catalog.connector(name)
        except (Unknown, PluginError):
            return ""
        return (item.__doc__ or "").strip().partition("\n")[0]

    def _config(self, root: Node, step: Path_) -> type[ConfigModel] | None:
        named = find(root, (*step, "type"))[0]
        try:
            return self.catalog.step_type(named.text).Config if isinstance(named, Scalar) else None
        except (Unknown, PluginError):
            return None

    def _check_role(self, root: Node, path: Path_) -> Role | None:
        if len(path) < 5:  # noqa: PLR2004 - steps, which, checks, which, kind
            return None
        kind, *rest = path[4:]
        if kind in CheckOptions.model_fields:
            return Role.EXPRESSION if kind == "where" else None
        try:
            check = self.catalog.check(str(kind))
        except (Unknown, PluginError):
            return None
        return _role(check.Config, tuple(rest) or ((check.shorthand,) if check.shorthand else ()))


def _role(config: type[ConfigModel], path: Path_) -> Role | None:
    return roles(config).get(tuple("*" if isinstance(part, int) else part for part in path))


def _is_text(node: Node) -> bool:
    return isinstance(node, Scalar) and isinstance(node.value, str)


def _child(node: Node | None, part: str | int) -> Node | None:
    if isinstance(node, Mapping) and isinstance(part, str):
        return node.values.get(part)
    if isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
        return node.items[part]
    return None


def _below(schema: Schema, part: str | int) -> Iterator[Schema]:
    if isinstance(part, int):
        found = [schema.get("items")]
    elif part in schema.get("properties", {}):
        found = [schema["properties"][part]]
    else:
        patterns = schema.get("patternProperties", {})
        found = [inner for pattern, inner in patterns.items() if re.search(pattern, part)]
        found.append(schema.get("additionalProperties"))
    yield from (inner for inner in found if isinstance(inner, dict))


def _meets(condition: Schema, node: Node | None) -> bool:
    """Tell whether a mapping meets the condition of an alternative."""
    values = node.values if isinstance(node, Mapping) else {}
    if not all(name in values for name in condition.get("required", ())):
        return False
    if "not" in condition and _meets(condition["not"], node):
        return False
    if "anyOf" in condition and not any(_meets(inner, node) for inner in condition["anyOf"]):
        return False
    wanted = {name: rule["const"] for name, rule in condition.get("properties", {}).items() if "const" in rule}
    written = {name: values[name] for name in wanted if name in values}
    return all(isinstance(found, Scalar) and found.text == wanted[name] for name, found in written.items())


def _choices(schema: Schema) -> Iterator[str]:
    for value in (*schema.get("enum", ()), *([schema["const"]] if "const" in schema else [])):
        yield ("true" if value else "false") if isinstance(value, bool) else str(value)
    if schema.get("type") == "boolean":
        yield from ("true", "false")


def _kinds(schema: Schema) -> Iterator[str]:
    if schema.get("pattern") == r"\$\{" or "enum" in schema or "const" in schema:
        return
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false",
             "array": "list", "object": "mapping"}  # fmt: skip
    named = schema.get("type")
    yield from (words[kind] for kind in (named if isinstance(named, list) else [named]) if kind in words)
