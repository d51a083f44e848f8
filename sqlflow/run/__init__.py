"""Executing a plan. Must not know YAML, terminals or exit codes, and prints nothing."""

from .execution import Finished, execute, open_session, register_functions
from .journal import prune, recorded_runs, runs_folder
from .record import RunRecord, StepRecord
from .resume import Interrupted, find_run
from .shape import record_schema

__all__ = [
    "Finished",
    "Interrupted",
    "RunRecord",
    "StepRecord",
    "execute",
    "find_run",
    "open_session",
    "prune",
    "record_schema",
    "recorded_runs",
    "register_functions",
    "runs_folder",
]
