"""`for_each`: one step of the document becomes the steps that run."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from sqlflow.sdk import ConfigModel
from sqlflow.spec import (
    Diagnosis,
    ForEach,
    Mapping,
    Node,
    Scalar,
    as_text,
    find,
    is_interpolated,
    substitute,
    validate,
)

from .endpoints import only
from .scope import Scope, Value
from .variables import coerce, infer


class Instance(Struct, frozen=True):
    """One step to bind: its id, the id in the document, its node with defaults merged in, and its variables."""

    id: str
    declared: str
    position: int
    node: Mapping
    scope: Scope


class _Holder(ConfigModel):
    """Lets `for_each` be validated on its own, before the step's variables are known."""

    for_each: ForEach


def instances(node: Mapping, declared: str, position: int, scope: Scope, diagnosis: Diagnosis) -> Iterator[Instance]:
    """Yield one instance of a step, or one for each combination of its `for_each`."""
    if "for_each" not in node.values:
        yield Instance(declared, declared, position, node, scope)
        return
    if not _lists(node.values["for_each"], scope, diagnosis):
        return
    holder = validate(_Holder, only(node, ["for_each"]), diagnosis, what=f"step {declared!r}", lookup=scope)
    if holder is None:
        return
    place = node.values["for_each"]
    told = len(diagnosis.problems)
    axes = [list(_values(name, spec.type, spec.values, place, diagnosis)) for name, spec in holder.for_each.items()]
    if len(diagnosis.problems) > told:
        return
    seen: set[str] = set()
    for combination in itertools.product(*axes):
        suffix = "@".join(as_text(value.value) for value in combination)
        step_id = f"{declared}@{suffix}"
        if step_id in seen:
            diagnosis.add(
                "SF206",
                f"for_each of step {declared!r} makes {step_id!r} twice",
                place,
                "remove the repeated value",
            )
            continue
        seen.add(step_id)
        yield Instance(step_id, declared, position, node, scope.with_values({v.name: v for v in combination}))
    if not seen:
        diagnosis.add("SF206", f"for_each of step {declared!r} has no values", place, "give at least one value")


def _lists(place: Node, scope: Scope, diagnosis: Diagnosis) -> bool:
    """Note every variable that is used as a list of values and is none."""
    fine = True
    for name, node in (place.values if isinstance(place, Mapping) else {}).items():
        inner = node.values.get("values") if isinstance(node, Mapping) else node
        if isinstance(inner, Scalar) and isinstance(inner.value, str) and is_interpolated(inner.text):
            filled = substitute(inner, scope, diagnosis)
            if filled.known and not isinstance(filled.value, list):
                hint = "give it a list: vars: {name: [EU, US]}"
                diagnosis.add("SF302", f"for_each {name!r}: {inner.text} is {filled.value!r}, not a list", inner, hint)
            fine = fine and filled.known and isinstance(filled.value, list)
    return fine


def _values(name: str, kind: Any, raw: list[Any], place: Node, diagnosis: Diagnosis) -> Iterator[Value]:
    for position, value in enumerate(raw):
        try:
            used = kind or infer(value)
            yield Value(name, used, coerce(value, used), "for_each")
        except ValueError as error:
            diagnosis.add("SF302", f"for_each {name!r}: {error}", _item(place, name, position), f"its type is {kind}")


def _item(place: Node, name: str, position: int) -> Node:
    """Return the node of one value, in the short form or the long one."""
    holder = find(place, (name,))[0]
    return find(holder, ("values", position) if isinstance(holder, Mapping) else (position,))[0]


def is_plain_id(node: Node | None) -> bool:
    """Tell whether a step's id is written out, as it must be for others to refer to it."""
    return isinstance(node, Scalar) and isinstance(node.value, str) and "${" not in node.value
