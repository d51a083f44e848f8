"""Order: who waits for whom, from the tables that steps read and write and from `depends_on`."""

from __future__ import annotations

import graphlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase

from msgspec import Struct, field

from sqlflow.problem import Problem, did_you_mean
from sqlflow.sdk import fold, fold_name

from .model import PlannedStep

SHOWN = 20
"""Steps of a ring that are told by name."""


class Graph(Struct):
    """For every step the steps it waits for, and the reason of each such edge (a table, or depends_on)."""

    waits_for: dict[str, set[str]] = field(default_factory=dict)
    reasons: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, step: str, other: str, reason: str) -> None:
        """Let `step` wait for `other`."""
        if step != other:
            self.waits_for[step].add(other)
            self.reasons.setdefault((step, other), reason)


def table_key(name: str) -> str:
    """Return the form under which table names are compared; a text that is no name stands for itself."""
    try:
        return fold_name(name)
    except ValueError:
        return fold(name)


def writers(steps: Iterable[PlannedStep]) -> dict[str, list[PlannedStep]]:
    """Return the steps that write each table, in document order."""
    found: dict[str, list[PlannedStep]] = defaultdict(list)
    for step in sorted(steps, key=lambda s: s.position):
        for table in step.plan.writes:
            found[table_key(table)].append(step)
    return found


def build(steps: list[PlannedStep], problems: list[Problem], broken: Collection[str] = ()) -> Graph:
    """Draw the graph; steps named under `depends_on` that do not exist are noted, unless they are only `broken`."""
    graph = Graph({step.id: set() for step in steps})
    by_table = writers(steps)
    for step in steps:
        own = {table_key(table) for table in step.plan.writes}
        for table in sorted(step.reads):
            for writer in by_table.get(table_key(table), ()):
                if table_key(table) not in own:
                    graph.add(step.id, writer.id, table)
        for table in own:
            shared = by_table[table]
            earlier = shared[: next(i for i, s in enumerate(shared) if s.id == step.id)]
            for writer in earlier:
                graph.add(step.id, writer.id, table)
    for step in (s for s in steps if s.plan.inputs):
        for writer in steps:
            for output in writer.plan.outputs:
                if any(feeds(output, place) for place in step.plan.inputs):
                    graph.add(step.id, writer.id, output)
    _add_named(graph, steps, problems, broken)
    return graph


def feeds(output: str, place: str) -> bool:
    """Tell whether what is written to `output` is part of what is read from `place`, a name or a pattern."""
    parts = output == place or place.startswith(f"{output}/") or output.startswith(f"{place}:")
    return parts or fnmatchcase(output, place)


def _add_named(graph: Graph, steps: list[PlannedStep], problems: list[Problem], broken: Collection[str]) -> None:
    by_name: dict[str, list[str]] = defaultdict(list)
    for step in steps:
        by_name[step.id].append(step.id)
        if step.declared != step.id:
            by_name[step.declared].append(step.id)
    for step in steps:
        for name, mark in step.depends_on:
            if name not in by_name and name not in broken:
                hint = did_you_mean(name, by_name, noun="step")
                problems.append(
                    Problem("SF407", f"step {step.declared!r} depends on unknown step {name!r}", mark, hint)
                )
            if step.id in by_name.get(name, ()):
                problems.append(Problem("SF402", f"step {step.id!r} depends on itself", mark, "remove it"))
            for other in by_name.get(name, ()):
                graph.add(step.id, other, "depends_on")


def ordered(steps: list[PlannedStep], graph: Graph, problems: list[Problem]) -> list[PlannedStep]:
    """Return the steps in an order that respects the graph and else the document; every cycle is shown as a ring."""
    by_id = {step.id: step for step in steps}
    rank = {step.id: position for position, step in enumerate(steps)}
    edges = {step.id: set(graph.waits_for[step.id]) for step in steps}
    told = set()
    while (sorter := _sorter(edges)) is None:
        ring = _ring(edges)
        written = frozenset(by_id[name].declared for name in ring)
        if written not in told:  # the steps of a loop are in as many rings
            problems.append(_ring_problem(ring, graph, by_id))
        told.add(written)
        edges[ring[1]].discard(ring[0])  # cut here, so that further rings show
    found: list[PlannedStep] = []
    ready = [by_id[name] for name in sorter.get_ready()]
    while ready:
        ready.sort(key=lambda s: rank[s.id], reverse=True)
        step = ready.pop()
        found.append(step)
        sorter.done(step.id)
        ready += [by_id[name] for name in sorter.get_ready()]
    return found


def _sorter(edges: Mapping[str, Iterable[str]]) -> graphlib.TopologicalSorter[str] | None:
    sorter = graphlib.TopologicalSorter(edges)
    try:
        sorter.prepare()
    except graphlib.CycleError:
        return None
    return sorter


def _ring(edges: Mapping[str, Iterable[str]]) -> list[str]:
    """Return one ring, its first step repeated at the end; each waits for the one before it."""
    try:
        graphlib.TopologicalSorter(edges).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def _ring_problem(ring: list[str], graph: Graph, by_id: Mapping[str, PlannedStep]) -> Problem:
    ties = [
        f"{later} (needs {graph.reasons.get((later, earlier), '?')})"
        for earlier, later in zip(ring[-2::-1], ring[:0:-1], strict=True)
    ]
    if len(ties) > SHOWN:
        ties[SHOWN // 2 : -SHOWN // 2] = [f"... {len(ties) - SHOWN:,} more ..."]
    marks = sorted({by_id[name].mark for name in ring})
    hint = "let one of them read another table, or merge them into one step"
    message = f"steps wait for each other in a ring: {' -> '.join(ties)} -> {ring[-1]}"
    return Problem("SF402", message, marks[0], hint, related=tuple(marks[1:SHOWN]))


def downstream(waits_for: Mapping[str, Iterable[str]], start: str) -> set[str]:
    """Return every step that waits for `start`, directly or not."""
    followers: dict[str, set[str]] = defaultdict(set)
    for step, others in waits_for.items():
        for other in others:
            followers[other].add(step)
    return _reach(followers, start)


def upstream(waits_for: Mapping[str, Iterable[str]], start: str) -> set[str]:
    """Return every step that `start` waits for, directly or not."""
    return _reach(waits_for, start)


def _reach(edges: Mapping[str, Iterable[str]], start: str) -> set[str]:
    found: set[str] = set()
    stack = [start]
    while stack:
        for other in edges.get(stack.pop(), ()):
            if other not in found:
                found.add(other)
                stack.append(other)
    return found
