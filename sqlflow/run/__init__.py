"""Executing a plan. Must not know YAML, terminals or exit codes, and prints nothing."""

from .execution import Finished, execute, open_session, register_functions
from .journal import prune, recorded_runs, runs_folder
from .record import RunRecord, StepRecord

__all__ = [
    "Finished",
    "RunRecord",
    "StepRecord",
    "execute",
    "open_session",
    "prune",
    "recorded_runs",
    "register_functions",
    "runs_folder",
]
