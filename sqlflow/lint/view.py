"""A plan and its document as rules see them, and where in the text a finding stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, get_args

from msgspec import Struct, field
from msgspec.structs import replace

from sqlflow.errors import SQLFlowError
from sqlflow.plan import Plan, PlannedStep, table_key
from sqlflow.problem import Mark
from sqlflow.registry import Catalog, Unknown
from sqlflow.sdk import (
    ConfigModel,
    DocumentPath,
    Finding,
    LintPipeline,
    LintStep,
    Role,
    Secret,
    SqlSpot,
    roles,
)
from sqlflow.spec import Document, Mapping, Node, Scalar, Source, find, is_interpolated, read_source, scalars, to_data
from sqlflow.sql import Reference, read_habits, read_script_habits

from .footprint import Elsewhere, Footprint

_USE = re.compile(r"\$\{?([A-Za-z_]\w*)")
_SPLICED = re.compile(r"\$\{([A-Za-z_]\w*)")
_SILENT = re.compile(r"'(?:[^']|'')*'|/\*.*?\*/|--[^\n]*", re.DOTALL)
"""What names nothing in SQL: texts and comments."""


class Subject(Struct, dict=True):
    """A document that is looked at. Without a plan it is the project file, or a document of tests."""

    document: Document[Any]
    plan: Plan | None = None
    files: dict[tuple[DocumentPath, str], Source] = field(default_factory=dict)
    """The files that hold the SQL of steps, by step and field."""
    pipelines: Sequence[Subject] | None = None
    """Of the project file: all pipelines of the project, if each of them can be planned."""

    @property
    def sources(self) -> list[Source]:
        """The texts of the subject: the document, and the SQL files that it names."""
        return [self.document.source, *self.sql_sources]

    @property
    def sql_sources(self) -> list[Source]:
        """The SQL files that the document names, as far as they have been looked at."""
        return [*{id(source): source for source in self.files.values()}.values()]

    def view(self, catalog: Catalog, elsewhere: Elsewhere) -> LintPipeline:
        """Return what rules see."""
        root = self.document.root
        secrets = frozenset(_secret_fields(root, catalog, self.plan))
        footprint = self.footprint
        if self.plan is None or footprint is None:
            name = self.document.path.name
            if self.pipelines is None:
                return LintPipeline(name, to_data(root), secret_fields=secrets)
            return LintPipeline(
                name,
                to_data(root),
                variables=self.declares,
                used_variables=self.uses.union(*(one.uses for one in self.pipelines)),
                declared_elsewhere=frozenset[str]().union(*(one.declares for one in self.pipelines)),
                secret_fields=secrets,
            )
        steps = tuple(self._step(step) for step in self.plan.steps)
        below = [node for key in ("steps", "defaults") if (node := self.document.node(key)) is not None]
        return LintPipeline(
            self.plan.pipeline,
            to_data(root),
            steps,
            variables=self.declares,
            used_variables=self.uses,
            connections=_keys(self.document.node("connections")),
            used_connections=frozenset(name for node in below for name in _connections(node)),
            read_elsewhere=elsewhere.read(footprint),
            also_written=elsewhere.also_written(footprint),
            secret_fields=secrets,
        )

    @cached_property
    def declares(self) -> frozenset[str]:
        """The variables that the document declares."""
        return _keys(self.document.node("vars"))

    @cached_property
    def uses(self) -> frozenset[str]:
        """The variables that the document names; in SQL a text or a comment that looks so names none."""
        steps = self.plan.steps if self.plan is not None else ()
        pieces = [piece for step in steps for piece in step.places.fields.values() if piece.node is not None]
        queries = {(piece.node.line, piece.node.column) for piece in pieces if piece.node is not None}
        found: set[str] = set()
        for scalar in scalars(self.document.root):
            query = (scalar.line, scalar.column) in queries
            found |= _named_in(scalar.text) if query else {*_USE.findall(scalar.text)}
        for step in steps:
            for given in step.given.sql.values():
                found |= _named_in("\n".join(statement.sql for statement in given))
        return frozenset(found)

    @cached_property
    def footprint(self) -> Footprint | None:
        """What the pipeline reads and writes where others meet it."""
        return Footprint.of(self.plan) if self.plan is not None else None

    def _step(self, step: PlannedStep) -> LintStep:
        path: DocumentPath = ("steps", step.position)
        seen = LintStep(
            step.declared,
            step.type_name,
            path,
            step.given,
            step.plan,
            frozenset(map(table_key, step.reads)),
            frozenset(map(table_key, step.plan.writes)),
        )
        kinds = roles(step.step_type.Config)
        for name in step.given.sql:
            text = self._text(step, path, name)
            habits = read_habits(text)
            if kinds.get((name,)) is Role.STATEMENTS:
                habits = read_script_habits(text, self._made_anew())
            seen = replace(
                seen,
                stars=seen.stars + _spots(habits.stars, name),
                crossings=seen.crossings + _spots(habits.crossings, name),
                volatile=seen.volatile + _spots(habits.moods, name),
            )
        return seen

    def _made_anew(self) -> frozenset[str]:
        """Return the tables that a step makes anew in every run."""
        steps = self.plan.steps if self.plan is not None else ()
        return frozenset(table_key(t) for step in steps if step.plan.mode == "replace" for t in step.plan.writes)

    def _text(self, step: PlannedStep, path: DocumentPath, name: str) -> str:
        """Return the SQL of a field as it is written; where values stand in it, as it runs."""
        own = _parts(name)
        node = find(self.document.root, (*path, *own))[0]
        kind: type[ConfigModel] = type(step.given.config)
        if roles(kind).get((name,)) is Role.SQL_FILE and self.plan is not None:
            source, _ = read_source(self.plan.folder / str(getattr(step.given.config, name)), str(node_text(node)))
            if source is not None:
                self.files[path, name] = source
                return source.text
        if isinstance(node, Scalar) and not is_interpolated(node.text):
            return node.text
        return "\n;\n".join(statement.sql for statement in step.given.sql[name])

    def places(self, finding: Finding) -> list[Mark]:
        """Return the place of a finding, and then the places where a comment may silence it."""
        source, root = self.document.source, self.document.root
        if finding.spot is None:
            node, key = find(root, finding.path)
            return [source.at(key or node)]
        spot = finding.spot
        node, key = find(root, (*finding.path, *_parts(spot.field)))
        around = [source.at(key or node)]
        if (file := self.files.get((finding.path, spot.field))) is not None:
            before = file.text[: spot.offset]
            return [file.mark(before.count("\n"), spot.offset - (before.rfind("\n") + 1)), *around]
        if not isinstance(node, Scalar) or is_interpolated(node.text):
            return around
        return [source.within(node, spot.offset), *around]


def _named_in(sql: str) -> set[str]:
    """Return the variables that SQL names; `${}` counts wherever it stands: it is written in before SQL is read."""
    return {*_SPLICED.findall(sql), *_USE.findall(_SILENT.sub(" ", sql))}


def node_text(node: Node) -> str:
    """Return the text of a node, where it is one."""
    return node.text if isinstance(node, Scalar) else ""


def _parts(name: str) -> tuple[str | int, ...]:
    return tuple(int(part) if part.isdigit() else part for part in name.split("."))


def _spots(found: tuple[Reference, ...], name: str) -> tuple[SqlSpot, ...]:
    return tuple(SqlSpot(reference.name, name, reference.offset) for reference in found)


def _connections(node: Node) -> Iterator[str]:
    """Yield what is written under `connection`, however deep."""
    if isinstance(node, Scalar):
        return
    for key, inner in node.values.items() if isinstance(node, Mapping) else enumerate(node.items):
        if key == "connection" and isinstance(inner, Scalar):
            yield inner.text
        yield from _connections(inner)


def _keys(node: Node | None) -> frozenset[str]:
    return frozenset(node.values) if isinstance(node, Mapping) else frozenset()


def _secret_fields(root: Mapping, catalog: Catalog, plan: Plan | None) -> Iterator[DocumentPath]:
    """Yield the places of options that are secrets, in connections and in sources and targets written out."""
    holders: list[tuple[DocumentPath, Node | None]] = [(("connections",), root.values.get("connections"))]
    profiles = root.values.get("profiles")
    for name, profile in profiles.values.items() if isinstance(profiles, Mapping) else ():
        holders.append((("profiles", name, "connections"), find(profile, ("connections",))[0]))
    for path, holder in holders:
        for name, node in holder.values.items() if isinstance(holder, Mapping) else ():
            named = node.values.get("connector") if isinstance(node, Mapping) else None
            if isinstance(named, Scalar):
                yield from ((*path, name, option) for option in _secret_options(catalog, named.text))
    for step in plan.steps if plan else ():
        for name, endpoint in step.given.endpoints.items():
            for option in _secret_options(catalog, endpoint.connector.name):
                yield ("steps", step.position, name, option)


def _secret_options(catalog: Catalog, connector: str) -> Iterator[str]:
    try:
        fields = catalog.connector(connector).Config.model_fields
    except (SQLFlowError, Unknown):
        return
    yield from (name for name, info in fields.items() if _is_secret(info.annotation))


def _is_secret(annotation: Any) -> bool:
    return annotation is Secret or any(_is_secret(inner) for inner in get_args(annotation))
