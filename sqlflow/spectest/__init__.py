"""The tests that stand in pipelines: run in memory on given rows, and held against what they expect. Prints nothing."""

from .declared import DeclaredTest, declared_tests, tests_of
from .naming import misnamed
from .outcome import Difference, Outcome, same
from .recording import write_records
from .running import run_tests

__all__ = [
    "DeclaredTest",
    "Difference",
    "Outcome",
    "declared_tests",
    "misnamed",
    "run_tests",
    "same",
    "tests_of",
    "write_records",
]
