"""The names of a new plugin, all from one word: is it one, and is everything free that it would be called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec

from msgspec import Struct

from sqlflow.errors import DocumentError
from sqlflow.problem import Problem
from sqlflow.registry import Catalog

from .kinds import KINDS

_WORD = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST = 40
"""Letters in a name; what is made of it still has to be read."""


class Names(Struct, frozen=True):
    """What a plugin called `my-api` is called in every place."""

    word: str

    @property
    def distribution(self) -> str:
        """Return `sqlflow-my-api`, which is also the name of its folder."""
        return f"sqlflow-{self.word}"

    @property
    def module(self) -> str:
        """Return `sqlflow_my_api`."""
        return f"sqlflow_{self.slug}"

    @property
    def slug(self) -> str:
        """Return `my_api`: what documents write, and the name of the entry point."""
        return self.word.replace("-", "_")

    @property
    def camel(self) -> str:
        """Return `MyApi`, with which its classes begin."""
        return "".join(part.capitalize() for part in self.word.split("-"))


def named(name: str, kind: str, catalog: Catalog) -> Names:
    """Return the names of a new plugin; `name` may have the prefix `sqlflow-` or not.

    Raises:
        DocumentError: it is no name, or something it would be called is taken here.

    """
    word = re.sub(r"^sqlflow[-_]", "", name).replace("_", "-")
    if not _WORD.fullmatch(word) or len(word) > LONGEST:
        made = re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-0123456789")[:LONGEST].rstrip("-")
        rule = f"small letters, digits and hyphens, a letter first, {LONGEST} at most"
        hint = f"write {made!r}; {rule}" if _WORD.fullmatch(made) else f"use {rule}"
        raise DocumentError([Problem("SF611", f"{name!r} cannot be the name of a plugin", None, hint)])
    names = Names(word)
    if taken := list(_taken(names, kind, catalog)):
        hint = "choose another name; `sqlflow plugin list` shows what is installed here"
        raise DocumentError([Problem("SF612", told, None, hint) for told in taken])
    return names


def _taken(names: Names, kind: str, catalog: Catalog) -> Iterator[str]:
    with suppress(PackageNotFoundError):
        version = distribution(names.distribution).version
        yield f"a distribution {names.distribution} {version} is installed here"
        return
    if find_spec(names.module) is not None:
        yield f"a module {names.module} is installed here"
    if record := catalog.host.records.get(names.slug):
        yield f"a plugin {names.slug!r} is installed here, by {record.distribution}"
    for what, patterns in KINDS[kind].brings.items():
        for name in (pattern.replace("acme", names.slug) for pattern in patterns):
            if owner := catalog.owner(what, name):
                yield f"a {what} {name!r} is brought by {owner.distribution}"
