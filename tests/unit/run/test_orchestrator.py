"""Random graphs of steps that succeed, fail and waver, run side by side: no commit is lost and none comes early.

`SQLFLOW_SLOW=1` looks at many more of them.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sqlflow.builtins import checks, duckdb, files, secrets, steps, storages
from sqlflow.errors import StepError, TransientError
from sqlflow.pipeline import RESERVED, Pipeline
from sqlflow.registry import Catalog, PluginRecord, host_of
from sqlflow.result import RunResult
from sqlflow.sdk import (
    ArrowStream,
    ConfigModel,
    ConnectionReport,
    Connector,
    Event,
    NoOptions,
    ReadRequest,
    RunFinished,
    RunStarted,
    Select,
    StepFinished,
    StepRetried,
    StepStarted,
    hookimpl,
)

SLOW = os.environ.get("SQLFLOW_SLOW") == "1"
BOUNDED = settings(
    max_examples=300 if SLOW else 20,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

#: What a step does: `late` fails while its rows are written, `check` after, `wavers` fails a number of times and
#: may then succeed, `refuses` fails in a way that trying again cannot mend.
HOW = ["ok", "ok", "ok", "view", "merge", "late", "check", "wavers", "streams", "refuses"]
LOADS = {"wavers", "streams", "refuses"}


@dataclass(frozen=True)
class Node:
    """One step: what it waits for by its tables and by `depends_on`, and what is to happen to it."""

    name: str
    reads: tuple[str, ...]
    depends_on: tuple[str, ...]
    how: str
    failures: int = 0
    attempts: int = 1

    @property
    def waits_for(self) -> tuple[str, ...]:
        """Return the steps that must end first."""
        return (*self.reads, *self.depends_on)

    @property
    def fails(self) -> bool:
        """Tell whether the step fails when it is run."""
        return self.how in ("late", "check", "refuses") or self.failures >= self.attempts

    @property
    def tries(self) -> int:
        """Return how many attempts are made when the step is run: more than one only after what may pass."""
        return min(self.failures + 1, self.attempts) if self.how in ("wavers", "streams") else 1


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Node], int]:
    """Draw up to nine steps, each waiting for some before it, and how many may run at once."""
    nodes: list[Node] = []
    for number in range(draw(st.integers(1, 9))):
        how = draw(st.sampled_from(HOW))
        earlier = [node.name for node in nodes]
        waits = draw(st.sets(st.sampled_from(earlier), max_size=3)) if earlier else set()
        reads = () if how in LOADS else tuple(sorted(n for n in waits if draw(st.booleans())))
        rest = tuple(sorted(waits - set(reads)))
        attempts = draw(st.integers(1, 3))
        failures = draw(st.integers(0, 3)) if how in ("wavers", "streams") else 0
        nodes.append(Node(f"s{number}", reads, rest, how, failures, attempts))
    return nodes, draw(st.sampled_from([1, 1, 2, 3, 4, 8]))


class WaveringRead(ConfigModel):
    """What is read."""

    name: str
    """Whose failures are counted."""

    failures: int = 0
    """How many times reading fails before it succeeds."""

    lasting: bool = False
    """Whether the failure is one that does not pass."""

    stream: bool = False
    """Whether rows come as a stream that is opened later."""

    value: int
    """The value of the one row."""


class Plugin:
    """A plugin for one example: a connector that fails as often as it is told, and remembers how often it was asked."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.lock = threading.Lock()
        plugin = self

        class Wavering(Connector[NoOptions]):
            """Fails a number of times, then gives one row."""

            name = "wavering"
            ReadOptions = WaveringRead

            def read(self, request: ReadRequest) -> Select | ArrowStream:
                """Fail now, or say how the row comes."""
                options: WaveringRead = request.options
                if not options.stream:
                    plugin.ask(options)
                    return Select("duckdb", f"SELECT {options.value}::bigint AS v")

                def opened() -> pa.RecordBatchReader:
                    plugin.ask(options)
                    return pa.table({"v": pa.array([options.value], pa.int64())}).to_reader()

                return ArrowStream(opened)

            def test(self, config: NoOptions, folder: Path) -> ConnectionReport:
                """Answer."""
                return ConnectionReport(ok=True, message="fine")

        self.connector = Wavering

    def ask(self, options: WaveringRead) -> None:
        """Count, and fail when it is time to."""
        with self.lock:
            self.asked[options.name] += 1
            number = self.asked[options.name]
        if options.lasting:
            raise StepError("it will never work")
        if number <= options.failures:
            raise TransientError(f"failure {number} of {options.failures}")

    def catalog(self) -> Catalog:
        """Return what is in the box and this plugin."""
        module = ModuleType("wavering")
        module.sqlflow_connectors = hookimpl(lambda: [self.connector], specname="sqlflow_connectors")
        modules = [checks, duckdb, files, secrets, steps, storages, module]
        return Catalog(host_of([(PluginRecord(m.__name__, "test", "1", ""), lambda m=m: m) for m in modules]), RESERVED)


