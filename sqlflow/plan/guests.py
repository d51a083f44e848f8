"""Calling a guest while planning: whatever it raises is told as its own fault, with its file and line."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from sqlflow.errors import PluginBroken, SQLFlowError

T = TypeVar("T")


def guarded(guest: Any, call: Callable[[], T]) -> T:
    """Return what a guest answers.

    Raises:
        PluginBroken: it raised something that is no error of SQLFlow.

    """
    try:
        return call()
    except SQLFlowError:
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise PluginBroken(
            f"{type(guest).__name__} ({type(guest).__module__}) failed: {type(error).__name__}: {error}",
            hint=f"it was raised in {frame.filename}, line {frame.lineno}; tell the authors of the plugin",
            code="SF601",
        ) from error
