"""Nodes against models: every mistake of a mapping, at its place, in words.

The one way by which YAML becomes a model: interpolate, validate strictly through JSON, tell all errors at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from sqlflow.problem import Mark, Problem, closest, did_you_mean
from sqlflow.sdk import SQL_ROLES, Role, role_of

from .interpolation import BadExpression, Expression, Lookup, Resolved, expressions, fill, is_interpolated
from .model import NAME_PATTERN
from .node import Mapping, Node, Path_, Scalar, Sequence, Source, find
from .text import resolve
from .variable import VARIABLE_PATTERN

M = TypeVar("M", bound=BaseModel)


@dataclass
class Diagnosis:
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


@dataclass
class Filled:
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
        diagnosis.add("SF203", f"{what} must be a mapping of keys, found {_describe(node)}", node, "write key: value")
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
        if any(path[: len(unknown)] == unknown for unknown in filled.unknown):
            continue
        _note(error, path, node, diagnosis, what=what, known=known, model=model)
    return built


def _build(model: type[M], data: Any) -> tuple[M | None, list[Any]]:
    """Return the model, or what is wrong with the data."""
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


def _written(node: Node) -> str:
    return repr(node.text) if isinstance(node, Scalar) else _describe(node)


def _describe(node: Node) -> str:
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    names = {type(None): "nothing", bool: "true or false", int: "a number", float: "a number"}
    kind = names.get(type(node.value), "text")
    return kind if node.value is None else f"{kind} {node.text.strip()[:40]!r}"


_EXPECTED = {
    "string_type": "text", "int_type": "a whole number", "float_type": "a number", "bool_type": "true or false",
    "list_type": "a list", "dict_type": "a mapping", "model_type": "a mapping", "int_from_float": "a whole number",
    "bool_parsing": "true or false", "int_parsing": "a whole number", "float_parsing": "a number",
    "date_parsing": "a date such as 2024-01-31", "date_from_datetime_parsing": "a date such as 2024-01-31",
    "date_type": "a date such as 2024-01-31", "datetime_parsing": "a timestamp such as 2024-01-31T12:00:00",
    "datetime_from_date_parsing": "a timestamp such as 2024-01-31T12:00:00",
    "datetime_type": "a timestamp such as 2024-01-31T12:00:00",
    "model_attributes_type": "a mapping", "tuple_type": "a list",
}  # fmt: skip


def _note(
    error: Any,
    path: Path_,
    root: Node,
    diagnosis: Diagnosis,
    *,
    what: str,
    known: set[str],
    model: type[BaseModel],
) -> None:
    kind = error["type"]
    node, key = find(root, path)
    shown = ".".join(str(part) for part in path if isinstance(part, str) and "[" not in part)
    if kind == "extra_forbidden":
        name = str(path[-1])
        names = known if len(path) == 1 else _keys_at(model, path[:-1])
        where = what if len(path) == 1 else f"{shown.rpartition('.')[0]} of {what}"
        diagnosis.add("SF201", f"unknown key {name!r} in {where}", key or node, did_you_mean(name, names, noun="key"))
    elif kind == "missing":
        holder, holder_key = find(root, path[:-1])
        where = what if len(path) == 1 else f"{'.'.join(map(str, path[:-1]))} of {what}"
        place = holder_key if holder_key is not None and not isinstance(holder, Mapping) else holder
        diagnosis.add("SF202", f"missing key {path[-1]!r} in {where}", place, f"add {path[-1]}: ...")
    elif kind in ("literal_error", "enum"):
        choices = [c.strip("' ") for c in str(error["ctx"]["expected"]).replace(" or ", ", ").split(", ")]
        if path and path[-1] == "version":
            diagnosis.add(
                "SF204",
                f"version {_written(node)} is not one that this SQLFlow reads",
                node,
                "write version: 1",
            )
            return
        diagnosis.add("SF203", f"{shown} of {what} cannot be {_describe(node)}", node, _choice_hint(node, choices))
    elif expected := _EXPECTED.get(kind):
        numeric = isinstance(node, Scalar) and node.style in ("'", '"') and not isinstance(resolve(node.text), str)
        quoted = " (what stands in quotes is text)" if numeric else ""
        diagnosis.add(
            "SF203", f"{shown or what} must be {expected}, found {_describe(node)}{quoted}", node, f"write {expected}"
        )
    elif kind in ("too_short", "string_too_short"):
        diagnosis.add(
            "SF203", f"{shown or what} of {what} is empty" if shown else f"{what} is empty", node, "write at least one"
        )
    else:
        message = str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
        place = key if key is not None and "Extra" in message else node
        subject = f"{shown} of {what}" if shown else what
        diagnosis.add("SF203", f"{subject}: {message[0].lower()}{message[1:]}", place, _pattern_hint(error))


def _choice_hint(node: Node, choices: list[str]) -> str:
    written = node.text if isinstance(node, Scalar) else ""
    hint = did_you_mean(written, choices, noun="choice")
    return f"one of: {', '.join(choices)}" if hint.startswith("known") else hint


def _pattern_hint(error: Any) -> str | None:
    pattern = error.get("ctx", {}).get("pattern")
    if pattern in (NAME_PATTERN, VARIABLE_PATTERN):
        return "names are letters, digits and _ (step and connection names may have -), and do not start with a digit"
    return None


def _keys_at(model: type[BaseModel], path: Path_) -> set[str]:
    """Return the keys that a nested model knows."""
    from typing import get_args

    current: Any = model
    for part in path:
        if isinstance(part, int):
            continue
        fields = getattr(current, "model_fields", {})
        if part not in fields:
            return set()
        current = fields[part].annotation
        stack = [current]
        while stack:
            candidate = stack.pop()
            if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                current = candidate
                break
            stack.extend(get_args(candidate))
    return set(getattr(current, "model_fields", {}))
