"""`${...}` in scalars: finding the expressions and putting values in their place.

A scalar that is one expression keeps the value's type; anything else becomes text. Where values come from is
the scope's business; this room does not look into the environment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Protocol

from msgspec import Struct

_EXPRESSION = re.compile(r"\$(?P<escaped>\$\{)|\$\{(?P<body>[^{}]*)(?P<end>\}?)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BODY = re.compile(
    r"(?P<run>run:(?:id|started_at))|env:(?P<env>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?"
    r"|secret:(?P<provider>[A-Za-z0-9_-]+)/(?P<key>.+)|(?P<profile>profile)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)",
    re.DOTALL,
)


class Expression(Struct, frozen=True):
    """One `${...}`: its kind, what it names, and where in the text it stands."""

    kind: str
    name: str
    start: int
    end: int
    default: str | None = None


class BadExpression(Struct, frozen=True):
    """A `${...}` that means nothing."""

    text: str
    start: int
    reason: str


class Resolved(Struct, frozen=True):
    """A value for an expression. `typed` false: it is text from outside, to be read by the type of its field.

    `known` false: there is no value here and now, which is no fault of the document.
    """

    value: Any
    typed: bool = True
    secret: bool = False
    known: bool = True


class Lookup(Protocol):
    """Where values come from."""

    def value(self, expression: Expression) -> Resolved | None:
        """Return the value, or None when the name means nothing."""


def expressions(text: str) -> Iterator[Expression | BadExpression]:
    """Find every `${...}` in a text; `$${` is a literal `${`."""
    for found in _EXPRESSION.finditer(text):
        if found["escaped"]:
            continue
        start, body = found.start(), found["body"]
        if not found["end"]:
            yield BadExpression(found[0], start, "it is not closed with }")
            continue
        match = _BODY.fullmatch(body)
        if match is None:
            yield BadExpression(found[0], start, "write a variable, env:NAME, secret:PROVIDER/KEY, run:id or profile")
        elif match["env"]:
            yield Expression("env", match["env"], start, found.end(), match["default"])
        elif match["provider"]:
            yield Expression("secret", f"{match['provider']}/{match['key']}", start, found.end())
        elif match["run"]:
            yield Expression("run", match["run"][4:], start, found.end())
        elif match["profile"]:
            yield Expression("profile", "profile", start, found.end())
        else:
            yield Expression("var", match["name"], start, found.end())


def is_interpolated(text: str) -> bool:
    """Tell whether a text holds anything for `fill` to do."""
    return "${" in text


def fill(text: str, values: dict[int, Resolved]) -> Resolved:
    """Put values in the place of the expressions, by their start. Every expression must have one."""
    found = [e for e in expressions(text) if isinstance(e, Expression)]
    if len(found) == 1 and found[0].start == 0 and found[0].end == len(text):
        return values[0]
    parts: list[str] = []
    position = 0
    for expression in found:
        parts.append(unescape(text[position : expression.start]))
        parts.append(as_text(values[expression.start].value))
        position = expression.end
    parts.append(unescape(text[position:]))
    used = [values[e.start] for e in found]
    return Resolved(
        "".join(parts),
        typed=all(v.typed for v in used),
        secret=any(v.secret for v in used),
        known=all(v.known for v in used),
    )


def unescape(text: str) -> str:
    """Turn `$${` into `${`."""
    return text.replace("$${", "${")


def as_text(value: Any) -> str:
    """Write a value the way it stands in YAML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return json.dumps(value, default=str)
    return "" if value is None else str(value)
