"""The way of a batch from its source to the commit: read, stage, compare, check, publish.

Any step type that brings rows into a table goes this way, so that modes, checks, cursors and schema changes mean
the same everywhere.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field
from msgspec.structs import replace

from sqlflow.errors import Imprecise, StepError

from .baseline import Baseline, declared, judge, remembered, united
from .check import CheckResult, refuse_failed
from .commit import (
    Batch,
    Commit,
    Deletion,
    Interval,
    Published,
    ScriptWrite,
    SetAside,
    Staged,
    TableWrite,
    Token,
    Versioning,
)
from .connector import ArrowStream, Select
from .context import StepContext
from .cursor import Delta
from .increment import Increment, increment, next_watermark
from .schema import VALUELESS, TableSchema, normal_type
from .sqltext import join_name, quote, split_name
from .state import Memory
from .step import StepExecutionResult, StepInput
from .writeconfig import WriteConfig

Reading = Callable[[Delta], Select | ArrowStream]
"""Says where rows come from, given which are wanted. May be called twice."""


class Landing(Struct, frozen=True):
    """One batch on its way into a table. `text` tells which query its columns come from.

    `token` may name a part of the attempt; `interval` is the stretch of time that the batch replaces.
    """

    config: WriteConfig
    given: StepInput
    reading: Reading
    context: StepContext
    token: Token
    delta: Delta = field(default_factory=Delta)
    keeps_baseline: bool = True
    lacks_columns: bool = False
    """Whether columns of the last good run that are not there are only not in these rows."""
    text: str = ""
    interval: Interval | None = None
    rebuild: bool = False
    memories: tuple[Memory, ...] = ()
    first: ScriptWrite | None = None
    """Statements that run in the transaction, before the write."""
    selects: bool = True
    """Whether the cursor says which rows are read, and moves with them."""
    careful: bool = False
    """Whether numbers are read from their text."""
    keep_rejects: bool = False
    """Whether rows that cannot be read are set aside."""
    max_rejects: int | None = None
    verify: Callable[[], None] | None = None
    """Called when all rows have been taken; raises when they cannot be trusted."""

    def land(self) -> StepExecutionResult:
        """Stage the rows, check them, publish them: all or nothing.

        Raises:
            StepError: the rows cannot be read or do not fit; the target keeps its old rows.
            SchemaChanged: the source has other columns than at the last good run.
            CheckFailed: a check of severity `error` does not hold.

        """
        try:
            return self._fitted()
        except Imprecise:
            return replace(self, careful=True).land()

    def _fitted(self) -> StepExecutionResult:
        """Land with the types of the last good run, or where a value does not fit them, with those of today."""
        baseline = self._baseline()
        try:
            return self._landed(baseline, baseline.types if baseline and self._guesses else {})
        except StepError as error:
            if isinstance(error, Imprecise) or error.kind != "bad_data" or error.code in _JUDGED:
                raise
            if baseline is None or not self._guesses:
                raise
            wider = self._reconsidered(baseline, error)
            return self._landed(baseline, wider)

    @property
    def _guesses(self) -> bool:
        return any(endpoint.connector.guesses_types for endpoint in self.given.endpoints.values())

    def _baseline(self) -> Baseline | None:
        if not self.keeps_baseline or self.context.window.full_refresh:
            return None
        return remembered(self.context.memory(self.config.target))

    def _landed(self, baseline: Baseline | None, types: dict[str, str]) -> StepExecutionResult:
        config, session = self.config, self.context.session
        news = self._increment()
        delta = replace(self.delta, types=types)
        if news is not None:
            delta = replace(delta, since=news.since, values={**delta.values, "watermark": news.value})
        on_batch = [check for check in self.given.checks if check.scope == "batch"]
        once = (
            not on_batch
            and not self.keep_rejects
            and config.mode in ("replace", "append")
            and not config.key
            and news is None
            and self.first is None  # it may change what the rows are read from
        )
        batch = Batch(
            config.target, self.token, config.mode, config.columns, once, types, delta.since, self.rebuild, self.careful
        )
        source = self.reading(delta)
        staged = session.stage(source, batch)
        memories = list(self.memories)
        accepted: TableSchema | None = None
        early = len(staged.schema) and baseline is not None and config.mode != "replace"
        if staged.materialized or early:  # anything else would read a query twice
            accepted = self._judged(baseline, staged.schema, staged.relation, staged)
            memories += self._learned(baseline, accepted, staged.relation, staged)
        if news is not None:
            memories += next_watermark(news, staged, session)
        results: tuple[CheckResult, ...] = ()
        aside = self._rejected(source)
        if sifting := [check for check in on_batch if check.quarantine]:
            staged, out, results = session.sift(staged, sifting, quarantine_table(config.target))
            aside += (out,) if out else ()
        if sifting or self.keep_rejects:  # whoever reads the table finds it and its columns, also where nothing was bad
            columns = ", ".join(f"CAST(NULL AS {c.type}) AS {quote(c.name)}" for c in staged.schema)
            none = f"(SELECT {columns} WHERE FALSE)"
            aside += (SetAside(quarantine_table(config.target), none, staged.schema, 0),)
        results += session.check(staged.relation, [check for check in on_batch if not check.quarantine])
        refuse_failed(results, kept=f"nothing was written and {config.target} keeps its old rows")

        def learned(schema: TableSchema) -> tuple[Memory, ...]:
            if self.verify is not None:
                self.verify()
            if accepted is not None:
                return ()
            written = quote_target(config.target)
            return tuple(self._learned(baseline, self._judged(baseline, schema, written, None), written, None))

        on_target = tuple(check for check in self.given.checks if check.scope == "target")
        commit = Commit(self.token, self._write(staged, baseline, accepted), config.target, on_target)
        done = session.publish(replace(commit, state=tuple(memories), learned=learned, first=self.first, aside=aside))
        return self._told(done, results, sum(out.rows for out in aside))

    def _told(self, done: Published, results: tuple[CheckResult, ...], aside: int) -> StepExecutionResult:
        for warning in done.warnings:
            self.context.warn(warning)
        rows = replace(done.rows, quarantined=aside) if aside else done.rows
        if aside and rows.read is not None:
            rows = replace(rows, read=rows.read + aside)
        return StepExecutionResult(rows, done.schema, (*results, *done.checks))

    def _rejected(self, source: Select | ArrowStream) -> tuple[SetAside, ...]:
        """Return the rows that could not be read, unless they are too many."""
        if not self.keep_rejects or not isinstance(source, Select) or source.rejects is None:
            return ()
        found = self.context.session.rejected(source, quarantine_table(self.config.target))
        if found is not None and self.max_rejects is not None and found.rows > self.max_rejects:
            raise StepError(
                f"{found.rows} rows of {self.what} cannot be read, and max_bad_rows allows {self.max_rejects}",
                hint="mend the source, or raise max_bad_rows",
                code="SF738",
            )
        return (found,) if found else ()

    def _increment(self) -> Increment | None:
        config, context = self.config, self.context
        if config.cursor is None or not self.selects:
            return None
        state = context.memory(config.target)
        return increment(config.cursor, state, context.window, context.session, keyed=bool(config.key))

    def _write(self, staged: Staged, baseline: Baseline | None, accepted: TableSchema | None) -> TableWrite:
        config = self.config
        wished = baseline is not None and (baseline.accepted or baseline.text != self.text)
        deletes, versioning = config.deletes, None
        if config.mode == "scd2":
            at = config.cursor.column if config.cursor else None
            versioning = Versioning(self.context.started_at, at, tuple(config.track))
        return TableWrite(
            staged,
            tuple(config.key),
            config.on_schema_change,
            config.on_duplicate,
            tuple(config.order_by),
            config.adopt,
            accepted=accepted if wished else None,
            deletion=Deletion(deletes.column, deletes.soft, bool(deletes.missing), deletes.max_share)
            if deletes
            else None,
            versioning=versioning,
            interval=self.interval,
        )

    def _judged(
        self, baseline: Baseline | None, schema: TableSchema, relation: str, staged: Staged | None
    ) -> TableSchema:
        """Hold the columns of the batch against the baseline."""
        now = declared(schema, self.config.columns)
        if baseline is None:
            return now
        if self.lacks_columns:
            now = united(now, baseline)
        session = self.context.session
        types = {name.lower(): normal_type(kind) for name, kind in baseline.types.items()}
        other = [c.name for c in now if types.get(c.name.lower(), normal_type(c.type)) != normal_type(c.type)]
        silent: set[str] = set()
        if other:
            counts = ", ".join(f"count({quote(name)})" for name in other)
            parameters = staged.parameters if staged else {}
            found = session.fetch(f"SELECT {counts} FROM {relation}", parameters)[0]
            silent = {name for name, count in zip(other, found, strict=True) if not count}
        if staged is not None and staged.rows == 0:  # a column that never had a value need not show without rows
            seen = tuple(c for c in baseline.schema if c.type or now.get(c.name))
            baseline = replace(baseline, schema=TableSchema(seen))
        what = self.what
        return judge(baseline, now, self.config.on_schema_change, what=what, text=self.text, silent=silent)

    @property
    def what(self) -> str:
        """How messages call the source of the rows."""
        labels = [endpoint.place or endpoint.label for endpoint in self.given.endpoints.values()]
        return labels[0] if labels else "the query"

    def _learned(
        self, baseline: Baseline | None, schema: TableSchema, relation: str, staged: Staged | None
    ) -> list[Memory]:
        """Return the baseline that the batch leaves, where it is another one than before."""
        if not self.keeps_baseline or (baseline and self._guesses and staged is not None and staged.rows == 0):
            return []
        schema = TableSchema(tuple(replace(c, type="") if c.type == VALUELESS else c for c in schema))
        if self._guesses:
            schema = self._evident(baseline, schema, relation, staged)
        new = Baseline(schema, self.text)
        return [] if baseline == new else [new.memory()]

    def _evident(
        self, baseline: Baseline | None, schema: TableSchema, relation: str, staged: Staged | None
    ) -> TableSchema:
        """Leave out the types of columns that hold no value yet: text is only what a reader says for want of any."""
        known = {name.lower() for name in baseline.types} if baseline else set()
        declared_here = {name.lower() for name in self.config.columns}
        doubtful = [
            c.name
            for c in schema
            if normal_type(c.type) in WITHOUT_EVIDENCE and c.name.lower() not in known | declared_here
        ]
        if not doubtful:
            return schema
        counts = ", ".join(f"count({quote(name)})" for name in doubtful)
        found = self.context.session.fetch(f"SELECT {counts} FROM {relation}", staged.parameters if staged else {})[0]
        empty = {name for name, count in zip(doubtful, found, strict=True) if not count}
        return TableSchema(tuple(replace(c, type="") if c.name in empty else c for c in schema))

    def _reconsidered(self, baseline: Baseline, error: StepError) -> dict[str, str]:
        """Look at the source afresh, since a value does not fit the last good run's type."""
        source = self.reading(self.delta)
        wider = {c.name: c.type for c in declared(self.context.session.columns(source), self.config.columns)}
        if {n.lower(): normal_type(t) for n, t in wider.items()} == {
            n.lower(): normal_type(t) for n, t in baseline.types.items()
        }:
            raise error
        return wider


WITHOUT_EVIDENCE = frozenset({"VARCHAR", "JSON"})
"""What a reader says of a column in which no value shows a type."""
_JUDGED = frozenset({"SF701", "SF705", "SF706", "SF712", "SF721", "SF730", "SF731", "SF732"})


def quarantine_table(target: str) -> str:
    """Return the table that keeps the rows of a target that were set aside."""
    parts = split_name(target)
    return join_name(("quarantine", "__".join((parts[-2] if len(parts) > 1 else "main", parts[-1]))))


def quote_target(table: str) -> str:
    """Quote a target the way that engines find it; a bare name lives in `main`."""
    parts = split_name(table)
    return ".".join(quote(part) for part in (parts if len(parts) > 1 else ("main", *parts)))
