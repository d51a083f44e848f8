"""The tests that stand in pipelines: run in memory on given rows, and held against what they expect. Prints nothing."""

from .outcome import Difference, Outcome, same
from .running import declared_tests, run_test

__all__ = ["Difference", "Outcome", "declared_tests", "run_test", "same"]
