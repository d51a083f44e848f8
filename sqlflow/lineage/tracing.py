"""Reading the lineage off plans: what the SQL of each step makes of the columns that compiling has found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from sqlflow.compile import Compiled
from sqlflow.plan import Plan, PlannedStep, table_key
from sqlflow.sdk import BoundStatement, Role, fold, roles, values_at
from sqlflow.sql import Origins, read_origins

from .model import ANY, Field, Lineage

Known = Mapping[str, tuple[str, ...]]
"""The names of the columns of each table, where they are known."""


class _Trace:
    def __init__(self) -> None:
        self.columns: dict[Field, frozenset[Field]] = {}
        self.rows: dict[str, frozenset[Field]] = {}
        self.feeds: dict[str, frozenset[str]] = defaultdict(frozenset)

    def add(self, table: str, column: str, origins: Iterable[Field]) -> None:
        self.columns[table, column] = self.columns.get((table, column), frozenset()) | frozenset(origins)

    def decide(self, table: str, origins: Iterable[Field]) -> None:
        self.rows[table] = self.rows.get(table, frozenset()) | frozenset(origins)


def trace(compiled: Iterable[tuple[Plan, Compiled]]) -> Lineage:
    """Return the lineage of all steps of pipelines that share their tables."""
    held = list(compiled)
    known: dict[str, tuple[str, ...]] = {}
    for _, one in held:
        found = {key: t.schema.names for key, t in one.tables.items() if t.schema is not None}
        known |= {key: tuple(fold(name) for name in names) for key, names in found.items()}
    traced = _Trace()
    for plan, _ in held:
        for step in plan.steps:
            _trace_step(traced, step, known)
    return Lineage(traced.columns, traced.rows, dict(traced.feeds))


def _trace_step(traced: _Trace, step: PlannedStep, known: Known) -> None:
    written = [*(table_key(name) for name in step.plan.writes), *step.plan.outputs]
    for target in written:
        traced.feeds[target] |= frozenset(table_key(name) for name in step.plan.reads) | frozenset(step.plan.inputs)
    kinds = roles(step.step_type.Config)
    for name, statements in step.given.sql.items():
        role = kinds.get(tuple("*" if part.isdigit() else part for part in name.split(".")))
        if role in (Role.QUERY, Role.SQL_FILE):
            for target in written:
                _query(traced, target, statements[0], known)
        elif role is Role.STATEMENTS:
            for statement in statements:
                _opaque(traced, [table_key(t) for t in statement.writes], statement.reads)
    for source in _copied(step):
        for target in written:
            _copy(traced, source, target, known)


def _copied(step: PlannedStep) -> Iterator[str]:
    """Yield what a step copies column by column: a table that an option names, a place outside."""
    for path, role in roles(step.step_type.Config).items():
        if role is Role.READS:
            yield from (table_key(value) for _, value in values_at(step.given.config, path))
    yield from step.plan.inputs


def _query(traced: _Trace, target: str, statement: BoundStatement, known: Known) -> None:
    reads = {table_key(name) for name in statement.reads}
    unknown = [table for table in reads if table not in known]
    origins = None if unknown else read_origins(statement.sql, {table: known[table] for table in reads})
    if origins is None:
        _opaque(traced, [target], statement.reads)
        return
    traced.decide(target, origins.rows)
    for column, found in _columns(origins, known.get(target)):
        traced.add(target, column, found)
    for column in known.get(target, ()):  # such as the bounds of a version, which no query brings
        traced.add(target, column, ())


def _columns(origins: Origins, names: tuple[str, ...] | None) -> Iterator[tuple[str, frozenset[Field]]]:
    """Yield the columns with their names in the target; one that the query does not name goes by its position."""
    for position, (name, found) in enumerate(origins.columns):
        column = fold(name)
        if name.startswith("_col_") and names is not None and position < len(names):
            column = names[position]
        yield column, found


def _copy(traced: _Trace, source: str, target: str, known: Known) -> None:
    for column in known.get(target) or known.get(source) or (ANY,):
        traced.add(target, column, {(source, column)})


def _opaque(traced: _Trace, targets: Iterable[str], reads: Iterable[str]) -> None:
    """Let everything of the targets depend on everything that is read."""
    sources = frozenset((table_key(name), ANY) for name in reads)
    for target in targets:
        traced.decide(target, sources)
        traced.add(target, ANY, sources)
