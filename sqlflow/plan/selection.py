"""Selectors: `orders`, `+daily`, `orders+`, `tag:finance`, `type:load`, with `*` in names."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from sqlflow.problem import Problem, did_you_mean

from .graph import Graph, downstream, upstream
from .model import PlannedStep


def selected(
    steps: list[PlannedStep],
    graph: Graph,
    select: Iterable[str],
    exclude: Iterable[str],
    problems: list[Problem],
) -> set[str]:
    """Return the ids of the steps that the selectors pick; a selector that matches nothing is noted."""
    chosen: set[str] = set()
    asked = [part for text in select for part in text.replace(",", " ").split()]
    for selector in asked:
        chosen |= _match(selector, steps, graph, problems)
    if not asked:
        chosen = {step.id for step in steps}
    for selector in (part for text in exclude for part in text.replace(",", " ").split()):
        chosen -= _match(selector, steps, graph, problems)
    return chosen


def _match(selector: str, steps: list[PlannedStep], graph: Graph, problems: list[Problem]) -> set[str]:
    name = selector.removeprefix("+").removesuffix("+")
    found = {step.id for step in steps if _fits(step, name)}
    if not found:
        known = {step.declared for step in steps} | {f"tag:{tag}" for step in steps for tag in step.tags}
        problems.append(
            Problem(
                "SF408",
                f"selector {selector!r} matches no step",
                None,
                did_you_mean(name, known, noun="step"),
            )
        )
    reached = set(found)
    for step in found:
        if selector.startswith("+"):
            reached |= upstream(graph.waits_for, step)
        if selector.endswith("+"):
            reached |= downstream(graph.waits_for, step)
    return reached


def _fits(step: PlannedStep, name: str) -> bool:
    if name.startswith("tag:"):
        return name[4:] in step.tags
    if name.startswith("type:"):
        return name[5:] == step.type_name
    return any(fnmatchcase(candidate, name) for candidate in (step.id, step.declared))
