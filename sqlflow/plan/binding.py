"""One step of the document, made ready: envelope, its type's own keys, SQL, sources, targets and checks.

Everything that is wrong with the step is noted; what is right is bound. Nothing is opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from sqlflow.errors import PluginBroken
from sqlflow.problem import Problem
from sqlflow.registry import Catalog
from sqlflow.sdk import (
    SQL_ROLES,
    BoundEndpoint,
    BoundStatement,
    Objection,
    Role,
    StepInput,
    StepPlan,
    StepType,
    TableStep,
    roles,
    values_at,
)
from sqlflow.spec import Defaults, Diagnosis, Envelope, Mapping, Scalar, find, validate

from .checks import bind_checks
from .conditions import bind_condition
from .endpoints import Connections, bind_endpoint, only, without
from .expansion import Instance
from .guests import guarded, looked_up
from .model import PlannedStep
from .places import Places
from .sqlfields import Binder, SqlField, read_sql_file

ENVELOPE = frozenset(Envelope.model_fields)


class StepBinder(Struct, frozen=True):
    """Binds the steps of one pipeline."""

    catalog: Catalog
    connections: Connections
    diagnosis: Diagnosis
    folder: Path
    defaults: Defaults | None
    pipeline_tags: tuple[str, ...]
    pipeline_meta: dict[str, str]
    missing: list[tuple[str | None, Problem]] = field(default_factory=list)
    """What is not there, by place; another step may make it."""

    def type_of(self, node: Mapping) -> StepType | None:
        """Return the step's type, or note that there is none of that name."""
        named = node.values.get("type")
        if not isinstance(named, Scalar) or not isinstance(named.value, str):
            return None
        return looked_up(self.diagnosis, named, "SF310", self.catalog.step_type, named.value)

    def bind(self, instance: Instance) -> PlannedStep | None:
        """Return the step ready to run, or None when it cannot be; so, too, where a plugin that it names fails."""
        try:
            return self._bound(instance)
        except PluginBroken as error:
            message = f"step {instance.declared!r}: {error.message}"
            self.diagnosis.add(error.code or "SF601", message, instance.node, error.hint)
            return None

    def _bound(self, instance: Instance) -> PlannedStep | None:
        node, scope = instance.node, instance.scope
        what = f"step {instance.declared!r}"
        step_type = self.type_of(node)
        envelope = validate(
            Envelope,
            only(node, ENVELOPE),
            self.diagnosis,
            what=what,
            lookup=scope,
            extra_known=step_type.Config.model_fields if step_type else (),
        )
        if step_type is None:
            return None
        own = without(node, ENVELOPE)
        config = validate(
            step_type.Config,
            own,
            self.diagnosis,
            what=f"{what} of type {step_type.name}",
            lookup=scope,
            extra_known=ENVELOPE,
        )
        endpoints = dict(self._endpoints(step_type, own, what, instance))
        binder = Binder(scope, self.diagnosis, deferred=step_type.deferred(own.values))
        fields: dict[str, SqlField] = {}
        statements = dict(self._sql(step_type, config, own, binder, fields))
        checks = list(
            bind_checks(
                node.values.get("checks"),
                what=what,
                scopes=step_type.check_scopes,
                catalog=self.catalog,
                binder=binder,
                own=getattr(config, "target", None) if issubclass(type(step_type), TableStep) else None,
            )
        )
        condition = bind_condition(node.values.get("when"), binder)
        if config is None or envelope is None:
            return None
        if len(endpoints) < sum(1 for key in own.values if roles(step_type.Config).get((key,)) in _ENDPOINTS):
            return None
        for name, mark in binder.hidden:
            if not envelope.depends_on:
                self.diagnosis.add(
                    "SF406",
                    f"{name} hides the tables that it reads",
                    mark,
                    "name the steps that write them under depends_on",
                )
        given = StepInput(config, statements, endpoints, tuple(bound.check for bound in checks))
        plan = guarded(step_type, lambda: step_type.plan(given, self.folder), StepPlan)
        for objection in guarded(step_type, lambda: list(plan.objections), Objection):
            place = find(node, (objection.option,))[0]
            self.diagnosis.add(objection.code, f"{what}: {objection.message}", place, objection.hint)
        plan = replace(plan, reads=plan.reads | {table for bound in checks for table in bound.reads})
        return PlannedStep(
            id=instance.id,
            declared=instance.declared,
            position=instance.position,
            type_name=step_type.name,
            step_type=step_type,
            given=given,
            plan=plan,
            mark=self.diagnosis.source.at(node),
            tags=(*self.pipeline_tags, *envelope.tags),
            meta={**self.pipeline_meta, **envelope.meta},
            description=envelope.description,
            depends_on=tuple(
                (name, self.diagnosis.source.at(find(node, ("depends_on", position))[0]))
                for position, name in enumerate(envelope.depends_on)
            ),
            condition=condition,
            retry=envelope.retry,
            timeout=envelope.timeout,
            functions=frozenset(binder.functions),
            check_marks=tuple(bound.mark for bound in checks),
            skip="when is false" if condition and condition.holds is False else None,
            places=Places(node, self.diagnosis.source, fields, tuple(bound.place for bound in checks), binder.when),
        )

    def _endpoints(
        self, step_type: StepType, own: Mapping, what: str, instance: Instance
    ) -> Iterator[tuple[str, BoundEndpoint]]:
        for path, role in roles(step_type.Config).items():
            if role in _ENDPOINTS and len(path) == 1 and path[0] in own.values:
                bound = bind_endpoint(
                    own.values[path[0]],
                    role,
                    what=f"{path[0]} of {what}",
                    connections=self.connections,
                    scope=instance.scope,
                    diagnosis=self.diagnosis,
                    folder=self.folder,
                    missing=self.missing,
                )
                if bound is not None:
                    yield path[0], bound

    def _sql(
        self, step_type: StepType, config: Any, own: Mapping, binder: Binder, fields: dict[str, SqlField]
    ) -> Iterator[tuple[str, tuple[BoundStatement, ...]]]:
        """Bind every field that is SQL, lists and nested models included; names are dotted paths."""
        for path, role in roles(step_type.Config).items():
            if role not in SQL_ROLES and role is not Role.SQL_FILE:
                continue
            for where, text in values_at(config, path) if config else _written(own, path):
                name, node = ".".join(map(str, where)), find(own, where)[0]
                piece: SqlField | None = SqlField(text, node if isinstance(node, Scalar) else None, self.diagnosis)
                if role is Role.SQL_FILE:
                    piece = read_sql_file(node, text, self.folder, self.diagnosis)
                bound = binder.bind(Role.QUERY if role is Role.SQL_FILE else role, piece) if piece else ()
                if piece and bound:
                    fields[name] = piece
                    yield name, bound


_ENDPOINTS = frozenset({Role.SOURCE, Role.DESTINATION})


def _written(own: Mapping, path: tuple[str, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield the SQL of a step that is wrong elsewhere, as it stands in the document, so that it is looked at too."""
    node = own.values.get(path[0]) if len(path) == 1 else None
    if isinstance(node, Scalar) and isinstance(node.value, str):
        yield path, node.value
