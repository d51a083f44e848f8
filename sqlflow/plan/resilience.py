"""What of a connection's resilience keys stands where it has no effect, or says what cannot be kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlflow.problem import Problem
from sqlflow.sdk import Connector, format_duration
from sqlflow.spec import RESILIENCE, Diagnosis, Node, Resilience, Retry, find
from sqlflow.spec import Mapping as MappingNode

from .model import PlannedStep


def note_idle(shape: Resilience, node: Node, connector: Connector[Any], what: str, diagnosis: Diagnosis) -> None:
    """Note every key that has no effect on this connector, or contradicts another one."""
    for name in sorted(RESILIENCE & shape.model_fields_set):
        place = find(node, (name,))[0]
        if name not in connector.resilience and name not in type(connector).Config.model_fields:
            able = ", ".join(sorted(connector.resilience)) or "none of these keys"
            told = f"{name} of {what} has no effect: the engine does the work of connector {connector.name!r} itself"
            diagnosis.add("SF316", told, place, f"remove it; what has an effect there: {able}")
    if shape.retry is not None and "retry" in connector.resilience:
        for key, told, hint in _contradictions(shape.retry):
            diagnosis.add("SF316", f"{key} under retry of {what} {told}", find(node, ("retry", key))[0], hint)


def _contradictions(retry: Retry) -> Iterator[tuple[str, str, str]]:
    given = retry.model_fields_set
    if retry.attempts == 1:
        for key in sorted(given - {"attempts"}):
            yield key, "has no effect: a single attempt is never repeated", "raise attempts, or remove retry"
        return
    if "max_delay" in given and retry.backoff == "constant":
        yield "max_delay", "has no effect: with backoff constant every wait is delay", "remove it"
    elif "max_delay" in given and retry.max_delay < retry.delay:
        told = f"cannot be kept: the first wait is {format_duration(retry.delay)} already"
        yield "max_delay", told, "lower delay, or raise max_delay"


def misplaced(
    node: MappingNode, connector: Connector[Any], options: Iterable[str], what: str, diagnosis: Diagnosis
) -> set[str]:
    """Note the resilience keys that stand beside a source or target in the place of at its connection; name them."""
    own = set(options) | set(type(connector).Config.model_fields)
    found = {name for name in node.values if name in RESILIENCE and name not in own}
    for name in sorted(found):
        told = f"{name} of {what}: only a named connection has it, as all steps that use it share it"
        diagnosis.add("SF315", told, node.keys[name], f"write connections: {{NAME: {{..., {name}: ...}}}}")
    return found


def outlasted(
    steps: Iterable[PlannedStep], resilience: Mapping[str, Resilience], place_of: Mapping[str, tuple[Node, Diagnosis]]
) -> Iterator[Problem]:
    """Warn of a connection's timeout that a step's own never lets come to pass."""
    for step in steps:
        for name in sorted({e.connection for e in step.given.endpoints.values() if e.connection is not None}):
            limit = resilience[name].timeout if name in resilience else None
            if limit is None or step.timeout is None or limit < step.timeout:
                continue
            node, diagnosis = place_of[name]
            mark = diagnosis.source.at(find(node, ("timeout",))[0])
            told = (
                f"timeout of connection {name!r}, {format_duration(limit)}, has no effect in step {step.id!r}, "
                f"which ends after {format_duration(step.timeout)}"
            )
            yield Problem("SF316", told, mark, "lower it, or raise the timeout of the step", "warning")
