"""Variables: their types, their values, and where each value came from.

Order, strongest first: the command line, SQLFLOW_VAR_NAME, profile, project, pipeline default.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from sqlflow.problem import Mark, did_you_mean
from sqlflow.spec import (
    Diagnosis,
    Node,
    Scalar,
    Variable,
    VariableType,
    find,
    resolve,
    substitute,
)

from .scope import Scope, Value

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Declaration(Struct, frozen=True):
    """Where variables are declared: a word for messages, their models, and the node that holds them."""

    origin: str
    variables: Mapping[str, Variable]
    node: Node | None
    diagnosis: Diagnosis


def resolve_variables(
    scope: Scope,
    declarations: list[Declaration],
    profile: tuple[Mapping[str, Any], Node | None, Diagnosis | None],
    given: Mapping[str, str],
    diagnosis: Diagnosis,
    written: Mapping[str, Mark] = MappingProxyType({}),
) -> dict[str, Value]:
    """Return every variable with its value. `declarations` come weakest first.

    `given` is the command line, or what a document gives in its place: then `written` says where that stands.
    """
    types = _declared_types(declarations)
    values: dict[str, Value] = {}
    for declaration in declarations:
        for name, variable in declaration.variables.items():
            node = find(declaration.node, (name,))[0] if declaration.node else None
            if node is not None and variable.default is not None:
                inner = getattr(node, "values", None)
                node = inner["default"] if inner and "default" in inner else node
                _set(
                    values,
                    scope,
                    name,
                    variable.default,
                    types[name],
                    declaration.origin,
                    node,
                    declaration.diagnosis,
                )
    profile_values, profile_node, profile_diagnosis = profile
    for name, raw in profile_values.items():
        types.setdefault(name, infer(raw))
        node = find(profile_node, (name,))[0] if profile_node else None
        _set(
            values,
            scope,
            name,
            raw,
            types[name],
            f"profile {scope.profile}",
            node,
            profile_diagnosis or diagnosis,
        )
    for name, kind in types.items():
        text = scope.environment.get(f"SQLFLOW_VAR_{name.upper()}")
        if text is not None:
            _set_text(values, name, text, kind, f"SQLFLOW_VAR_{name.upper()}", diagnosis)
    for name, text in given.items():
        place = written.get(name)
        if name not in types:
            told = (
                f"--var {name}: there is no variable of that name" if place is None else f"no variable is called {name}"
            )
            diagnosis.add("SF309", told, place, did_you_mean(name, types, noun="variable"))
            continue
        _set_text(values, name, text, types[name], "--var" if place is None else "the test", diagnosis, node=place)
    for declaration in declarations:
        for name in declaration.variables:
            if name not in values:
                node = find(declaration.node, (name,))[0] if declaration.node else None
                declaration.diagnosis.add(
                    "SF303",
                    f"variable {name!r} has no value and no default",
                    node,
                    f"give it with --var {name}=..., SQLFLOW_VAR_{name.upper()}, a profile, or a default",
                )
                values[name] = Value(name, types[name], None, "nowhere", known=False)
    return values


def _declared_types(declarations: list[Declaration]) -> dict[str, VariableType]:
    types: dict[str, VariableType] = {}
    for declaration in declarations:
        for name, variable in declaration.variables.items():
            if variable.type is not None:
                types[name] = variable.type
            elif name not in types:
                types[name] = infer(variable.default)
    return types


def _set(
    values: dict[str, Value],
    scope: Scope,
    name: str,
    raw: Any,
    kind: VariableType,
    origin: str,
    node: Node | None,
    diagnosis: Diagnosis,
) -> None:
    """Take a value from YAML: typed as written, or text from outside when it is an expression."""
    secret, known, typed = False, True, True
    if isinstance(raw, str) and "${" in raw and isinstance(node, Scalar):
        filled = substitute(node, scope, diagnosis)
        raw, secret, known, typed = filled.value, filled.secret, filled.known, filled.typed
    if not known:
        values[name] = Value(name, kind, raw, origin, secret, known=False)
        return
    if not typed:
        _set_text(values, name, str(raw), kind, origin, diagnosis, node=node, secret=secret)
        return
    try:
        values[name] = Value(name, kind, coerce(raw, kind), origin, secret)
    except ValueError as error:
        diagnosis.add("SF302", f"variable {name!r}: {error}", node, _EXAMPLES[kind])
        values[name] = Value(name, kind, raw, origin, known=False)


def _set_text(
    values: dict[str, Value],
    name: str,
    text: str,
    kind: VariableType,
    origin: str,
    diagnosis: Diagnosis,
    *,
    node: Node | Mark | None = None,
    secret: bool = False,
) -> None:
    try:
        values[name] = Value(name, kind, parse_value(text, kind), origin, secret)
    except ValueError as error:
        message = f"variable {name!r} from {origin}" + ("" if secret else f": {error}")
        diagnosis.add("SF302", message, node, _EXAMPLES[kind])
        values.setdefault(name, Value(name, kind, text, origin, secret, known=False))


_EXAMPLES = {
    "boolean": "write true or false", "integer": "write a whole number", "number": "write a number",
    "date": "write it as 2024-01-31", "timestamp": "write it as 2024-01-31T12:00:00", "list": "write [a, b] or a,b",
    "identifier": "letters, digits and _, not starting with a digit", "string": "write text",
}  # fmt: skip


def infer(value: Any) -> VariableType:
    """Return the type that follows from a value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "list" if isinstance(value, list) else "string"


def coerce(value: Any, kind: VariableType) -> Any:
    """Bring a value written in YAML to its type.

    Raises:
        ValueError: it is of another type.

    """
    if kind == "list" and isinstance(value, list):
        return list(value)
    if kind == "integer" and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind == "number" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind in ("string", "identifier", "date", "timestamp") and isinstance(value, str):
        return parse_value(value, kind)
    raise ValueError(f"{value!r} is not of type {kind}")


def parse_value(text: str, kind: VariableType) -> Any:
    """Read text from outside by the declared type.

    Raises:
        ValueError: the text cannot be read so.

    """
    if kind == "string":
        return text
    if kind == "list":
        with suppress(ValueError):  # as JSON, texts may hold commas
            if isinstance(found := json.loads(text), list) and all(isinstance(v, (str, int, float)) for v in found):
                return found
        return [
            resolve(part.strip())
            for part in text.strip().removeprefix("[").removesuffix("]").split(",")
            if part.strip()
        ]
    if kind == "identifier":
        if _IDENTIFIER.fullmatch(text):
            return text
        raise ValueError(f"{text!r} is not an identifier: letters, digits and _, not starting with a digit")
    value = resolve(text.strip())
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind == "integer" and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind == "number" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    try:
        if kind == "date":
            return date.fromisoformat(text.strip())
        if kind == "timestamp":
            return datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            f"{text!r} is not a {kind}; write it as 2024-01-31{'T12:00:00' if kind == 'timestamp' else ''}"
        ) from None
    raise ValueError(f"{text!r} is not of type {kind}")
