"""Nodes against models: every mistake of a mapping, at its place, in words.

The one way by which YAML becomes a model: interpolate, validate strictly through JSON, tell all errors at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, TypeVar

from msgspec import Struct, field
from pydantic import BaseModel, ValidationError

from sqlflow.problem import Mark, Problem, closest
from sqlflow.sdk import SQL_ROLES, Role, role_of

from .interpolation import BadExpression, Expression, Lookup, Resolved, expressions, fill, is_interpolated
from .node import Mapping, Node, Path_, Scalar, Sequence, Source
from .text import resolve
from .wording import complaint, describe

M = TypeVar("M", bound=BaseModel)


class Diagnosis(Struct):
    """Collects the problems of one document, and what could not be decided here."""

    source: Source
    problems: list[Problem] = field(default_factory=list)
    undefined: dict[str, list[Mark]] = field(default_factory=dict)
    unknown: dict[str, list[Mark]] = field(default_factory=dict)

    def add(
        self,
        code: str,
        message: str,
        place: Node | Mark | None = None,
        hint: str | None = None,
        *,
        severity: Any = "error",
    ) -> None:
        """Note one problem at a node or mark."""
        mark = place if isinstance(place, Mark) or place is None else self.source.at(place)
        self.problems.append(Problem(code, message, mark, hint, severity))

    @property
    def failed(self) -> bool:
        """Whether an error was found."""
        return bool(self.undefined) or any(p.severity == "error" for p in self.problems)


class Filled(Struct):
    """Plain data with values in place of expressions; `texts` were filled from outside, `unknown` not at all."""

    data: Any
    texts: set[Path_] = field(default_factory=set)
    unknown: set[Path_] = field(default_factory=set)


def interpolate(
    node: Node,
    lookup: Lookup | None,
    diagnosis: Diagnosis,
    role: Callable[[Path_], Role | None] = lambda _: None,
) -> Filled:
    """Return the data of a node with every `${...}` replaced. Without a lookup, text stays as it is."""
    filled = Filled(None)
    filled.data = _interpolated(node, (), lookup, diagnosis, role, filled)
    return filled


def _interpolated(
    node: Node,
    path: Path_,
    lookup: Lookup | None,
    diagnosis: Diagnosis,
    role: Callable[[Path_], Role | None],
    filled: Filled,
) -> Any:
    if isinstance(node, Mapping):
        return {
            key: _interpolated(value, (*path, key), lookup, diagnosis, role, filled)
            for key, value in node.values.items()
        }
    if isinstance(node, Sequence):
        return [
            _interpolated(item, (*path, index), lookup, diagnosis, role, filled)
            for index, item in enumerate(node.items)
        ]
    if lookup is None or not isinstance(node.value, str) or not is_interpolated(node.value):
        return node.value
    resolved = substitute(node, lookup, diagnosis, sql=role(path) in SQL_ROLES)
    if not resolved.known:
        filled.unknown.add(path)
    elif not resolved.typed:
        filled.texts.add(path)
    return resolved.value


def substitute(node: Scalar, lookup: Lookup, diagnosis: Diagnosis, *, sql: bool = False) -> Resolved:
    """Fill one scalar. What cannot be filled is noted, and the text stands in for it."""
    values: dict[int, Resolved] = {}
    for expression in expressions(node.text):
        mark = diagnosis.source.within(node, expression.start)
        if isinstance(expression, BadExpression):
            diagnosis.add(
                "SF305",
                f"{expression.text} is not an expression: {expression.reason}",
                mark,
                "write $${ for a literal ${",
            )
            return Resolved(node.value, known=False)
        value = lookup.value(expression)
        if value is None:
            _note_undefined(expression, mark, diagnosis)
            value = Resolved(node.text[expression.start : expression.end], known=False)
        elif not value.known and expression.kind != "var":  # what a variable lacks was told where it is declared
            diagnosis.unknown.setdefault(f"{expression.kind}:{expression.name}", []).append(mark)
        if sql and expression.kind != "var":
            diagnosis.add(
                "SF306",
                f"${{{expression.kind}:...}} inside SQL",
                mark,
                "give it to a variable under vars and write $name",
            )
        elif sql and value.known and getattr(value, "typed", True) and not _is_identifier(expression, lookup):
            diagnosis.add(
                "SF306",
                f"${{{expression.name}}} would be spliced into SQL as text",
                mark,
                f"write ${expression.name}; only variables of type identifier may be spliced",
            )
        values[expression.start] = value
    return fill(node.text, values)


def _is_identifier(expression: Expression, lookup: Lookup) -> bool:
    check = getattr(lookup, "is_identifier", None)
    return bool(check and check(expression.name))


def _note_undefined(expression: Expression, mark: Mark, diagnosis: Diagnosis) -> None:
    if expression.kind == "secret":
        provider = expression.name.split("/")[0]
        diagnosis.add("SF307", f"there is no secret provider {provider!r}", mark, "see `sqlflow plugin list`")
    else:
        diagnosis.undefined.setdefault(expression.name, []).append(mark)


def validate(
    model: type[M],
    node: Node,
    diagnosis: Diagnosis,
    *,
    what: str,
    lookup: Lookup | None = None,
    extra_known: Iterable[str] = (),
    data: Filled | None = None,
) -> M | None:
    """Build a model from a node, or note everything that is wrong with it.

    `what` names the thing in messages. `extra_known` are keys that belong here but to another owner: they serve
    only for guessing what a misspelt key was meant to be.
    """
    if not isinstance(node, Mapping) and data is None:
        diagnosis.add("SF203", f"{what} must be a mapping of keys, found {describe(node)}", node, "write key: value")
        return None
    filled = data or interpolate(node, lookup, diagnosis, lambda path: role_of(model, path))
    built, errors = _build(model, filled.data)
    if errors and filled.texts and (retried := _read_texts(filled, errors)):
        built, errors = _build(model, retried)
    known = set(model.model_fields) | set(extra_known)
    misspelt = {
        (*error["loc"][:-1], closest(str(error["loc"][-1]), known))
        for error in errors
        if error["type"] == "extra_forbidden" and len(error["loc"]) == 1
    }
    for error in errors:
        path = tuple(error["loc"])
        if error["type"] == "missing" and path in misspelt:  # it is there, under another spelling
            continue
        if error["type"] != "extra_forbidden" and any(path[: len(unknown)] == unknown for unknown in filled.unknown):
            continue  # the value may be right; a key that does not exist is wrong with any value
        diagnosis.add(*complaint(error, path, node, what=what, known=known, model=model))
    return built


@lru_cache(maxsize=256)
def _untouched(model: type[M]) -> M | None:
    """Return the model with all its defaults, which documents that say nothing share; None: something is required."""
    try:
        return model.model_validate_json("{}", strict=True)
    except ValidationError:
        return None


def _build(model: type[M], data: Any) -> tuple[M | None, list[Any]]:
    """Return the model, or what is wrong with the data."""
    if not data and isinstance(data, dict) and model.model_config.get("frozen"):
        built = _untouched(model)
        if built is not None:
            return built, []
    try:
        return model.model_validate_json(json.dumps(data), strict=True), []
    except ValidationError as error:
        return None, list(error.errors(include_url=False, include_context=True))
    except (ValueError, RecursionError) as error:  # integers beyond what JSON readers take
        return None, [{"loc": (), "type": "value_error", "msg": str(error), "input": None}]


def _read_texts(filled: Filled, errors: list[Any]) -> Any:
    """Read texts from outside by the type of the field that refused them."""
    changed = False
    for error in errors:
        path = tuple(error["loc"])
        if path in filled.texts:
            holder: Any = filled.data
            for part in path[:-1]:
                holder = holder[part]
            holder[path[-1]] = resolve(holder[path[-1]])
            changed = True
    return filled.data if changed else None
