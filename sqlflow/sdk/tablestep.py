"""The parent of step types that bring rows into a table. They say where rows come from; everything else is done."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from .check import CheckResult
from .connector import ArrowStream, Select
from .context import StepContext
from .cursor import Delta
from .step import StepExecutionResult, StepInput, StepPlan, StepType
from .writeconfig import WriteConfig, write_objections
from .writing import Landing, quarantine_table


class TableStep(StepType):
    """A step type that brings rows into a table: it says where they come from, and everything else is done.

    Its `Config` extends `WriteConfig`.
    """

    check_scopes = frozenset({"batch", "target"})

    @abstractmethod
    def rows(self, given: StepInput, context: StepContext, delta: Delta) -> Select | ArrowStream:
        """Say where the rows come from. `delta` says which are wanted; more may come, never fewer."""

    def brings(self, given: StepInput) -> str | None:
        """Name the field, a query or a source, whose columns the rows have as they come; None: known when it runs."""
        return None

    def plan(self, given: StepInput, folder: Path) -> StepPlan:
        """Say which table is written and how, and what does not go together."""
        config: WriteConfig = given.config
        repeatable = config.mode != "append" or bool(config.key)
        plan = super().plan(given, folder)
        aside = {quarantine_table(config.target)} if any(check.quarantine for check in given.checks) else set()
        return replace(
            plan,
            writes=plan.writes | aside,
            mode=config.mode,
            incremental=config.mode != "replace",
            ranged=config.cursor is not None,
            remembers=config.cursor is not None,
            repeatable=repeatable,
            objections=tuple(write_objections(config)),
        )

    def execute(self, given: StepInput, context: StepContext) -> StepExecutionResult:
        """Stage, compare, check, publish."""
        return self.landing(given, context).land()

    def text(self, given: StepInput) -> str:
        """Tell which query the columns come from; empty when they are those of a source."""
        return ""

    def keeps_baseline(self, given: StepInput) -> bool:
        """Tell whether the columns are held against those of the last good run."""
        return True

    def lacks_columns(self, given: StepInput) -> bool:
        """Tell whether the rows of one run may lack columns that those of another had, without any being gone."""
        return False

    def pending(self, given: StepInput, context: StepContext) -> Delta | None:
        """Say which part of its source the next run reads, as far as a cursor does not; None: there is none."""
        return Delta()

    def landing(self, given: StepInput, context: StepContext, **more: Any) -> Landing:
        """Prepare one batch."""
        own = {
            "text": self.text(given),
            "keeps_baseline": self.keeps_baseline(given),
            "lacks_columns": self.lacks_columns(given),
        }
        values = {"rebuild": context.window.rebuild, **own, **more}
        token = values.pop("token", context.token)
        return Landing(given.config, given, lambda delta: self.rows(given, context, delta), context, token, **values)


def summed(results: Iterable[StepExecutionResult]) -> StepExecutionResult:
    """Return what several commits of one step did together."""
    total = StepExecutionResult()
    for result in results:
        total = replace(
            result,
            rows=total.rows + result.rows,
            checks=_joined(total.checks, result.checks),
        )
    return total


def _joined(old: tuple[CheckResult, ...], new: tuple[CheckResult, ...]) -> tuple[CheckResult, ...]:
    """Keep for every check the result that failed, if one did."""
    kept = {check.name: check for check in old}
    for check in new:
        if check.name not in kept or kept[check.name].passed:
            kept[check.name] = check
    return tuple(kept.values())
