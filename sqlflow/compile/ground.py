"""What one plan stands on while it is held: its tables so far, what is wrong, what cannot be known, and the bench.

The one place that binds a statement. Whoever asks says where its characters stand.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any

from sqlflow.errors import PluginConflict
from sqlflow.plan import Plan, PlannedStep, table_key
from sqlflow.problem import Mark, Problem, closest
from sqlflow.registry import Catalog
from sqlflow.sdk import CannotBind, PluginError, Session, StepError, TableSchema, Udf, fold, split_name

from .bench import Bench, Blank
from .constants import doubtful
from .functions import Functions, stands_in
from .model import Gap, Table
from .wording import complaint, unchecked

Placing = Callable[[int], Mark | None]
"""Says where a character of a statement stands."""
_SAMPLES: Mapping[str, Any] = {
    "string": "", "integer": 1, "number": 1.0, "boolean": True, "date": date(2000, 1, 1),
    "timestamp": datetime(2000, 1, 1), "identifier": "a", "list": [],  # noqa: DTZ001 - as the engine's
}  # fmt: skip
_NAMED = re.compile(r"\$([A-Za-z_]\w*)")
#: Schemas and tables that an engine has by itself.
_OWN = re.compile(r"(information_schema|pg_catalog|_sqlflow)\.|(duckdb|sqlite|pragma|pg)_", re.IGNORECASE)
_CREATING = re.compile(r"\bcreate\b(?!\s+(unique\s+)?index\b)", re.IGNORECASE)
_HIDING = re.compile(r"\bquery(_table)?\s*\(", re.IGNORECASE)
_BY_NAME = re.compile(r"natural join|star expression|no matching columns", re.IGNORECASE)
"""What an engine says about SQL that takes columns by whatever names there are."""


def _makes(step: PlannedStep) -> Iterable[str]:
    """Return the tables that a step makes; to insert rows makes none."""
    statements = [statement for found in step.given.sql.values() for statement in found if statement.writes]
    if not statements:
        return step.plan.writes
    return [name for statement in statements if _CREATING.search(statement.sql) for name in statement.writes]


class Ground:
    """The state of one plan on the bench."""

    def __init__(
        self,
        plan: Plan,
        catalog: Catalog,
        bench: Bench,
        warehouse: Session | None,
        functions: Functions,
        around: Mapping[str, Table],
    ) -> None:
        self.plan = plan
        self.catalog = catalog
        self.bench = bench
        self.warehouse = warehouse
        self.functions = functions
        self.around = around
        self.tables: dict[str, Table] = {}
        self.batches: dict[str, TableSchema] = {}
        self.partial: dict[str, str] = {}
        """Tables that may have more columns than are known, by folded name, each with the way to make them known."""
        self.problems: list[Problem] = []
        self.gaps: list[Gap] = []
        self.made = {table_key(name) for step in plan.steps for name in _makes(step)}
        self._blank: Blank | None = None

    @property
    def blank(self) -> Blank:
        """The session with the empty tables."""
        if self._blank is None:
            self._blank = self.bench.blank(self.plan.engine, self._declared())
        return self._blank

    def _declared(self) -> tuple[Udf, ...]:
        """Return the functions that the SQL of the plan calls, as far as their types are known."""
        found = []
        for name in sorted({name for step in self.plan.steps for name in step.functions}):
            function = self.functions.known.get(name)
            try:
                function = function or self.catalog.function(name)
            except PluginConflict as error:
                self.report(error.code or "SF602", error.message, None, error.hint)
                self.functions.untyped.add(name)
            except PluginError:
                self.functions.untyped.add(name)
            if function is not None:
                found.append(stands_in(function))
        return tuple(found)

    # --- telling

    def report(self, code: str, message: str, mark: Mark | None, hint: str | None) -> None:
        """Note something wrong."""
        self.problems.append(Problem(code, message, mark, hint))

    def gap(self, what: str, mark: Mark | None, hint: str) -> Gap:
        """Note something that cannot be known; it is told when a step needs it."""
        self.gaps.append(Gap(what, mark, hint))
        return self.gaps[-1]

    def told(self) -> tuple[Problem, ...]:
        """Return everything that is to be told."""
        gaps = [unchecked(gap) for gap in self.gaps if gap.needed]
        return tuple(dict.fromkeys(self.plan.redactor.problems([*self.problems, *gaps])))

    # --- tables

    def table(self, name: str) -> Table | None:
        """Return what is known of a table; None: nothing makes it."""
        key = table_key(name)
        if key in self.tables:
            return self.tables[key]
        if key in self.around and key not in self.made and self.around[key].schema is not None:
            return self.around[key]
        if self.warehouse is not None:
            schema = self.bench.described(self.warehouse, name)
            if schema is not None:
                self.tables[key] = Table(name, schema)
                return self.tables[key]
        return None

    def ready(self, step: PlannedStep, reads: Iterable[str]) -> bool:
        """Have every table there that a statement reads; False: the columns of one are not known."""
        fine = True
        for name in sorted(reads):
            table = self.table(name)
            if _OWN.match(name):
                if fold(name).startswith("_sqlflow."):
                    self.blank.session.prepare(())
                continue
            if table is not None and table.schema is None and not table.gone:
                fine = False
                if table.gap is not None:
                    table.gap.needed[step.declared] = None
                continue
            try:
                self.blank.put(name, None if table is None else table.schema)
            except StepError:  # a column has a type that is none, which is told where it is declared
                fine = False
        return fine

    def columns(self, reads: Iterable[str]) -> list[str]:
        """Return the names of the columns of tables."""
        return [name for schema in self._schemas(reads) for name in schema.names]

    def _schemas(self, reads: Iterable[str]) -> Iterator[TableSchema]:
        found = (self.table(name) for name in reads)
        return (table.schema for table in found if table is not None and table.schema is not None)

    # --- binding

    def bind(
        self,
        step: PlannedStep,
        sql: str,
        parameters: Mapping[str, Any],
        reads: Iterable[str],
        place: Placing,
        *,
        rows: TableSchema | None = None,
        named: Callable[[str], Mark] | None = None,
    ) -> TableSchema | None:
        """Bind one statement; what is wrong is noted. None: its columns are not known.

        `rows` are the columns of what else it reads. `named` knows a better place for a name than where it stands.
        """
        reads = frozenset(reads)
        blank = self.blank  # functions are declared there, and those that cannot be are noted
        missing = [name for name in step.functions if name in self.functions.untyped]
        if missing:
            called = [m.start() for name in missing for m in re.finditer(rf"(?i)\b{name}\s*\(", sql)]
            if called:
                hint = "annotate its parameters and its result, or validate with --with-functions"
                self.gap(f"the types of function {missing[0]!r} are not known here", place(min(called)), hint).needed[
                    step.declared
                ] = None
                return None
        hiding = _HIDING.search(sql) is not None
        if hiding:
            reads |= {table.name for table in self.tables.values() if table.schema is not None}
        if not self.ready(step, reads):
            return None
        filled = self.filled(sql, parameters)

        tried = partial(doubtful, sql, list(self._schemas(reads)))
        found = blank.bind(sql, filled, reads, tried)
        if isinstance(found, TableSchema):
            return found
        if hiding and found.what == "table":
            return None
        at = named if named is not None and found.name else None
        mark = at(found.name) if at is not None else place(found.offset or 0)
        self._refused(step, found, reads, mark, rows.names if rows is not None else ())
        if tried():  # a constant may be all that is wrong, and then its columns are known to those that read them
            again = self.blank.bind(sql, filled, reads)
            return again if isinstance(again, TableSchema) else None
        return None

    def filled(self, sql: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, with a value of the right type for a variable that has none here."""
        found = dict(parameters)
        for name in _NAMED.findall(sql) if "$" in sql else ():
            value = self.plan.variables.get(name)
            if name not in found and value is not None and not value.known:
                found[name] = _SAMPLES[value.type]
        return found

    @contextlib.contextmanager
    def holding(self, name: str, schema: TableSchema) -> Iterator[None]:
        """Have a table for a while."""
        self.tables[table_key(name)] = Table(name, schema)
        try:
            yield
        finally:
            del self.tables[table_key(name)]

    def _refused(
        self, step: PlannedStep, error: CannotBind, reads: frozenset[str], mark: Mark | None, rows: Sequence[str]
    ) -> None:
        """Sort what an engine says into what is wrong and what cannot be known."""
        if error.what == "syntax":  # told where it was parsed, as is a parameter without a value
            return
        if error.what == "unknown":
            hint = "it is seen when it runs; nothing can be done about it here"
            self.gap(error.message, mark, hint).needed[step.declared] = None
            return
        if error.what == "function" and self.functions.unread:
            hint = "mend the files under functions, or validate with --with-functions"
            self.gap(f"function {error.name!r} may come from a file that cannot be read", mark, hint).needed[
                step.declared
            ] = None
            return
        if error.what == "table" and (gap := self._absent(error, reads, mark)) is not None:
            if gap.hint:
                gap.needed[step.declared] = None
            return
        columns = [*rows, *self.columns(reads)]
        own = step.plan.writes if rows else frozenset[str]()
        if error.what == "column" and self.may_have(step, error.name, reads | own, columns, mark):
            return
        if error.what == "sql" and _BY_NAME.search(error.message) and (found := self._partial(reads)):
            self.gap(f"which columns {found} has is not known here", mark, self.partial[table_key(found)]).needed[
                step.declared
            ] = None
            return
        known = [*(table.name for table in self.tables.values()), *error.candidates]
        self.problems.append(complaint(error, mark, f"step {step.declared!r}", columns=columns, tables=known))

    def may_have(
        self, step: PlannedStep, column: str, tables: Iterable[str], known: Iterable[str], mark: Mark | None
    ) -> bool:
        """Tell whether a column that is not known may be there all the same; it is noted as unchecked then.

        A name that is all but one of those that are known is taken for that one, misspelt.
        """
        found = self._partial(tables)
        name = column.rpartition(".")[2]
        meant = closest(name, known, cutoff=0.8)
        if found is None or (meant is not None and fold(meant) != fold(name)):  # another table has it: so may this one
            return False
        what = f"column {name!r} is not among those that are declared of {found}"
        self.gap(what, mark, self.partial[table_key(found)]).needed[step.declared] = None
        return True

    def _partial(self, tables: Iterable[str]) -> str | None:
        """Return the first of these tables that may have more columns than are known."""
        return min((table for table in tables if table_key(table) in self.partial), default=None)

    def _absent(self, error: CannotBind, reads: frozenset[str], mark: Mark | None) -> Gap | None:
        """Return why a table may be there all the same; None: it is missing for sure."""
        last = fold(error.name.rpartition(".")[2])
        named = next((name for name in sorted(reads) if fold(split_name(name)[-1]) == last), None)
        if named is None:
            return None
        error.name = named
        key = table_key(named)
        if key in self.tables and self.tables[key].gone:
            return None
        if self.plan.partial:
            return Gap("", None, "")
        if key in self.made:
            what = f"{named} is read before a step of this pipeline has made it, so its columns are not known here"
            return self._missing(named, what, mark)
        if key in self.around and self.warehouse is None:
            return self._missing(named, f"another document makes {named}, and its columns are not known", mark)
        if self.warehouse is not None or self.plan.location.path is None:
            return None
        known = [table.name for table in self.tables.values() if table_key(table.name) != key]
        known += error.candidates
        if known and closest(named, known) is not None and not self._elsewhere(named):
            return None
        return self._missing(named, f"no step here makes {named}, so its columns are not known", mark)

    def _missing(self, name: str, what: str, mark: Mark | None) -> Gap:
        gap = self.gap(what, mark, "validate with --state, which looks into the warehouse for what is there")
        self.tables[table_key(name)] = Table(name, None, gap)
        return gap

    def _elsewhere(self, name: str) -> bool:
        """Tell whether another document beside this one speaks of a table."""
        last = split_name(name)[-1]
        for path in self.bench.neighbours(self.plan.folder):
            if path.resolve() != self.plan.path.resolve() and re.search(
                rf"\b{re.escape(last)}\b", self.bench.text(path)
            ):
                return True
        return False
