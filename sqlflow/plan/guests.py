"""Finding a guest and calling it while planning: what goes wrong is told as its own fault, at its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlflow.errors import PluginBroken, PluginError, SQLFlowError, raised_in
from sqlflow.registry import Unknown
from sqlflow.spec import Diagnosis, Node

T = TypeVar("T")


def looked_up(
    diagnosis: Diagnosis, place: Node | None, code: str, look_up: Callable[[str], type[T]], name: str
) -> T | None:
    """Return a guest by name, or note that nobody brings it, or that whoever may bring it is broken."""
    try:
        return look_up(name)()
    except Unknown as error:
        diagnosis.add(code, str(error), place, error.hint)
    except PluginError as error:
        diagnosis.add(error.code or "SF601", error.message, place, error.hint)
    return None


def guarded(guest: Any, call: Callable[[], T], of: type | None = None) -> T:
    """Return what a guest answers. `of` is what that must be, or where it is a list, what must be in it.

    Raises:
        PluginBroken: it raised something that is no error of SQLFlow, or answered with something else.

    """
    try:
        answer = call()
        if of is not None:
            _refuse_other(guest, answer, of)
    except SQLFlowError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginBroken(
            f"{type(guest).__name__} ({type(guest).__module__}) failed: {type(error).__name__}: {error}",
            hint=f"it was raised in {raised_in(error)}; tell the authors of the plugin",
            code="SF601",
        ) from error
    return answer


def _refuse_other(guest: Any, answer: Any, of: type) -> None:
    for one in answer if isinstance(answer, list) else [answer]:
        if not isinstance(one, of):
            raise PluginBroken(
                f"{type(guest).__name__} ({type(guest).__module__}) answered with {one!r}, which is no {of.__name__}",
                hint="tell the authors of the plugin",
                code="SF601",
            )
