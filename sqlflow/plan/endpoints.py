"""Sources and targets: a connector written out in the step, or a named connection of pipeline, project or profile."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, field

from sqlflow.problem import Mark, Problem, did_you_mean
from sqlflow.project import ActiveProfile, Workspace
from sqlflow.registry import Catalog
from sqlflow.sdk import BoundEndpoint, ConfigModel, Connector, Objection, Role
from sqlflow.spec import (
    RESILIENCE,
    Connection,
    Diagnosis,
    Document,
    Mapping,
    Node,
    Pipeline,
    Resilience,
    Scalar,
    interpolate,
    validate,
)

from .guests import guarded, looked_up
from .resilience import misplaced, note_idle
from .scope import Scope

_UNSET = re.compile(r"\$\{(env|secret):[^{}]*\}")


class DeclaredConnection(Struct, frozen=True):
    """A connection as written, and in which document."""

    node: Node
    diagnosis: Diagnosis

    def mark(self, option: str) -> Mark | None:
        """Return the place of an option, if it stands here."""
        found = self.node.values.get(option) if isinstance(self.node, Mapping) else None
        return None if found is None else self.diagnosis.source.at(found)


def declared_connections(
    document: Document[Pipeline] | None, workspace: Workspace, profile: ActiveProfile
) -> dict[str, DeclaredConnection]:
    """Return the connections in force: the profile's replace the project's, which replace the pipeline's."""
    layers: list[tuple[Node | None, Diagnosis]] = []
    if document is not None:
        layers.append((document.node("connections"), document.diagnosis))
    if workspace.document is not None:
        layers.append((workspace.document.node("connections"), workspace.document.diagnosis))
    if profile.diagnosis is not None:
        layers.append((profile.node.values.get("connections"), profile.diagnosis))
    found: dict[str, DeclaredConnection] = {}
    for node, diagnosis in layers:
        if isinstance(node, Mapping):
            found |= {name: DeclaredConnection(inner, diagnosis) for name, inner in node.values.items()}
    return found


class Connections(Struct):
    """The named connections in force; each is checked once, when first used or when all are."""

    catalog: Catalog
    scope: Scope
    declared: dict[str, DeclaredConnection]
    unknown: set[str] = field(default_factory=set)
    """Connections with a value that is not known here."""
    resilience: dict[str, Resilience] = field(default_factory=dict)
    """What core enforces around the calls of the connections that were looked at."""
    _bound: dict[str, tuple[Connector[Any], ConfigModel] | None] = field(default_factory=dict)

    def get(self, name: str) -> tuple[Connector[Any], ConfigModel] | None:
        """Return a connection's connector and config; None when it is broken, which has been noted."""
        if name not in self._bound:
            self._bound[name] = self._bind(name, self.declared[name])
        return self._bound[name]

    def kind(self, name: str) -> Connector[Any] | None:
        """Return the connector of a declared connection, whether its settings hold or not; notes nothing."""
        declared = self.declared[name]
        node = declared.node.values.get("connector") if isinstance(declared.node, Mapping) else None
        scratch = Diagnosis(declared.diagnosis.source)
        return find_connector(self.catalog, node, scratch) if node is not None else None

    def check_all(self) -> None:
        """Look at every connection, used or not."""
        for name in self.declared:
            self.get(name)

    def _bind(self, name: str, declared: DeclaredConnection) -> tuple[Connector[Any], ConfigModel] | None:
        node, diagnosis = declared.node, declared.diagnosis
        what = f"connection {name!r}"
        shape = validate(Connection, node, diagnosis, what=what, lookup=self.scope)
        if shape is None or not isinstance(node, Mapping):
            return None
        connector = find_connector(self.catalog, node.values["connector"], diagnosis)
        if connector is None:
            return None
        # what the connector has a key for as well, it is given as well: it may be able to keep it more closely
        rest = without(node, {"connector"} | (RESILIENCE - set(connector.Config.model_fields)))
        if interpolate(rest, self.scope, Diagnosis(diagnosis.source)).unknown:
            self.unknown.add(name)
        note_idle(shape, node, connector, what, diagnosis)
        self.resilience[name] = shape
        config = validate(connector.Config, rest, diagnosis, what=what, lookup=self.scope, extra_known=RESILIENCE)
        if config is None:
            return None
        remember_secrets(config, self.scope)
        return connector, config


def find_connector(catalog: Catalog, node: Node, diagnosis: Diagnosis) -> Connector[Any] | None:
    """Return the connector that a node names, or note that there is none."""
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return None
    return looked_up(diagnosis, node, "SF311", catalog.connector, node.value)


