"""What a plan will destroy: shown before it happens. A pure function of the plan and of the tables that are there."""

from __future__ import annotations

from collections.abc import Mapping

from sqlflow.sdk import TableInfo

from .graph import table_key
from .model import PlannedStep


def effects(step: PlannedStep, tables: Mapping[str, TableInfo]) -> tuple[str, ...]:
    """Say what the step takes away from the tables it writes. `tables` is keyed by `table_key`."""
    found: list[str] = []
    for name in sorted(step.plan.writes):
        info = tables.get(table_key(name))
        if info is None:
            continue
        if step.window.rebuild:
            history = "; the history that it keeps is lost" if step.plan.mode == "scd2" else ""
            found.append(f"makes {name} anew of what the sources have now{history}")
        becomes = "view" if step.plan.makes_view else "table"
        if step.plan.mode == "replace" or step.plan.makes_view:
            if info.kind != becomes:
                found.append(f"drops the {info.kind} {name} and makes a {becomes}")
            elif becomes == "table":
                found.append(f"replaces every row of {name}")
            if info.indexes:
                verb = "drops" if becomes == "view" else "rebuilds"
                found.append(f"{verb} {len(info.indexes)} index(es) of {name}")
            if not info.owned:
                adopts = getattr(step.given.config, "adopt", False)
                what = "takes over" if adopts else "will be refused (adopt: true takes it over):"
                found.append(f"{what} {name}, which SQLFlow did not make")
    return tuple(found)