class Watcher:
    """An observer that keeps every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def observe(self, event: Event) -> None:
        """Keep one."""
        self.events.append(event)

    def of(self, kind: type[Event], step: str | None = None) -> list[Any]:
        """Return the events of a kind, of one step or of all, with their positions."""
        return [
            (place, event)
            for place, event in enumerate(self.events)
            if isinstance(event, kind) and (step is None or event.step == step)
        ]


def written(node: Node, base: int) -> dict[str, Any]:
    """Return a step as it stands in a document: its table holds `base` and the sum of what it reads."""
    step: dict[str, Any] = {"id": node.name, "target": f"raw.{node.name}", "depends_on": list(node.depends_on)}
    step["retry"] = {"attempts": node.attempts, "delay": "1ms"}
    if node.how in LOADS:
        source = {"connector": "wavering", "name": node.name, "value": base, "failures": node.failures}
        source |= {"stream": node.how == "streams", "lasting": node.how == "refuses"}
        return {**step, "type": "load", "source": source}
    sums = "".join(f" + (select sum(v) from raw.{name})" for name in node.reads)
    step |= {"type": "transform", "sql": f"select ({base}{sums})::bigint as v"}
    if node.how == "view":
        step["materialize"] = "view"
    if node.how == "merge":
        step |= {"mode": "merge", "key": ["k"], "sql": f"select 1 as k, ({base}{sums})::bigint as v"}
    if node.how == "late":
        step["sql"] += " union all select error('late')::bigint from range(3)"
    if node.how == "check":
        step["checks"] = [{"row_count": {"min": 2}}]
    return step


def run(folder: Path, nodes: list[Node], plugin: Plugin, concurrency: int, policy: str, base: int) -> Any:
    """Run the steps, in document order turned round, so that order can only come from what they wait for."""
    profile = {"concurrency": concurrency, "failure_policy": policy, "engine": {"type": "duckdb", "threads": 2}}
    project = {"version": 1, "name": "p", "default_profile": "d", "profiles": {"d": profile}}
    document = {"version": 1, "name": "p", "steps": [written(node, base) for node in reversed(nodes)]}
    (folder / "sqlflow.yaml").write_text(json.dumps(project))
    (folder / "p.yaml").write_text(json.dumps(document))
    watcher = Watcher()
    result = Pipeline(folder / "p.yaml", plugin.catalog()).run(observers=[watcher])
    assert result.notices == ()
    return result, watcher


def value_of(nodes: list[Node], name: str, base: int) -> int:
    """Return what the table of a step must hold after a run in which it and all that it reads succeeded."""
    node = next(node for node in nodes if node.name == name)
    return base + sum(value_of(nodes, other, base) for other in node.reads)


def stopped(nodes: list[Node]) -> set[str]:
    """Return the steps downstream of one that fails."""
    found: set[str] = set()
    failing = {node.name for node in nodes if node.fails}
    for node in nodes:  # each waits for earlier ones only
        if any(other in found or other in failing for other in node.waits_for):
            found.add(node.name)
    return found


def tables(result: RunResult, nodes: list[Node]) -> dict[str, int]:
    """Return the value in every table that there is."""
    there = {row["name"] for row in result.query(
        "select table_name as name from duckdb_tables() where schema_name = 'raw' union all "
        "select view_name from duckdb_views() where schema_name = 'raw'"
    ).to_pylist()}  # fmt: skip
    assert there <= {node.name for node in nodes}
    parts = [f"select '{name}' as name, sum(v)::bigint as v, count(*) as n from raw.{name}" for name in sorted(there)]
    found = result.query(" union all ".join(parts)).to_pylist() if parts else []
    assert all(row["n"] == 1 for row in found)
    return {row["name"]: row["v"] for row in found}


def hold_commits(result: RunResult) -> None:
    """See one line in the ledger for every step that succeeded, of its last attempt, and none for anybody else."""
    lines = result.query(
        f"select step, target, attempt from _sqlflow.commits where run_id = '{result.run_id}' order by all"
    ).to_pylist()
    done = sorted((s.id, f"raw.{s.id}", s.attempts) for s in result.steps if s.status == "succeeded")
    assert [(line["step"], line["target"], line["attempt"]) for line in lines] == done


def hold_order(watcher: Watcher, nodes: list[Node], concurrency: int) -> None:
    """See every step start after all it waits for has succeeded, and no more run at once than may."""
    assert isinstance(watcher.events[0], RunStarted)
    assert isinstance(watcher.events[-1], RunFinished)
    for node in nodes:
        starts, ends = watcher.of(StepStarted, node.name), watcher.of(StepFinished, node.name)
        assert len(ends) == 1
        assert [event.attempt for _, event in starts] == list(range(1, len(starts) + 1))
        for place, _ in starts:
            assert place < ends[0][0]
            for other in node.waits_for:
                ((ended, event),) = watcher.of(StepFinished, other)
                assert ended < place
                assert event.state == "succeeded"
    running: set[str] = set()
    for event in watcher.events:
        if isinstance(event, StepStarted):
            running.add(event.step)
        elif isinstance(event, StepFinished):
            running.discard(event.step)
        assert len(running) <= concurrency


def hold_attempts(result: RunResult, watcher: Watcher, plugin: Plugin, nodes: list[Node]) -> None:
    """See only what may pass tried again, until it succeeds and never more often than stated."""
    records = {step.id: step for step in result.steps}
    for node in nodes:
        started = len(watcher.of(StepStarted, node.name))
        expected = node.tries if records[node.name].status in ("succeeded", "failed") else 0
        assert (records[node.name].attempts, started) == (expected, expected)
        assert len(watcher.of(StepRetried, node.name)) == max(0, expected - 1)
        if node.how in LOADS:
            assert plugin.asked[node.name] == expected


@BOUNDED
@given(graphs())
def test_steps_side_by_side_lose_no_commit(graph: tuple[list[Node], int]) -> None:
    """Under `continue` exactly what is downstream of a failed step is skipped, and everything else is run.

    What succeeded has its table, with the values of all it waited for, and one line in the ledger.
    """
    nodes, concurrency = graph
    plugin = Plugin()
    with tempfile.TemporaryDirectory() as name:
        result, watcher = run(Path(name), nodes, plugin, concurrency, "continue", 1)
        lost = stopped(nodes)
        states = {step.id: step.status for step in result.steps}
        assert states == {
            node.name: "skipped" if node.name in lost else "failed" if node.fails else "succeeded" for node in nodes
        }
        assert result.status == ("failed" if "failed" in states.values() else "succeeded")
        for step in result.steps:
            assert (step.status == "skipped") == (step.reason or "").startswith("upstream failed: ")
            assert (step.status == "failed") == (step.error is not None)
        done = [name for name, state in states.items() if state == "succeeded"]
        assert tables(result, nodes) == {name: value_of(nodes, name, 1) for name in done}
        hold_commits(result)
        hold_order(watcher, nodes, concurrency)
        hold_attempts(result, watcher, plugin, nodes)


@BOUNDED
@given(graphs())
def test_after_a_failure_nothing_new_starts(graph: tuple[list[Node], int]) -> None:
    """Under `fail_fast` every step has run or says why it did not; what was running has ended and is committed.

    With one step at a time nothing at all starts after the first failure.
    """
    nodes, concurrency = graph
    plugin = Plugin()
    with tempfile.TemporaryDirectory() as name:
        result, watcher = run(Path(name), nodes, plugin, concurrency, "fail_fast", 1)
        states = {step.id: step.status for step in result.steps}
        failing, lost = {node.name for node in nodes if node.fails}, stopped(nodes)
        for step in result.steps:
            if step.status == "skipped":
                assert failing
                assert step.reason.startswith(("upstream failed: ", "fail_fast: "))
            else:
                assert step.status == ("failed" if step.id in failing else "succeeded")
                assert step.id not in lost
        assert result.status == ("failed" if failing else "succeeded")
        assert ("failed" in states.values()) == bool(failing)
        if concurrency == 1 and failing:
            first = min(place for place, event in watcher.of(StepFinished) if event.state == "failed")
            assert all(place < first for place, _ in watcher.of(StepStarted))
        done = [name for name, state in states.items() if state == "succeeded"]
        assert tables(result, nodes) == {name: value_of(nodes, name, 1) for name in done}
        hold_commits(result)
        hold_order(watcher, nodes, concurrency)
        hold_attempts(result, watcher, plugin, nodes)


@settings(BOUNDED, max_examples=150 if SLOW else 10)
@given(graphs(), st.data())
def test_a_second_run_replaces_what_succeeds_and_leaves_the_rest(
    graph: tuple[list[Node], int], data: st.DataObject
) -> None:
    """Over the tables of a run that went well: steps that fail or are skipped leave the rows that were there."""
    nodes, concurrency = graph
    kinds = {node.name: node.how if node.how in ("view", "merge", *LOADS) else "ok" for node in nodes}
    fine = [Node(n.name, n.reads, n.depends_on, "wavers" if kinds[n.name] in LOADS else kinds[n.name]) for n in nodes]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first, _ = run(folder, fine, Plugin(), concurrency, "continue", 1)
        assert first.status == "succeeded"
        before = tables(first, fine)
        plugin = Plugin()
        second, watcher = run(folder, nodes, plugin, data.draw(st.integers(1, 8)), "continue", 100)
        lost = stopped(nodes) | {node.name for node in nodes if node.fails}
        views = {n for n in lost if kinds[n] == "view"}  # a view follows the tables that it reads
        after = tables(second, nodes)
        for node in nodes:
            if node.name not in lost:
                assert after[node.name] == value_of(nodes, node.name, 100)
            elif node.name not in views:
                assert after[node.name] == before[node.name]
        assert after.keys() == before.keys()
        hold_commits(second)
        hold_order(watcher, nodes, 8)
        hold_attempts(second, watcher, plugin, nodes)


@pytest.fixture
def plugin() -> Iterator[Plugin]:
    """Return a plugin that has not been asked yet."""
    return Plugin()


@pytest.mark.parametrize("policy", ["continue", "fail_fast"])
def test_many_steps_that_write_at_once_all_commit(tmp_path: Path, plugin: Plugin, policy: str) -> None:
    """Thirty steps, eight at a time, staged and not, in one schema, new and over what is there: none gets lost."""
    nodes = [Node(f"s{n}", (), (), ["ok", "merge", "view", "streams"][n % 4]) for n in range(30)]
    for base in (1, 2, 3):
        result, watcher = run(tmp_path, nodes, plugin, 8, policy, base)
        assert {step.status for step in result.steps} == {"succeeded"}, [s.error for s in result.steps if s.error]
        assert tables(result, nodes) == {node.name: base for node in nodes}
        hold_commits(result)
        hold_order(watcher, nodes, 8)


@pytest.mark.parametrize("how", ["late", "check", "refuses"])
def test_fail_fast_starts_nothing_after_the_first_failure(tmp_path: Path, plugin: Plugin, how: str) -> None:
    """What stands after a failed step is not run though it does not depend on it, and says why."""
    nodes = [Node("s0", (), (), "ok"), Node("s1", (), (), "view"), Node("s2", (), (), how), Node("s3", (), (), "ok")]
    result, watcher = run(tmp_path, nodes, plugin, 1, "fail_fast", 1)
    assert {step.id: (step.status, step.attempts) for step in result.steps} == {
        "s3": ("succeeded", 1),
        "s2": ("failed", 1),
        "s1": ("skipped", 0),
        "s0": ("skipped", 0),
    }
    assert {step.reason for step in result.steps if step.status == "skipped"} == {"fail_fast: s2 failed"}
    assert [event.step for _, event in watcher.of(StepStarted)] == ["s3", "s2"]
    assert tables(result, nodes) == {"s3": 1}
    hold_commits(result)


@pytest.mark.parametrize(("failures", "status", "tries"), [(0, "succeeded", 1), (2, "succeeded", 3), (3, "failed", 3)])
def test_only_what_may_pass_is_tried_again(
    tmp_path: Path, plugin: Plugin, failures: int, status: str, tries: int
) -> None:
    """A TransientError is met with another attempt, up to the stated number; the last one decides."""
    nodes = [Node("s0", (), (), "wavers", failures, 3), Node("s1", (), (), "refuses", 0, 3)]
    result, watcher = run(tmp_path, nodes, plugin, 2, "continue", 1)
    records = {step.id: step for step in result.steps}
    assert (records["s0"].status, records["s0"].attempts) == (status, tries)
    assert (records["s1"].status, records["s1"].attempts) == ("failed", 1)
    assert [event.attempt for _, event in watcher.of(StepRetried, "s0")] == list(range(1, tries))
    if status == "failed":
        assert records["s0"].error["kind"] == "transient"
        assert records["s0"].error["message"] == "failure 3 of 3"


def test_a_stream_that_breaks_off_is_tried_again(tmp_path: Path, plugin: Plugin) -> None:
    """A TransientError between two batches is one like any other: the attempt fails, and the next one is whole."""
    asked: list[int] = []

    class Broken(Connector[NoOptions]):
        """Breaks off in its first stream."""

        name = "wavering"
        ReadOptions = NoOptions

        def read(self, request: ReadRequest) -> ArrowStream:
            """Give two batches, or one and an error."""
            schema = pa.schema([("v", pa.int64())])

            def batches() -> Iterator[pa.RecordBatch]:
                asked.append(1)
                yield pa.record_batch({"v": pa.array([1], pa.int64())})
                if len(asked) == 1:
                    raise TransientError("connection lost")
                yield pa.record_batch({"v": pa.array([2], pa.int64())})

            return ArrowStream(lambda: pa.RecordBatchReader.from_batches(schema, batches()))

        def test(self, config: NoOptions, folder: Path) -> ConnectionReport:
            """Answer."""
            return ConnectionReport(ok=True, message="fine")

    plugin.connector = Broken
    step = {"id": "s0", "type": "load", "source": {"connector": "wavering"}, "target": "t"}
    step["retry"] = {"attempts": 2, "delay": "1ms"}
    (tmp_path / "p.yaml").write_text(json.dumps({"version": 1, "name": "p", "steps": [step]}))
    result = Pipeline(tmp_path / "p.yaml", plugin.catalog()).run()
    assert (result.steps[0].status, result.steps[0].attempts) == ("succeeded", 2), result.steps[0].error
    assert result.table("t").column("v").to_pylist() == [1, 2]
