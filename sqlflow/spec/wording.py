"""What a model found wrong, in words that a writer of YAML understands: expected, found, remedy."""

from __future__ import annotations

import re
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from sqlflow.problem import did_you_mean

from .model import NAME_PATTERN
from .node import Mapping, Node, Path_, Scalar, Sequence, find
from .spectest import CODE_PATTERN
from .text import resolve
from .variable import VARIABLE_PATTERN


def _written(node: Node) -> str:
    return repr(node.text) if isinstance(node, Scalar) else describe(node)


def describe(node: Node) -> str:
    """Say what a node is, for "found ..."."""
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    names = {type(None): "nothing", bool: "true or false", int: "a number", float: "a number"}
    kind = names.get(type(node.value), "text")
    return kind if node.value is None else f"{kind} {node.text.strip()[:40]!r}"


NAME_HINT = "names are letters, digits and _ (step and connection names may have -), and do not start with a digit"
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


def complaint(
    error: Any, path: Path_, root: Node, *, what: str, known: set[str], model: type[BaseModel]
) -> tuple[str, str, Node, str | None]:
    """Return the code, the message, the place and the hint for one error of a model."""
    kind = error["type"]
    node, key = find(root, path)
    shown = ".".join(str(part) for part in path if isinstance(part, str) and "[" not in part)
    if kind == "extra_forbidden":
        name = str(path[-1])
        names = known if len(path) == 1 else _keys_at(model, path[:-1])
        where = what if len(path) == 1 else f"{shown.rpartition('.')[0]} of {what}"
        hint = did_you_mean(name, names, noun="key")
        if " " in name and _is_rest(find(root, path[:-1])[0], node):
            hint = "a comma ends a value between { and }: put the whole value in quotes"
        return ("SF201", f"unknown key {name!r} in {where}", key or node, hint)
    if kind == "missing":
        holder, holder_key = find(root, path[:-1])
        where = what if len(path) == 1 else f"{'.'.join(map(str, path[:-1]))} of {what}"
        place = holder_key if holder_key is not None and not isinstance(holder, Mapping) else holder
        return (
            "SF202",
            f"missing key {path[-1]!r} in {where}",
            place,
            f"add {path[-1]}: {'1' if path[-1] == 'version' else '...'}",
        )
    if kind in ("literal_error", "enum"):
        choices = [c.strip("' ") for c in str(error["ctx"]["expected"]).replace(" or ", ", ").split(", ")]
        if path and path[-1] == "version":
            return (
                "SF204",
                f"version {_written(node)} is not one that this SQLFlow reads",
                node,
                "write version: 1",
            )
        return (
            "SF203",
            f"{shown} of {what} cannot be {describe(node).removeprefix('text ')}",
            node,
            _choice_hint(node, choices),
        )
    if expected := _EXPECTED.get(kind):
        numeric = isinstance(node, Scalar) and node.style in ("'", '"') and not isinstance(resolve(node.text), str)
        quoted = " (what stands in quotes is text)" if numeric else ""
        return (
            "SF203",
            f"{shown or what} must be {expected}, found {describe(node)}{quoted}",
            node,
            text_hint(node, _pattern(model, path)) if kind == "string_type" else _form_hint(node, expected),
        )
    if kind in ("too_short", "string_too_short"):
        return (
            "SF203",
            f"{shown or what} of {what} is empty" if shown else f"{what} is empty",
            node,
            "write at least one",
        )
    message = str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message, _, remedy = message.partition("; ")
    bounds = error.get("ctx", {})
    if path and path[-1] == "[key]" and kind == "string_pattern_mismatch":
        above = ".".join(str(part) for part in path[:-2])
        return ("SF203", f"{path[-2]!r} under {above} of {what} is not a name", key or node, NAME_HINT)
    if kind == "string_pattern_mismatch" and (noun := _NOUNS.get(bounds["pattern"])):
        message = f"must be {noun}, found {describe(node)}"
    if "ge" in bounds:
        message, remedy = (
            f"must be at least {bounds['ge']}, found {_written(node)}",
            f"write {bounds['ge']} or more",
        )
    elif "le" in bounds:
        message, remedy = f"must be at most {bounds['le']}, found {_written(node)}", f"write {bounds['le']} or less"
    subject = f"{shown} of {what}" if shown else what
    hint = remedy or _pattern_hint(error) or "`sqlflow explain` with the name of the type shows what it takes"
    joint = " " if message.startswith("must") else ": "
    return ("SF203", f"{subject}{joint}{message[0].lower()}{message[1:]}", node, hint)


def _is_rest(holder: Node, node: Node) -> bool:
    """Tell whether a key without a value is what followed a comma in a value that stands in braces."""
    return isinstance(holder, Mapping) and holder.flow and isinstance(node, Scalar) and node.value is None


#: What texts of a pattern are called.
_NOUNS = {NAME_PATTERN: "a name", VARIABLE_PATTERN: "a name", CODE_PATTERN: "the code of a problem"}


def _form_hint(node: Node, expected: str) -> str:
    """Show how what is written becomes what is expected."""
    if expected == "a list" and isinstance(node, Scalar) and node.value is not None and "\n" not in node.text:
        return f"write [{node.text}]"
    if expected == "a list" and isinstance(node, Mapping):
        return "write a list, each item of which begins with a dash"
    return f"write {expected}"


def _choice_hint(node: Node, choices: list[str]) -> str:
    written = node.text if isinstance(node, Scalar) else ""
    hint = did_you_mean(written, choices, noun="choice")
    return f"one of: {', '.join(choices)}" if hint.startswith("known") else hint


def _pattern_hint(error: Any) -> str | None:
    pattern = error.get("ctx", {}).get("pattern")
    if pattern == CODE_PATTERN:
        return "write the code of a problem, such as SF701"
    if pattern in (NAME_PATTERN, VARIABLE_PATTERN):
        return NAME_HINT
    return None


def text_hint(node: Node, pattern: str = "") -> str:
    """Say how a value becomes text; what is no name does not become one by quotes."""
    if not isinstance(node, Scalar) or node.value is None or isinstance(node.value, str):
        return "write text"
    return f'put it in quotes: "{node.text}"' if re.search(pattern, node.text) else NAME_HINT


def _pattern(model: type[BaseModel], path: Path_) -> str:
    field = model.model_fields.get(str(path[0])) if len(path) == 1 else None
    return next((p for part in (field.metadata if field else ()) if (p := getattr(part, "pattern", None))), "")


def _keys_at(model: type[BaseModel], path: Path_) -> set[str]:
    """Return the keys that a nested model knows."""
    current: Any = model
    named = False
    for part in path:
        if named or isinstance(part, int) or "[" in part:  # a name that the user gave, a position, a way to validate
            named = False
            continue
        fields = getattr(current, "model_fields", {})
        if part not in fields:
            return set()
        current = fields[part].annotation
        stack = [current]
        while stack:
            candidate = stack.pop()
            named = named or get_origin(candidate) is dict
            if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                current = candidate
                break
            stack.extend(get_args(candidate))
    return set(getattr(current, "model_fields", {}))
