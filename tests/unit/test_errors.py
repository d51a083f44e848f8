"""Errors cross processes whole, whatever they were made of."""

from __future__ import annotations

from multiprocessing import Pipe
from typing import Any

import pytest

from sqlflow.errors import CheckFailed, DocumentError, PluginBroken, SQLFlowError, StepError, WarehouseLocked
from sqlflow.problem import Mark, Problem
from sqlflow.sdk import CannotBind

PROBLEM = Problem("SF401", "wrong", Mark("a.yaml", 1, 2, "text"), "mend it")
ERRORS = [
    SQLFlowError("one", hint="two", code="SF001"),
    DocumentError([PROBLEM]),
    PluginBroken("broken", hint="mend it", code="SF601"),
    StepError("step", hint="h", code="SF709", kind="bad_data"),
    CheckFailed("check"),
    WarehouseLocked("locked", pid=7, hint="wait"),
]


def sent(error: Exception) -> Any:
    """Return what comes out at the other end of a pipe."""
    there, here = Pipe()
    with there, here:
        there.send(error)
        return here.recv()


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_is_the_same_after_a_journey(error: SQLFlowError) -> None:
    """Its kind, its words, its place and its remedy arrive."""
    found = sent(error)
    assert (type(found), str(found), vars(found)) == (type(error), str(error), vars(error))


def test_what_an_engine_says_arrives_as_well() -> None:
    """An error of another room, which takes other things, too."""
    error = CannotBind("column", "no such column")
    found = sent(error)
    assert (type(found), vars(found)) == (CannotBind, vars(error))
