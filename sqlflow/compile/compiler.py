"""A plan held against empty tables, step after step, in the order in which they run."""

from __future__ import annotations

from sqlflow.plan import Plan, PlannedStep, SqlField, table_key
from sqlflow.problem import Problem
from sqlflow.registry import Catalog
from sqlflow.sdk import BoundStatement, CannotBind, TableSchema, TableStep

from .bench import Bench, Blank, borrowed
from .model import Compiled, Gap, Table
from .sources import Sources
from .wording import complaint


def compile_plan(plan: Plan, catalog: Catalog, bench: Bench | None = None) -> Compiled:
    """Bind every SQL of a plan; a plan may be partial."""
    with borrowed(bench) as mine:
        compiler = _Compiler(plan, catalog, mine)
        compiler.run()
        problems = compiler.redacted()
        return Compiled(problems, compiler.tables)


class _Compiler:
    """Carries one plan through. Lives for one call of `compile_plan`."""

    def __init__(self, plan: Plan, catalog: Catalog, bench: Bench) -> None:
        self.plan = plan
        self.catalog = catalog
        self.bench = bench
        self.tables: dict[str, Table] = {}
        self.problems: list[Problem] = []
        self.gaps: list[Gap] = []
        self.sources = Sources(plan, bench)
        self._blank: Blank | None = None

    @property
    def blank(self) -> Blank:
        if self._blank is None:
            self._blank = self.bench.blank(self.plan.engine)
        return self._blank

    def redacted(self) -> tuple[Problem, ...]:
        return tuple(self.plan.redactor.problems(self.problems))

    def run(self) -> None:
        for step in self.plan.steps:
            self._step(step)

    def _step(self, step: PlannedStep) -> None:
        step_type = step.step_type
        if isinstance(step_type, TableStep):
            schema = self._batch(step, step_type)
            for table in step.plan.writes:
                self.tables[table_key(table)] = Table(table, schema)

    def _batch(self, step: PlannedStep, step_type: TableStep) -> TableSchema | None:
        field = step_type.brings(step.given) or ""
        if field in step.given.endpoints:
            return self.sources.columns(step, step.given.endpoints[field])
        if field in step.given.sql:
            return self.bound(step, step.given.sql[field][0], step.places.fields[field])
        return None

    def bound(self, step: PlannedStep, statement: BoundStatement, piece: SqlField) -> TableSchema | None:
        """Bind one statement of a step; what does not fit is noted."""
        columns: list[str] = []
        for name in statement.reads:
            table = self.tables.get(table_key(name))
            if table is None or table.schema is None:
                return None
            self.blank.put(name, table.schema)
            columns += table.schema.names
        try:
            return self.blank.session.bind(statement.sql, statement.parameters)
        except CannotBind as error:
            mark = piece.mark(statement.offset + (error.offset or 0))
            self.problems.append(complaint(error, mark, f"step {step.id!r}", columns=columns, tables=()))
            return None
