"""The warehouses that are looked into while documents are held, each opened once and read-only."""

from __future__ import annotations

from pathlib import Path

from sqlflow.errors import SQLFlowError
from sqlflow.holder import opened
from sqlflow.plan import Plan
from sqlflow.sdk import Opening, Session


class Recorded:
    """Open warehouses, by their files. Closed by whoever made it."""

    def __init__(self) -> None:
        self._open: dict[Path, Session] = {}

    def session(self, plan: Plan) -> Session:
        """Open the warehouse of a plan.

        Raises:
            SQLFlowError: there is none.
            WarehouseLocked: another process is writing it.

        """
        engine, location = plan.engine, plan.location
        if location.path is None or not location.exists:
            raise SQLFlowError("there is no warehouse to look into", hint="run the pipeline first, or leave it out")
        if location.path not in self._open:
            opening = Opening(location, plan.folder, read_only=True)
            self._open[location.path] = opened(location, lambda: engine.engine.open(engine.engine_config, opening))
        return self._open[location.path]

    def close(self) -> None:
        """Let go of all of them."""
        for session in self._open.values():
            session.close()
