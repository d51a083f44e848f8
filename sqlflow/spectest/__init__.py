"""The tests that stand in pipelines: run in memory on given rows, and held against what they expect. Prints nothing."""

from .declared import DeclaredTest, declared_tests
from .outcome import Difference, Outcome, same
from .recording import write_records
from .running import run_tests

__all__ = ["DeclaredTest", "Difference", "Outcome", "declared_tests", "run_tests", "same", "write_records"]
