"""In which order keys stand: as their models tell them, and those of a step from its sources to its checks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlflow.errors import SQLFlowError
from sqlflow.registry import Catalog, Unknown
from sqlflow.sdk import ConfigModel, Role, roles
from sqlflow.spec import (
    CheckOptions,
    Envelope,
    Mapping,
    Node,
    Path_,
    Pipeline,
    Profile,
    Project,
    Scalar,
    SpecTest,
    Tests,
    find,
)

STEP_FIRST = ("id", "type", "description", "tags", "meta", "for_each", "when", "depends_on", "retry", "timeout")
_PROJECT = frozenset(Project.model_fields) - frozenset(Pipeline.model_fields)
_VARIABLE = ("type", "default", "values", "description")
_QUERIES = frozenset({Role.QUERY, Role.STATEMENTS, Role.SQL_FILE})


class Orders:
    """The orders of one document."""

    def __init__(self, root: Node, catalog: Catalog) -> None:
        self.root = root
        self.catalog = catalog
        keys = root.values if isinstance(root, Mapping) else {}
        kind = keys.get("kind")
        top: type[ConfigModel] = Pipeline
        if isinstance(kind, Scalar) and kind.value == "test":
            top = Tests
        elif "steps" not in keys and _PROJECT & set(keys):
            top = Project
        self.top = tuple(top.model_fields)

    def of(self, path: Path_, keys: Sequence[str]) -> Sequence[str]:
        """Return the keys of the mapping at a path in their order; keys that nobody orders keep theirs, behind."""
        return sorted(keys, key=lambda key: self._rank(path, key))

    def is_query(self, path: Path_) -> bool:
        """Tell whether a path is that of one SELECT of a step."""
        if len(path) != 3 or path[0] != "steps":  # noqa: PLR2004 - steps, position, key
            return False
        return self._roles(path).get(str(path[2])) is Role.QUERY

    def _rank(self, path: Path_, key: str) -> int:
        for position, known in enumerate(self._known(path)):
            if key == known:
                return position
        return LAST if not (path[:1] == ("steps",) and len(path) == 2 and key == "checks") else LAST + 1  # noqa: PLR2004

    def _known(self, path: Path_) -> Iterable[str]:
        if not path:
            return self.top
        head, *rest = path
        if (head == "vars" and len(rest) == 1) or (head == "steps" and rest[1:2] == ["for_each"] and len(rest) == 3):  # noqa: PLR2004
            return _VARIABLE
        if head == "connections" and len(rest) == 1:
            return ("connector",)
        if head == "tests" and len(rest) == 1:
            return tuple(SpecTest.model_fields)
        if head == "profiles":
            return self._of_profile(rest)
        if head == "steps" and len(rest) == 1:
            return self._of_step(path)
        if head == "steps" and len(rest) == 2:  # noqa: PLR2004 - position, key
            return ("connection", "connector") if self._roles(path).get(str(path[2])) in _ENDS else ()
        if head == "steps" and len(rest) == 3 and rest[1] == "checks":  # noqa: PLR2004 - position, checks, position
            return _check(find(self.root, path)[0])
        return ()

    @staticmethod
    def _of_profile(rest: Sequence[str | int]) -> Iterable[str]:
        if len(rest) == 1:
            return tuple(Profile.model_fields)
        if len(rest) == 2 and rest[1] in ("engine", "storage"):  # noqa: PLR2004 - profile, key
            return ("type",)
        return ("connector",) if len(rest) == 3 and rest[1] == "connections" else ()  # noqa: PLR2004

    def _of_step(self, path: Path_) -> Iterable[str]:
        """Return the keys of a step: the envelope's, where rows come from, what becomes of them, the query."""
        config = self._config(path)
        if config is None:
            return STEP_FIRST
        return (*STEP_FIRST, *_own(config))

    def _roles(self, path: Path_) -> dict[str, Role]:
        config = self._config(path)
        return {place[0]: role for place, role in roles(config).items() if len(place) == 1} if config else {}

    def _config(self, path: Path_) -> Any:
        node = find(self.root, (*path[:2], "type"))[0]
        if not isinstance(node, Scalar):
            return None
        try:
            return self.catalog.step_type(node.text).Config
        except (SQLFlowError, Unknown):
            return None


LAST = 1000
_ENDS = frozenset({Role.SOURCE, Role.DESTINATION})


@cache
def _own(config: Any) -> tuple[str, ...]:
    """Return a step type's own keys: rows come from sources first, and from a query last, unless they go out."""
    of = {place[0]: role for place, role in roles(config).items() if len(place) == 1}
    out = Role.DESTINATION in of.values()

    def rank(key: str) -> int:
        role = of.get(key)
        if role in (Role.SOURCE, Role.READS):
            return 0
        if role is Role.DESTINATION or (role in _QUERIES and out):
            return 2 if role is Role.DESTINATION else 1
        return 4 if role in _QUERIES else 3

    return tuple(sorted((key for key in config.model_fields if key not in Envelope.model_fields), key=rank))


def _check(node: Node) -> tuple[str, ...]:
    """Return the keys of a check: its name, its kind, then what all of them take."""
    kinds = [key for key in node.values if key not in CheckOptions.model_fields] if isinstance(node, Mapping) else []
    return ("name", *kinds, *CheckOptions.model_fields)
