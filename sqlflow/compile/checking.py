"""The checks of a step, held against the columns of its batch or of its target. Nothing is counted."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from sqlflow.errors import PluginBroken, SQLFlowError
from sqlflow.plan import CheckPlace, PlannedStep, SqlField, guarded
from sqlflow.problem import Mark, Problem
from sqlflow.sdk import CannotBind, Check, CompiledCheck, QueryTest, Role, RowTest, TableSchema, field_docs

from .constants import doubtful
from .ground import Ground
from .landing import relation_of

_HEAD = "SELECT ("
_ROWS = "sqlflow_rows"
_TEXT = re.compile(r"'([^']*)'")


class _Held(Struct, frozen=True):
    check: Check
    place: CheckPlace
    schema: TableSchema
    compiled: CompiledCheck


def hold_checks(ground: Ground, step: PlannedStep, schema_for: Callable[[Check], TableSchema | None]) -> None:
    """Bind all checks of a step: together, and where that fails one by one."""
    by_relation: dict[str, list[_Held]] = {}
    for check, place in zip(step.given.checks, step.places.checks, strict=False):
        schema = schema_for(check)
        if schema is None or not place.sound or not ground.ready(step, place.reads):
            continue
        relation = relation_of(schema)
        try:
            compiled = guarded(check.kind, partial(_compiled, check, relation))
        except SQLFlowError as error:
            ground.report(error.code or "SF601", error.message, place.source.at(place.node), error.hint)
            continue
        by_relation.setdefault(relation, []).append(_Held(check, place, schema, compiled))
    for relation, held in by_relation.items():
        _hold(ground, step, relation, held)


def _compiled(check: Check, relation: str) -> CompiledCheck:
    found = check.kind.compile(check.config, relation)
    if isinstance(found, CompiledCheck):
        return found
    raise PluginBroken(
        f"check {check.kind.name!r} compiles to {type(found).__name__}, expected RowTest, TableTest or QueryTest",
        hint="this is a bug in the check; tell its authors",
        code="SF601",
    )


def _hold(ground: Ground, step: PlannedStep, relation: str, held: Sequence[_Held]) -> None:
    scanned = [one for one in held if not isinstance(one.compiled, QueryTest)]
    sql = f"SELECT {', '.join(_measure(one) for one in scanned)} FROM {relation}"
    parameters: dict[str, Any] = {}
    for one in scanned:
        parameters |= one.check.parameters
    alone = [one for one in held if isinstance(one.compiled, QueryTest)]
    if scanned and doubtful(sql, [held[0].schema]):  # over a single row of NULLs, constants fold away
        with ground.holding(_ROWS, held[0].schema):
            for one in held:
                _hold_one(ground, step, _ROWS, one)
        return
    reads = frozenset[str]().union(*(one.place.reads for one in scanned))
    if scanned and isinstance(ground.blank.bind(sql, ground.filled(sql, parameters), reads), CannotBind):
        alone = list(held)
    for one in alone:
        _hold_one(ground, step, relation, one)


def _measure(one: _Held) -> str:
    where = f"({one.check.where})" if one.check.where else "TRUE"
    if isinstance(one.compiled, RowTest):
        return f"count(*) FILTER ({where} AND ({one.compiled.fails}))"
    if isinstance(one.compiled, QueryTest):
        return ""
    return f"{one.compiled.measure}, count(*) FILTER ({where})" if one.check.where else one.compiled.measure


def _hold_one(ground: Ground, step: PlannedStep, relation: str, one: _Held) -> None:
    """Bind the SQL of a check where it stands in the document, then what its kind makes of its options."""
    told = len(ground.problems)
    own = {_ROWS} if relation == _ROWS else frozenset()
    for role, piece in one.place.pieces:
        query = role is Role.QUERY
        sql = piece.text.strip().rstrip(";") if query else f"{_HEAD}{piece.text}\n) FROM {relation}"
        shift = len(piece.text) - len(piece.text.lstrip()) if query else -len(_HEAD)
        parameters = {name: value for name, value in one.check.parameters.items() if f"${name}" in sql}

        def at(offset: int, piece: SqlField = piece, shift: int = shift) -> Mark | None:
            return piece.mark(max(offset + shift, 0))

        ground.bind(step, sql, parameters, one.place.reads | own, at, rows=one.schema)
    if len(ground.problems) > told or any(role is Role.QUERY for role, _ in one.place.pieces):
        return
    sql = one.compiled.sql if isinstance(one.compiled, QueryTest) else f"SELECT {_measure(one)} FROM {relation}"

    def place(offset: int) -> Mark:
        value = _TEXT.match(sql, offset)
        return one.place.named(value[1]) if value else one.place.source.at(one.place.node)

    ground.bind(
        step,
        sql,
        one.check.parameters,
        one.place.reads | own,
        place,
        rows=one.schema,
        named=one.place.named,
    )
    whole = one.place.source.at(one.place.node)
    found = ground.problems[told:]
    ground.problems[told:] = [_in_its_words(one, p) if (p.code, p.mark) == ("SF423", whole) else p for p in found]


def _in_its_words(held: _Held, problem: Problem) -> Problem:
    """Word what an engine says of SQL that nobody has written: what the options that name columns are for."""
    check, schema = held.check, held.schema
    values = {name: getattr(check.config, name) for name in type(check.config).model_fields}
    columns = [name for name, v in values.items() if isinstance(v, str) and schema.get(v) is not None]
    docs = field_docs(type(check.config)) if columns else {}
    meant = [f"{name} takes: {docs[name].rstrip('.')}" for name in columns if name in docs]
    step, _, told = problem.message.partition(": ")
    told = told.partition(" - an explicit cast")[0]
    message = f"{step}: check {check.kind.name} does not fit its columns: {told}"
    return replace(problem, message=message, hint="; ".join(meant) or problem.hint)
