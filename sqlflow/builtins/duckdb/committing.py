"""The one short transaction: rows, what is set aside, checks, what is remembered and the line of the ledger."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from sqlflow.sdk import (
    CheckResult,
    Commit,
    Published,
    ScriptWrite,
    Select,
    StepError,
    TableSchema,
    TableWrite,
    ViewWrite,
    quarantine_table,
    quote_target,
    refuse_failed,
)

from . import checking, inventory, ledger, publishing, quarantine, state
from .connection import Connection
from .faults import unfit
from .warehouse import Entry, Unique


class Committing(Struct):
    """One commit on its way. Lives for one call of `run`."""

    db: Connection
    commit: Commit
    checks: tuple[CheckResult, ...] = ()
    schema: TableSchema | None = None
    fresh: list[str] = field(default_factory=list)
    """Quarantine tables that it made."""
    before: dict[str, int | None] = field(default_factory=dict)
    """Which tables a script found."""
    line: int = 0
    unique: Unique | None = None
    """What is known of the keys of the target now."""
    changed: bool = False

    def run(self) -> Published:
        """Write, check and record in one transaction, and see that it is in the ledger."""
        write = self.commit.write
        plan = publishing.prepare(self.db, write) if write is not None else None
        try:
            with self.db.transaction():
                done = self._write(plan)
                self._check()
                self._record(plan, done)
        except StepError as error:
            if error.code == "SF702" and len(self.commit.checks) > 1:
                self._blame(plan, error)
            raise
        ledger.verify(self.db, self.commit.token, self.line)
        self._note(plan)
        if self.made is not None and self.schema is None:
            self.schema = self.db.types_of(quote_target(self.made))
        return Published(done.rows, self.schema, self.checks, done.warnings)

    @property
    def made(self) -> str | None:
        """The table or view that is written, if one is."""
        return self.commit.target if isinstance(self.commit.write, (TableWrite, ViewWrite)) else None

    @property
    def targets(self) -> tuple[str | None, ...]:
        """Everything that the ledger names."""
        write = self.commit.write
        return write.targets if isinstance(write, ScriptWrite) else (self.commit.target,)

    def _write(self, plan: publishing.Publication | None) -> publishing.Done:
        commit, write = self.commit, self.commit.write
        self.before = self._identities()
        if commit.first is not None:
            publishing.prepare(self.db, commit.first).run(self.db)
        done = self._written(plan) if plan else publishing.Done(publishing.read_only(commit.rows))
        if plan is not None and isinstance(write, TableWrite):
            if plan.makes:
                quarantine.clear(self.db, quarantine_table(write.target), commit.token)
            else:
                quarantine.supersede(self.db, quarantine_table(write.target), commit.token, write)
        # an append without a key takes what is there twice for two rows, here as in its target
        anew = isinstance(write, TableWrite) and write.mode == "append" and not write.key
        self.fresh = [a.table for a in commit.aside if quarantine.keep(self.db, a, commit.token, anew=anew)]
        return done

    def _written(self, plan: publishing.Publication) -> publishing.Done:
        try:
            return plan.run(self.db)
        except StepError as error:  # a batch that stayed a query is read only here
            write = self.commit.write
            raise explained(write.staged.source, error) if isinstance(write, TableWrite) else error from error

    def _check(self) -> None:
        target = self.commit.target
        if self.commit.checks and target:
            self.checks = checking.run(self.db, quote_target(target), self.commit.checks)
            refuse_failed(self.checks, kept=f"{target} keeps its old rows")

    def _record(self, plan: publishing.Publication | None, done: publishing.Done) -> None:
        """Write what is remembered and the lines of the ledger."""
        commit, token, warehouse = self.commit, self.commit.token, self.db.warehouse
        memories = commit.state
        if self.made is not None and commit.learned is not None:
            self.schema = self.db.types_of(quote_target(self.made))
            memories += commit.learned(self.schema)
        makes = plan is not None and plan.makes
        self.changed = commit.write is not None and (makes or done.changed)
        self.unique = done.unique
        self.line = ledger.append(
            self.db, token, self.targets, done.total, made=makes, changed=self.changed, unique=done.unique
        )
        beside = replace(token, part=token.part or "aside")  # what ends a step is the line of its target
        for aside in commit.aside:
            if aside.rows or aside.table in self.fresh:
                ledger.append(self.db, beside, (aside.table,), aside.rows, made=aside.table in self.fresh, changed=True)
        if plan is not None and makes and self.made and warehouse.remembered(self.made):
            state.forget_target(self.db, token, self.made, self.line, own=plan.anew)
        for table, number in self._identities().items():
            if self.before[table] != number:
                state.forget_target(self.db, token, table, self.line, own=True)
        state.remember(self.db, token, commit.target, memories, warehouse.next_line())
        if memories and commit.target:
            warehouse.remember(commit.target)

    def _identities(self) -> dict[str, int | None]:
        """Return a number for each table of a script that steps remember; it is another one when it is made anew."""
        targets = self.commit.write.targets if isinstance(self.commit.write, ScriptWrite) else ()
        return inventory.identities(self.db, [table for table in targets if self.db.warehouse.remembered(table)])

    def _blame(self, plan: publishing.Publication | None, error: StepError) -> None:
        """Name the check whose SQL is broken. The transaction that met it is dead, so another is run and undone."""
        with self.db.transaction():
            if plan is not None:
                self._written(plan)
            for check in self.commit.checks:
                checking.run(self.db, quote_target(self.commit.target or ""), [check])
            raise error  # alone, each of them holds

    def _note(self, plan: publishing.Publication | None) -> None:
        """Bring the inventory up to what has been committed."""
        warehouse, write = self.db.warehouse, self.commit.write
        for target in self.targets if self.changed else ():
            if target is not None:
                warehouse.moved(target, self.line, self.unique)
        for name in self.fresh:
            warehouse.note(name, Entry("table"), made=True)
        if isinstance(write, ScriptWrite):
            warehouse.forget()
        elif write is not None and plan is not None:
            kind: Literal["table", "view"] = "view" if isinstance(write, ViewWrite) else "table"
            warehouse.note(write.target, Entry(kind, plan.indexes), made=plan.makes)


def explained(source: Any, error: StepError) -> StepError:
    """Let the connector say what an engine's error over its scan means."""
    explain = source.explain if isinstance(source, Select) else None
    return (explain(error.message) if explain else None) or unfit(error) or error
