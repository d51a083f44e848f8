"""The state of a warehouse beside the plan of one pipeline: which entries there are, whose, and whether they count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from enum import Enum
from functools import cached_property

from msgspec import Struct

from sqlflow.errors import DocumentError
from sqlflow.plan import Plan, PlannedStep, table_key
from sqlflow.problem import Problem, did_you_mean
from sqlflow.registry import Catalog
from sqlflow.sdk import KINDS, Memory, Opening, Session, StateEntry, StorageLocation, Token
from sqlflow.warehouse import open_existing


class Standing(Enum):
    """Why an entry is of no account; the value says it."""

    COUNTS = ""
    NO_STEP = "not in the document"
    OTHER_TARGET = "the step writes another table now"
    NO_TABLE = "the table is gone"


class Book(Struct, dict=True):
    """What steps remember. `session` has the warehouse open."""

    plan: Plan
    catalog: Catalog
    session: Session

    @cached_property
    def everything(self) -> tuple[StateEntry, ...]:
        """Every entry of the warehouse that has not been forgotten, in a stable order."""
        found = [e for e in self.session.state() if e.value is not None or e.fault is not None]
        return tuple(sorted(found, key=lambda e: (e.pipeline, e.step, e.target, e.kind, e.name)))

    @property
    def own(self) -> tuple[StateEntry, ...]:
        """The entries of this pipeline."""
        return tuple(e for e in self.everything if e.pipeline == self.plan.pipeline)

    def steps(self, name: str) -> frozenset[str]:
        """Return the steps that a name stands for: planned ones, and those that are only remembered.

        Raises:
            DocumentError: it stands for none.

        """
        planned = {step.id for step in self.plan.steps if name in (step.id, step.declared)}
        found = planned | {e.step for e in self.own if e.step == name}
        if not found:
            known = {step.id for step in self.plan.steps} | {e.step for e in self.own}
            raise refused("SF740", f"there is no step {name!r} in {self.plan.path.name}", name, known, "step")
        return frozenset(found)

    def step(self, name: str) -> PlannedStep:
        """Return the planned step of a name; raises DocumentError as `planned` does."""
        return planned(self.plan, name)

    def kind(self, name: str) -> str:
        """Return a kind of state by its name. Raises DocumentError when there is no such kind."""
        known = {*KINDS, *(e.kind for e in self.everything)}
        if name not in known:
            raise refused("SF740", f"there is no kind of state {name!r}", name, known, "kind")
        return name

    def standing(self, entry: StateEntry) -> Standing:
        """Tell whether an entry counts in the next run; of other pipelines only whether the table is there."""
        if entry.pipeline == self.plan.pipeline:
            step = next((s for s in self.plan.steps if s.id == entry.step), None)
            if step is None:
                return Standing.NO_STEP
            if entry.target not in {table_key(table) for table in step.plan.writes}:
                return Standing.OTHER_TARGET
        return Standing.COUNTS if entry.target in self._tables else Standing.NO_TABLE

    @cached_property
    def _tables(self) -> frozenset[str]:
        return frozenset(table_key(name) for name in self.session.tables())

    def write(self, why: str, entries: Iterable[tuple[str, str, str, Memory]]) -> None:
        """Write entries (pipeline, step, target, what), all or none; `why` stands where else a run is named."""
        owners: dict[tuple[str, str, str], list[Memory]] = {}
        for pipeline, step, target, memory in entries:
            owners.setdefault((pipeline, step, target), []).append(memory)
        self.session.remember(*((Token(why, s, 0, p), t, memories) for (p, s, t), memories in owners.items()))

    def forget(self, entries: Sequence[StateEntry], why: str) -> None:
        """Forget entries."""
        self.write(why, [(e.pipeline, e.step, e.target, Memory(e.kind, e.name, None)) for e in entries])


@contextmanager
def open_book(plan: Plan, catalog: Catalog, *, write: bool = False, or_empty: bool = False) -> Iterator[Book]:
    """Open the state of a plan's warehouse; `or_empty`: where there is none yet, an empty one that nobody keeps.

    Raises:
        SQLFlowError: there is no warehouse yet.
        WarehouseLocked: another process is writing it.

    """
    with plan.redactor.masking(), closing(_session(plan, or_empty=or_empty, write=write)) as session:
        if write:
            session.prepare(())
        yield Book(plan, catalog, session)


def _session(plan: Plan, *, or_empty: bool, write: bool) -> Session:
    engine, location = plan.engine, plan.location
    if or_empty and not (location.path is not None and location.exists):
        nowhere = Opening(StorageLocation(None, exists=False), plan.folder)
        return engine.engine.open(engine.engine_config, nowhere)
    return open_existing(engine, plan.folder, read_only=not write)


def planned(plan: Plan, name: str) -> PlannedStep:
    """Return the step that a name stands for.

    Raises:
        DocumentError: there is none, or the name stands for several.

    """
    found = [step for step in plan.steps if name in (step.id, step.declared)]
    if len(found) == 1:
        return found[0]
    if found:
        hint = "name one of them: " + ", ".join(step.id for step in found)
        raise DocumentError([Problem("SF740", f"step {name!r} stands for {len(found)} steps", None, hint)])
    raise refused("SF740", f"there is no step {name!r} in {plan.path.name}", name, {s.id for s in plan.steps}, "step")


def refused(code: str, told: str, name: str, known: Iterable[str], noun: str) -> DocumentError:
    """Return the error of a name that was looked up and not found."""
    return DocumentError([Problem(code, told, None, did_you_mean(name, known, noun=noun))])
