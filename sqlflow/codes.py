"""The problem codes, explained: what each rule is, why it exists, an example, the remedy.

The texts live in `explanations.toml` beside this file. Nothing here knows where a code is raised or how an
explanation is shown.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXTS = "explanations.toml"


class Explanation(Struct, frozen=True):
    """What one code means. `example` shows the mistake, `remedy` says how to mend it."""

    code: str
    title: str
    cause: str
    example: str
    remedy: str


def explain(code: str) -> Explanation | None:
    """Return the explanation of a code such as `SF201`, or None when there is no such code."""
    return _explanations().get(code)


def all_codes() -> tuple[str, ...]:
    """Return every code, in order."""
    return tuple(_explanations())


@cache
def _explanations() -> Mapping[str, Explanation]:
    """Read the texts the first time somebody asks."""
    text = files("sqlflow").joinpath(TEXTS).read_text(encoding="utf-8")
    return {
        code: Explanation(code, told["title"], told["cause"], told["example"], told["remedy"])
        for code, told in sorted(tomllib.loads(text).items())
    }
