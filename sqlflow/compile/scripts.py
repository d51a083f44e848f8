"""Steps of statements: what makes or changes a table is done to the empty tables, what moves rows is only bound."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlflow.plan import PlannedStep, SqlField, table_key
from sqlflow.problem import Mark
from sqlflow.sdk import BoundStatement, CannotBind, SQLFlowError, fold, split_name

from .ground import Ground
from .model import Gap, Table

_SHAPING = re.compile(r"\s*(create|drop|alter)\b", re.IGNORECASE)
_CHANGING = re.compile(r"\s*(alter|create\s+(unique\s+)?index|drop\s+\w+\s+(?!if\s+exists\b))", re.IGNORECASE)
"""Statements about a table that has to be there."""
_DROPPING = re.compile(r"\s*drop\b", re.IGNORECASE)


def run_script(ground: Ground, step: PlannedStep, statements: tuple[BoundStatement, ...], piece: SqlField) -> None:
    """Hold the statements of a step in order, each against what those before it have made."""
    for statement in statements:

        def at(offset: int, base: int = statement.offset) -> Mark | None:
            return piece.mark(base + offset)

        touched = statement.reads | {n for n in statement.writes if ground.table(n) is not None}
        shaping = _SHAPING.match(statement.sql) is not None
        changing = _CHANGING.match(statement.sql) is not None
        told = len(ground.problems) + sum(len(gap.needed) for gap in ground.gaps)
        if shaping:
            ground.blank.used = True
            for name in () if changing else statement.writes - touched:
                ground.blank.put(name, None)
            schemas = {split_name(name)[-2] for name in statement.writes if len(split_name(name)) > 1}
            ground.blank.session.prepare(sorted(schemas))
        reads = touched if shaping and not changing else statement.reads | statement.writes
        held = ground.bind(step, statement.sql, statement.parameters, reads, at)
        sound = held is not None and told == len(ground.problems) + sum(len(gap.needed) for gap in ground.gaps)
        if shaping:
            _shape(ground, step, statement, at(0), sound=sound)


def _shape(ground: Ground, step: PlannedStep, statement: BoundStatement, mark: Mark | None, *, sound: bool) -> None:
    """Do what a statement does to tables, and see what has become of them."""
    session = ground.blank.session
    if sound:
        try:
            session.fetch(statement.sql, _filled(ground, statement))
        except SQLFlowError as error:
            first = error.message.split("\n", 1)[0]
            ground.report("SF423", f"step {step.declared!r}: {first}", mark, error.hint)
            sound = False
    for name in statement.writes:
        key = table_key(name)
        before = ground.tables.get(key)
        if not sound:
            ground.tables[key] = Table(name, None, before.gap if before is not None else _silent())
            continue
        try:
            schema = session.bind("SELECT * FROM " + ".".join(_quoted(part) for part in split_name(name)))
        except CannotBind:
            gone = _DROPPING.match(statement.sql) is not None
            ground.tables[key] = Table(name, None, None, gone=gone)
            ground.blank.present.pop(key, None)
            continue
        ground.tables[key] = Table(name, schema)
        ground.blank.present[key] = schema


def _filled(ground: Ground, statement: BoundStatement) -> Mapping[str, Any]:
    return ground.filled(statement.sql, statement.parameters)


def _silent() -> Gap | None:
    return None


def _quoted(part: str) -> str:
    return '"' + fold(part).replace('"', '""') + '"'
