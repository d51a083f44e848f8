"""Checks of a step: which kind, where they hold, with which values. Their SQL is parsed like any other."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from msgspec import Struct

from sqlflow.errors import PluginError
from sqlflow.problem import Mark, did_you_mean
from sqlflow.registry import Catalog, Unknown
from sqlflow.sdk import Check, CheckKind, CheckScope, Role, roles, values_at
from sqlflow.spec import CheckOptions, Mapping, Node, Scalar, Sequence, find, to_data, validate

from .endpoints import only
from .graph import table_key
from .guests import looked_up
from .places import CheckPlace
from .sqlfields import Binder, SqlField

COMMON = frozenset(CheckOptions.model_fields)


class BoundCheck(Struct, frozen=True):
    """A check, the tables that its SQL reads, and its place."""

    check: Check
    reads: frozenset[str]
    mark: Mark
    place: CheckPlace


def bind_checks(
    node: Node | None,
    *,
    what: str,
    scopes: Collection[CheckScope],
    catalog: Catalog,
    binder: Binder,
    own: str | None = None,
) -> Iterator[BoundCheck]:
    """Yield the checks under a node, and note everything that is wrong with the others.

    `own` is the table that the step writes: a check that compares its rows with each other holds on all of them.
    """
    if not isinstance(node, Sequence):
        return
    if node.items and not scopes:
        binder.diagnosis.add(
            "SF322",
            f"{what} writes no table that checks could hold on",
            node,
            "move them to the step that writes the table",
        )
        return
    for item in node.items:
        bound = _bind(item, what=what, scopes=scopes, catalog=catalog, binder=binder, own=own)
        if bound is not None:
            yield bound


def _bind(
    node: Node,
    *,
    what: str,
    scopes: Collection[CheckScope],
    catalog: Catalog,
    binder: Binder,
    own: str | None,
) -> BoundCheck | None:
    kind = _kind(node, what, catalog, binder)
    if kind is None or not isinstance(node, Mapping):
        return None
    diagnosis, label = binder.diagnosis, f"check {kind.name}"
    options = validate(CheckOptions, only(node, COMMON), diagnosis, what=label, lookup=binder.scope)
    body = _long_form(kind, node.values[kind.name])
    config = validate(kind.Config, body, diagnosis, what=label, lookup=binder.scope)
    scope = _scope(kind, options, scopes, node, binder) if options else None
    if config is None or options is None or scope is None:
        return None
    if options.where is not None and not kind.takes_where:
        place = node.values["where"]
        diagnosis.add("SF322", f"check {kind.name!r} takes no where", place, "put the condition into the SQL")
        return None
    reads, pieces = _parts(kind, config, body)
    if own is not None and options.scope is None and {table_key(t) for t in reads} & {table_key(own)}:
        scope = "target" if "target" in kind.scopes & set(scopes) else scope
    pieces.append((Role.EXPRESSION, options.where, find(node, ("where",))[0]))
    parameters: dict[str, Any] = {}
    fields: list[tuple[Role, SqlField]] = []
    sound = True
    for role, text, place in pieces:
        piece = SqlField(text or "", place if isinstance(place, Scalar) else None, diagnosis)
        fields += [(role, piece)] if text is not None else []
        bound = binder.bind(role, piece) if text is not None else ()
        sound = sound and (text is None or bool(bound))
        for statement in bound:
            reads |= statement.reads
            parameters |= statement.parameters
    if options.quarantine and not (kind.sifts and scope == "batch"):
        why = "finds no single rows" if not kind.sifts else f"holds on the {scope}"
        hint = "quarantine belongs to row checks of a batch: not_null, accepted_values, expression, relationships"
        diagnosis.add("SF322", f"check {kind.name!r} {why}, so none can be set aside", node.values["quarantine"], hint)
    name = options.name or _name(kind, to_data(body))
    check = Check(
        name, kind, config, scope, options.severity, options.where, options.max_failures, options.quarantine, parameters
    )
    stood = CheckPlace(node, diagnosis.source, tuple(fields), frozenset(reads), sound)
    return BoundCheck(check, frozenset(reads), diagnosis.source.at(node), stood)


def _kind(node: Node, what: str, catalog: Catalog, binder: Binder) -> CheckKind | None:
    """Return the one kind that a check names, or note what it names instead."""
    diagnosis = binder.diagnosis
    keys = [key for key in node.values if key not in COMMON] if isinstance(node, Mapping) else []
    if not isinstance(node, Mapping) or not keys:
        diagnosis.add("SF321", f"a check of {what} names no kind", node, "write it as - not_null: [column]")
        return None
    known = {*catalog.names("check"), *COMMON}
    named = [key for key in keys if key in catalog.kind("check")]
    if not named:
        try:
            catalog.check(keys[0])
        except Unknown as error:
            diagnosis.add("SF320", str(error), node.keys[keys[0]], did_you_mean(keys[0], known, noun="check"))
        except PluginError as error:
            diagnosis.add(error.code or "SF601", error.message, node.keys[keys[0]], error.hint)
        return None
    for extra in (key for key in keys if key != named[0]):
        if extra in named:
            message, hint = f"two kinds in one check: {named[0]!r} and {extra!r}", "begin a new item with -"
        else:
            message, hint = f"unknown key {extra!r} beside check {named[0]!r}", did_you_mean(extra, known, noun="key")
        diagnosis.add("SF201", message, node.keys[extra], hint)
        return None
    return looked_up(diagnosis, node.keys[named[0]], "SF320", catalog.check, named[0])


def _parts(kind: CheckKind, config: Any, body: Node) -> tuple[set[str], list[tuple[Role, str | None, Node]]]:
    """Return the tables that a check's config names, and its pieces of SQL with their places."""
    reads: set[str] = set()
    pieces: list[tuple[Role, str | None, Node]] = []
    for path, role in roles(kind.Config).items():
        for where, value in values_at(config, path):
            if role is Role.READS:
                reads.add(value)
            else:
                pieces.append((role, value, find(body, where)[0]))
    return reads, pieces


def _long_form(kind: CheckKind, body: Node) -> Node:
    """Turn the short form `- not_null: [a]` into `{columns: [a]}`; places stay."""
    if isinstance(body, Mapping):
        return body
    if kind.shorthand is None:
        bare = isinstance(body, Scalar) and body.value is None
        return Mapping(body.line, body.column) if bare else body
    key = Scalar(body.line, body.column, kind.shorthand, kind.shorthand)
    return Mapping(body.line, body.column, {kind.shorthand: key}, {kind.shorthand: body})


def _scope(
    kind: CheckKind, options: CheckOptions, scopes: Collection[CheckScope], node: Mapping, binder: Binder
) -> CheckScope | None:
    """Decide where a check holds: what it asks for, else its kind's own, else the only one there is."""
    possible = kind.scopes & set(scopes)
    asked = options.scope
    if asked is not None and asked not in possible:
        binder.diagnosis.add(
            "SF322",
            f"check {kind.name!r} cannot hold on the {asked} here",
            node.values["scope"],
            f"it can hold on the {' or the '.join(sorted(possible))}",
        )
        return None
    if asked is not None:
        return asked
    return kind.scope if kind.scope in possible else next(iter(possible), None)


def _name(kind: CheckKind, data: Any) -> str:
    """Say what a check is in a few words."""
    values = list(data.values()) if isinstance(data, dict) else [data]
    first = values[0] if values else ""
    shown = ", ".join(map(str, first)) if isinstance(first, list) else " ".join(str(first).split())
    return f"{kind.name}({shown if len(shown) < 50 else shown[:47] + '...'})"  # noqa: PLR2004 - a line's worth
