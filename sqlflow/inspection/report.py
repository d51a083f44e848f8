"""What an inspection found: aspect by aspect, what is well and what is not."""

from __future__ import annotations

from msgspec import Struct

from sqlflow.problem import Problem


class Aspect(Struct, frozen=True):
    """One thing that was looked at: what there is, and what is wrong with it. `looked`: it could be."""

    name: str
    told: str
    problems: tuple[Problem, ...] = ()
    looked: bool = True

    @property
    def state(self) -> str:
        """Return `ok`, `wrong` or `skipped`."""
        return "wrong" if self.problems else "ok" if self.looked else "skipped"


class Inspection(Struct, frozen=True):
    """A plugin, what it brings by kind, and every aspect of it."""

    name: str
    version: str | None
    brings: tuple[tuple[str, str], ...]
    aspects: tuple[Aspect, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that is wrong."""
        return tuple(problem for aspect in self.aspects for problem in aspect.problems)