def bind_endpoint(
    node: Node,
    role: Role,
    *,
    what: str,
    connections: Connections,
    scope: Scope,
    diagnosis: Diagnosis,
    folder: Path,
    missing: list[tuple[str | None, Problem]],
) -> BoundEndpoint | None:
    """Return a source or target with its connector, or note everything that is wrong with it.

    What is only missing goes to `missing` with its place: another step may make it.
    """
    if not isinstance(node, Mapping):  # told by the model of the step already
        return None
    named, inline = node.values.get("connection"), node.values.get("connector")
    if (named is None) == (inline is None):
        both = "names both a connection and a connector" if named else "names neither a connection nor a connector"
        diagnosis.add("SF202", f"{what} {both}", node, "write connection: NAME, or connector: NAME with its settings")
        return None
    bound: tuple[Connector[Any], ConfigModel | None] | None
    if named is not None:
        bound = _named(named, connections, diagnosis)
        rest, label = without(node, {"connection"}), getattr(named, "text", "")
    else:
        bound, rest = _inline(inline, node, what=what, catalog=connections.catalog, scope=scope, diagnosis=diagnosis)
        label = getattr(inline, "text", "")
    if bound is None:
        return None
    incremental, rest = _incremental(rest, role, what, diagnosis)
    connector = bound[0]
    config: ConfigModel | None = bound[1]
    model = connector.ReadOptions if role is Role.SOURCE else connector.WriteOptions
    if model is None:
        verb, other = ("read", "a target") if role is Role.SOURCE else ("write", "a source")
        diagnosis.add(
            "SF313",
            f"connector {connector.name!r} cannot {verb}",
            named if named is not None else inline,
            f"it can only be {other}",
        )
        return None
    rest = without(rest, set(connector.Config.model_fields)) if inline is not None else rest
    rest = without(rest, misplaced(rest, connector, model.model_fields, what, diagnosis))
    for key in (key for key in rest.keys if key in connector.Config.model_fields and key not in model.model_fields):
        told = f"key {key!r} of {what} belongs to connection {label!r}"
        diagnosis.add("SF201", told, rest.keys[key], f"write it under connections: {{{label}: {{..., {key}: ...}}}}")
    rest = without(rest, connector.Config.model_fields)
    options = validate(
        model,
        rest,
        diagnosis,
        what=what,
        lookup=scope,
        extra_known=() if inline is None else connector.Config.model_fields,
    )
    if config is None or options is None:
        return None
    unknown = label in connections.unknown and named is not None
    if (
        unknown or interpolate(node, scope, Diagnosis(diagnosis.source)).unknown
    ):  # nothing can be said of values not known here
        return BoundEndpoint(connector, config, options, label, incremental, label if inline is None else None)
    for found in guarded(connector, lambda: list(connector.objections(config, options, folder)), Objection):
        mark = diagnosis.source.at(node.values.get(found.option, node))
        if found.option not in node.values and named is not None:
            mark = connections.declared[label].mark(found.option) or mark
        problem = Problem(found.code, f"{what}: {found.message}", mark, found.hint)
        if found.code == "SF501":
            missing.append((connector.place(config, options), problem))
        else:
            diagnosis.problems.append(problem)
    return BoundEndpoint(connector, config, options, label, incremental, label if inline is None else None)


def _incremental(
    node: Mapping, role: Role, what: str, diagnosis: Diagnosis
) -> tuple[Literal["new_files"] | None, Mapping]:
    """Take `incremental` out of a source, which belongs to no connector; return how the source is read again."""
    found = node.values.get("incremental")
    if found is None or role is not Role.SOURCE:
        return None, node
    rest = without(node, {"incremental"})
    if isinstance(found, Scalar) and found.value == "new_files":
        return "new_files", rest
    shown = found.text if isinstance(found, Scalar) else "a list or a mapping"
    diagnosis.add("SF203", f"incremental of {what} cannot be {shown!r}", found, "write incremental: new_files")
    return None, rest


def _named(
    node: Node, connections: Connections, diagnosis: Diagnosis
) -> tuple[Connector[Any], ConfigModel | None] | None:
    name = node.value if isinstance(node, Scalar) else None
    if not isinstance(name, str) or name not in connections.declared:
        diagnosis.add(
            "SF312",
            f"unknown connection {name!r}",
            node,
            did_you_mean(str(name), connections.declared, noun="connection"),
        )
        return None
    bound = connections.get(name)
    if bound is None and (connector := connections.kind(name)) is not None:
        return connector, None  # so that the keys of the step are looked at all the same
    return bound


def _inline(
    inline: Node | None, node: Mapping, *, what: str, catalog: Catalog, scope: Scope, diagnosis: Diagnosis
) -> tuple[tuple[Connector[Any], ConfigModel | None] | None, Mapping]:
    rest = without(node, {"connector"})
    connector = find_connector(catalog, inline, diagnosis) if inline is not None else None
    if connector is None:
        return None, rest
    own = only(rest, connector.Config.model_fields)
    config = validate(connector.Config, own, diagnosis, what=what, lookup=scope)
    if config is not None:
        remember_secrets(config, scope)
    return (connector, config), rest


def remember_secrets(config: ConfigModel, scope: Scope) -> None:
    """Make sure that the values of fields typed Secret are masked wherever they turn up, however deep they stand."""
    for name in type(config).model_fields:
        _remember(getattr(config, name), scope)


def _remember(value: Any, scope: Scope) -> None:
    if hasattr(value, "get_secret_value"):
        text = value.get_secret_value()
        if not _UNSET.fullmatch(text):  # the document says so itself, and nothing is known yet
            scope.redactor.add(text)
    elif isinstance(value, ConfigModel):
        remember_secrets(value, scope)
    elif isinstance(value, dict):
        for inner in value.values():
            _remember(inner, scope)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _remember(inner, scope)


def without(node: Mapping, keys: Collection[str]) -> Mapping:
    """Return the mapping without some keys; places stay."""
    return only(node, [key for key in node.values if key not in keys])


def only(node: Mapping, keys: Iterable[str]) -> Mapping:
    """Return the mapping with nothing but some keys; places stay."""
    wanted = set(keys)
    return Mapping(
        node.line,
        node.column,
        {k: v for k, v in node.keys.items() if k in wanted},
        {k: v for k, v in node.values.items() if k in wanted},
        node.flow,
    )
