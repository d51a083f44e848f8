"""Catalog to JSON Schema: what an editor needs to complete and check a document.

Composed from the same two sources as validation: the envelope of core, and the models of whoever is installed.
Descriptions are the docstrings of the fields.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import BaseModel

from sqlflow.plan import inheritable
from sqlflow.registry import Catalog
from sqlflow.sdk import Endpoint, Role, field_docs, roles
from sqlflow.spec import (
    NAME_PATTERN,
    CheckOptions,
    Connection,
    Defaults,
    Envelope,
    Pipeline,
    Profile,
    Project,
    Resilience,
    Tests,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"
INTERPOLATED = {"type": "string", "pattern": r"\$\{"}


def schema_of(kind: str, catalog: Catalog) -> dict[str, Any]:
    """Return the schema of a kind of document: `pipeline`, `test`, `project`, or `run` (the record of a run)."""
    if kind == "run":
        from sqlflow.run import record_schema

        return {"$schema": DIALECT, **record_schema()}
    composer = _Composer(catalog)
    if kind == "test":
        return composer.document("SQLFlow tests", composer.model(Tests))
    return composer.pipeline() if kind == "pipeline" else composer.project()


_INCREMENTAL = {"const": "new_files", "description": "Read only files that are new since the last run."}


class _Composer:
    """Gathers definitions while it composes one schema."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.definitions: dict[str, Any] = {}

    def pipeline(self) -> dict[str, Any]:
        schema = self.model(Pipeline)
        properties = schema["properties"]
        properties["steps"] |= {"items": self.step()}
        properties["connections"] |= _by_name(self.connection())
        properties["defaults"] = {
            "description": properties["defaults"].get("description", ""),
            **self.defaults(),
        }
        return self.document("SQLFlow pipeline", schema)

    def project(self) -> dict[str, Any]:
        schema = self.model(Project)
        profile = self.model(Profile)
        profile["properties"]["engine"] |= self.typed("engine", "duckdb")
        profile["properties"]["storage"] |= self.typed("storage backend", "file")
        for holder in (schema, profile):
            holder["properties"]["connections"] |= _by_name(self.connection())
        schema["properties"]["profiles"] |= _by_name(profile)
        return self.document("SQLFlow project", schema)

    def document(self, title: str, schema: dict[str, Any]) -> dict[str, Any]:
        return {"$schema": DIALECT, "title": title, **schema, "$defs": dict(sorted(self.definitions.items()))}

    def step(self) -> dict[str, Any]:
        """Return the schema of a step: its type decides which keys it has."""
        names = self.catalog.names("step type")
        rules = []
        for name in names:
            step_type = self.catalog.step_type(name)
            own = self.model(step_type.Config)
            for path, role in roles(step_type.Config).items():
                if role in (Role.SOURCE, Role.DESTINATION):
                    docs = own["properties"][path[0]].get("description", "")
                    own["properties"][path[0]] = {"description": docs, **self.endpoint(role)}
            envelope = self.model(Envelope)
            envelope["properties"]["checks"] |= {"items": self.check()}
            envelope["properties"]["type"] |= {"const": name}
            self.definitions[f"step.{name}"] = {
                "type": "object",
                "additionalProperties": False,
                "properties": {**envelope["properties"], **own["properties"]},
                "required": [*envelope.get("required", []), *own.get("required", [])],
            }
            rules.append({"if": _type_is(name), "then": {"$ref": f"#/$defs/step.{name}"}})
        return {
            "type": "object",
            "required": ["id", "type"],
            "properties": {"type": {"enum": names, "description": "Kind of the step."}},
            "allOf": rules,
        }

    def endpoint(self, role: Role) -> dict[str, Any]:
        """Return the schema of a source or target: a connection with options, or a connector with all its keys."""
        name = "source" if role is Role.SOURCE else "target"
        if name not in self.definitions:
            rules = []
            usable = []
            options_of_any: dict[str, list[Any]] = {}
            for connector_name in self.catalog.names("connector"):
                connector = self.catalog.connector(connector_name)
                options = connector.ReadOptions if role is Role.SOURCE else connector.WriteOptions
                if options is None:
                    continue
                usable.append(connector_name)
                config, chosen = self.model(connector.Config), self.model(options)
                if role is Role.SOURCE and connector.lists_files:
                    chosen["properties"] |= {"incremental": _INCREMENTAL}
                merged = {
                    "properties": {
                        "connector": {"const": connector_name},
                        **config["properties"],
                        **chosen["properties"],
                    },
                    "required": ["connector", *config.get("required", []), *chosen.get("required", [])],
                    "additionalProperties": False,
                }
                self.definitions[f"{name}.{connector_name}"] = merged
                rules.append(
                    {
                        "if": _type_is(connector_name, "connector"),
                        "then": {"$ref": f"#/$defs/{name}.{connector_name}"},
                    }
                )
                for key, value in chosen["properties"].items():
                    forms = options_of_any.setdefault(key, [])
                    forms += [value] if value not in forms else []
            docs = field_docs(Endpoint)
            self.definitions[name] = {
                "type": "object",
                "properties": {
                    "connector": {"enum": usable, "description": docs["connector"]},
                    "connection": {"type": "string", "description": docs["connection"]},
                },
                "oneOf": [{"required": ["connector"]}, {"required": ["connection"]}],
                "allOf": [
                    *rules,
                    {
                        "if": {"required": ["connection"]},
                        "then": {  # which connector it is, stands elsewhere; so what any of them takes
                            "properties": {
                                "connection": {"type": "string"},
                                **{key: {"anyOf": forms} for key, forms in options_of_any.items()},
                            },
                            "additionalProperties": False,
                        },
                    },
                ],
            }
        return {"$ref": f"#/$defs/{name}"}

    def connection(self) -> dict[str, Any]:
        """Return the schema of a named connection."""
        if "connection" not in self.definitions:
            rules, names, shared = [], self.catalog.names("connector"), self.model(Resilience)["properties"]
            for name in names:
                config = self.model((connector := self.catalog.connector(name)).Config)
                rules.append({
                    "if": _type_is(name, "connector"),
                    "then": {
                        "properties": {"connector": True, **{k: shared[k] for k in sorted(connector.resilience)},
                                       **config["properties"]},
                        "required": config.get("required", []),
                        "additionalProperties": False,
                    },
                })  # fmt: skip
            connector_key = {"enum": names, "description": field_docs(Connection)["connector"]}
            self.definitions["connection"] = {
                "type": "object",
                "required": ["connector"],
                "properties": {"connector": connector_key},
                "allOf": rules,
            }
        return {"$ref": "#/$defs/connection"}

    def check(self) -> dict[str, Any]:
        """Return the schema of one check: exactly one kind, and the common options."""
        if "check" not in self.definitions:
            common = self.model(CheckOptions)["properties"]
            kinds: dict[str, Any] = {}
            for name in self.catalog.names("check"):
                kind = self.catalog.check(name)
                long = self.model(kind.Config)
                forms = [long]
                if kind.shorthand:
                    forms.insert(0, long["properties"][kind.shorthand])
                kinds[name] = {"description": (kind.__doc__ or "").strip().partition("\n")[0], "anyOf": forms}
                # bare values are short forms; a mapping is the long one
            self.definitions["check"] = {
                "type": "object",
                "additionalProperties": False,
                "properties": {**kinds, **common},
                "oneOf": [{"required": [name]} for name in kinds],
            }
        return {"$ref": "#/$defs/check"}

    def defaults(self) -> dict[str, Any]:
        """Return the schema of `defaults`: its own keys, and those of every step type."""
        own = self.model(Defaults)
        taken: dict[str, Any] = {}
        for name in self.catalog.names("step type"):
            config = self.catalog.step_type(name).Config
            taken |= {
                key: value for key, value in self.model(config)["properties"].items() if key in inheritable(config)
            }
        return {
            "anyOf": [
                {
                    "type": "object",
                    "properties": {**taken, **own["properties"]},
                    "additionalProperties": False,
                },
                {"type": "null"},
            ]
        }

    def typed(self, kind: str, default: str) -> dict[str, Any]:
        """Return the schema of an engine or storage: its `type` decides which keys it has."""
        names = self.catalog.names(kind)
        rules = []
        for name in names:
            found = self.catalog.engine(name) if kind == "engine" else self.catalog.storage(name)
            config = self.model(found.Config)
            condition = _type_is(name)
            if name == default:
                condition = {"anyOf": [condition, {"not": {"required": ["type"]}}]}
            rules.append({
                "if": condition,
                "then": {"properties": {"type": True, **config["properties"]}, "required": config.get("required", []),
                         "additionalProperties": False},
            })  # fmt: skip
        return {"type": "object", "properties": {"type": {"enum": names, "default": default}}, "allOf": rules}

    def model(self, model: type[BaseModel]) -> dict[str, Any]:
        """Return a model's schema with descriptions, every scalar open to `${...}`, definitions hoisted."""
        schema = model.model_json_schema(ref_template=f"#/$defs/{model.__name__}.{{model}}", mode="validation")
        for name, inner in schema.pop("$defs", {}).items():
            self.definitions[f"{model.__name__}.{name}"] = _finished(inner, _nested_docs(model, name))
        return _finished(schema, field_docs(model))


def _by_name(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what a mapping of names to such values is; a key that is no name is refused."""
    return {"patternProperties": {NAME_PATTERN: schema}, "additionalProperties": False}


def _type_is(name: str, key: str = "type") -> dict[str, Any]:
    return {"properties": {key: {"const": name}}, "required": [key]}


def _nested_docs(model: type[BaseModel], name: str) -> Mapping[str, str]:
    """Return the docs of a model that another one holds, found among the subclasses that are loaded."""
    stack: list[type[BaseModel]] = [BaseModel]
    while stack:
        candidate = stack.pop()
        if candidate.__name__ == name and candidate.__module__.split(".")[0] == model.__module__.split(".")[0]:
            return field_docs(candidate)
        stack += candidate.__subclasses__()
    return {}


def _finished(schema: dict[str, Any], docs: Mapping[str, str]) -> dict[str, Any]:
    """Drop titles, add descriptions, and let interpolation stand wherever a value stands."""
    properties = {}
    for name, value in schema.get("properties", {}).items():
        properties[name] = ({"description": docs[name]} if name in docs else {}) | _open(_untitled(value), name)
    finished = {k: v for k, v in schema.items() if k not in ("title", "properties", "description")}
    return {**finished, "properties": properties}


#: Keys that are names or that decide about others; they are written out, never filled in.
_WRITTEN_OUT: Collection[str] = frozenset(
    {"id", "type", "version", "kind", "name", "connector", "for_each", "vars", "columns"}
)


def _open(value: dict[str, Any], name: str) -> dict[str, Any]:
    """Let a scalar that is not text also be an expression, which becomes the scalar."""
    if "patternProperties" in value:
        value = {"additionalProperties": False, **value}
    if name in _WRITTEN_OUT:
        return value
    strict = "enum" in value or "const" in value or "pattern" in value
    if value.get("type") in ("integer", "number", "boolean") or (strict and "anyOf" not in value):
        extra = {k: v for k, v in value.items() if k in ("default", "examples")}
        return {"anyOf": [{k: v for k, v in value.items() if k not in extra}, INTERPOLATED], **extra}
    if "anyOf" in value:
        return {**value, "anyOf": [*value["anyOf"], INTERPOLATED]}
    return value


def _untitled(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _untitled(v) for k, v in value.items() if k != "title" or not isinstance(v, str)}
    return [_untitled(item) for item in value] if isinstance(value, list) else value
