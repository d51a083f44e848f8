"""Random histories of batches in every mode, each held against what plain lists and dictionaries say.

`SQLFLOW_SLOW=1` looks at many more of them.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sqlflow.builtins.checks import RowCount, RowCountConfig
from sqlflow.builtins.duckdb.engine import DuckDbConfig, DuckDbEngine
from sqlflow.sdk import (
    ArrowStream,
    Batch,
    Check,
    CheckFailed,
    ColumnSpec,
    Commit,
    Opening,
    RowCounts,
    SchemaChanged,
    Select,
    Session,
    StepError,
    StorageLocation,
    TableWrite,
    Token,
    literal,
)

SLOW = os.environ.get("SQLFLOW_SLOW") == "1"
BOUNDED = settings(
    max_examples=800 if SLOW else 40,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
MODES = ("merge", "delete_insert", "append", "replace")
TARGET = "raw.t"

#: The columns that a batch may have; `seen` orders rows and is never NULL.
TYPES = {"id": "BIGINT", "Group": "VARCHAR", "a b": "INTEGER", "select": "VARCHAR", "seen": "INTEGER", "t": "DOUBLE"}
ARROW = {"BIGINT": pa.int64(), "VARCHAR": pa.string(), "INTEGER": pa.int32(), "DOUBLE": pa.float64()}
VALUES = {
    "BIGINT": st.integers(0, 4),
    "INTEGER": st.integers(-1, 2),
    "VARCHAR": st.sampled_from(["", "a", "A", "b'c", "NULL", "ü"]),
    "DOUBLE": st.sampled_from([0.0, -1.5, float("inf")]),
}
Row = dict[str, Any]


@dataclass(frozen=True)
class Delivery:
    """One batch on its way to the target, and what is to go wrong with it."""

    mode: str
    rows: tuple[Row, ...]
    columns: tuple[str, ...]
    key: tuple[str, ...]
    policy: str = "alert"
    on_duplicate: str = "error"
    order_by: tuple[str, ...] = ()
    once: bool = False
    arrow: bool = False
    required: tuple[str, ...] = ()
    fault: str | None = None


@st.composite
def deliveries(draw: st.DrawFn, modes: tuple[str, ...] = MODES) -> Delivery:
    """Draw a batch: rows with ties, NULLs and duplicates, columns shuffled or left out, sometimes a failure."""
    mode = draw(st.sampled_from(modes))
    columns = list(draw(st.permutations(list(TYPES))))
    for name in draw(st.sets(st.sampled_from(["a b", "select", "t", "Group"]), max_size=2)):
        columns.remove(name)
    keys = [["id"], ["id"], ["id"], ["Group", "id"]] + ([["Group"]] if mode == "delete_insert" else [])
    key = tuple(draw(st.sampled_from(keys))) if mode in ("merge", "delete_insert") or draw(st.booleans()) else ()
    if mode == "replace":
        key = ()
    columns += [name for name in key if name not in columns and not draw(st.sampled_from([False] * 9 + [True]))]
    nullable = draw(st.sampled_from([0, 0, 0, 1]))
    row = st.fixed_dictionaries(
        {
            name: st.integers(0, 9)
            if name == "seen"
            else VALUES[TYPES[name]]
            if name == "id" or (name in key and not nullable)
            else st.none() | VALUES[TYPES[name]]
            for name in columns
        }
    )
    unique = mode in ("merge", "append") and key and set(key) <= set(columns) and draw(st.integers(0, 4))
    by_key = (lambda r: tuple(r[name] for name in key)) if unique else None
    rows = draw(st.lists(row, min_size=draw(st.sampled_from([0, 2, 3, 3])), max_size=6, unique_by=by_key))
    chosen = draw(st.sampled_from(["error", "first", "last"])) if mode == "merge" else "error"
    order = draw(st.sampled_from([("seen",), ("seen desc",), ("id", "seen asc"), ("SEEN DESC",)]))
    arrow = draw(st.booleans())
    return Delivery(
        mode,
        tuple(rows),
        tuple(columns),
        key,
        draw(st.sampled_from(["alert", "permissive"])),
        chosen,
        order if chosen != "error" else (),
        once=not arrow and not key and mode in ("replace", "append") and draw(st.booleans()),
        arrow=arrow,
        required=("id",) if draw(st.booleans()) else (),
        fault=draw(st.sampled_from([None] * 8 + ["check", "late error", *(["cast"] if rows else [])])),
    )


@dataclass
class Oracle:
    """What the table must hold, told in lists and dictionaries, knowing nothing of SQL."""

    columns: list[str] | None = None
    rows: list[Row] = field(default_factory=list)
    required: set[str] = field(default_factory=set)

    def knows(self, delivery: Delivery) -> bool:
        """Tell whether the outcome is laid down: a merge into duplicate keys is not, ties of unlike rows are not."""
        if delivery.mode not in ("merge", "append") or not delivery.key:
            return True
        there = Counter(self.key_of(delivery, row) for row in self.rows)
        if any(there[self.key_of(delivery, row)] > 1 for row in delivery.rows):
            return False
        tied: dict[Any, Row] = {}
        for row in delivery.rows if delivery.on_duplicate != "error" else ():
            place = (self.key_of(delivery, row), row["seen"])
            if tied.setdefault(place, row) != row:
                return False
        return True

    def key_of(self, delivery: Delivery, row: Row) -> tuple[Any, ...]:
        """Return the key of a row; what it does not have is NULL."""
        return tuple(row.get(name) for name in delivery.key)

    def refusal(self, delivery: Delivery) -> tuple[type[Exception], str] | None:
        """Return the error that a batch must meet, and its code, or None."""
        batch, there = delivery.columns, self.columns
        meets = there is not None and delivery.mode != "replace"
        if delivery.fault == "cast":
            return StepError, "SF710"
        if delivery.fault == "late error" and not delivery.once:
            return StepError, "SF710"
        if delivery.key:
            keys = [self.key_of(delivery, row) for row in delivery.rows]
            if not set(delivery.key) <= set(batch):
                return StepError, "SF705"
            if any(None in key for key in keys):
                return StepError, "SF706"
            unique = delivery.mode in ("merge", "append") and delivery.on_duplicate == "error"
            if unique and len(set(keys)) < len(keys):
                return StepError, "SF705"
            if meets and self.rows and not set(delivery.key) <= set(there):
                return StepError, "SF705"
        if meets and delivery.policy == "alert" and not set(batch) <= set(there):
            return SchemaChanged, "SF721"
        if meets and not self.required <= set(batch):
            return SchemaChanged, "SF721"
        if delivery.fault == "late error":
            return StepError, "SF710"
        if delivery.fault == "check":
            return CheckFailed, "SF701"
        return None

    def take(self, delivery: Delivery) -> RowCounts:
        """Let a batch that is not refused meet the rows, and count what it does."""
        rows = list(delivery.rows)
        read = len(rows)
        if delivery.on_duplicate != "error":
            rows = self._chosen(delivery)
        if self.columns is None or delivery.mode == "replace":
            self.columns, self.rows, self.required = list(delivery.columns), rows, set(delivery.required)
            return RowCounts(read=read, inserted=len(rows), updated=0)
        self.columns += [name for name in delivery.columns if name not in self.columns]
        if delivery.mode == "delete_insert":
            groups = {self.key_of(delivery, row) for row in rows}
            kept = [row for row in self.rows if self.key_of(delivery, row) not in groups]
            deleted, self.rows = len(self.rows) - len(kept), kept + rows
            return RowCounts(read=read, inserted=len(rows), updated=0, deleted=deleted)
        there = {self.key_of(delivery, row): row for row in self.rows} if delivery.key else {}
        fresh = [row for row in rows if self.key_of(delivery, row) not in there or not delivery.key]
        updated = 0
        for row in rows if delivery.mode == "merge" else ():
            old = there.get(self.key_of(delivery, row))
            if old is not None and any(old.get(name) != value for name, value in row.items()):
                old.update(row)
                updated += 1
        self.rows = [*self.rows, *fresh]
        return RowCounts(read=read, inserted=len(fresh), updated=updated, deleted=0)

    def differing(self, delivery: Delivery) -> int:
        """Count the rows of an append whose key is known with other values."""
        there = {self.key_of(delivery, row): row for row in self.rows}
        found = [(row, there.get(self.key_of(delivery, row))) for row in delivery.rows]
        return sum(old is not None and any(old.get(n) != v for n, v in row.items()) for row, old in found)

    def shown(self) -> Counter[tuple[Any, ...]]:
        """Return the rows as the table must give them."""
        return Counter(tuple(row.get(name) for name in self.columns or ()) for row in self.rows)

    def _chosen(self, delivery: Delivery) -> list[Row]:
        """Keep one row for each key: the first or last of its rows in the given order."""
        groups: dict[Any, list[Row]] = {}
        for row in delivery.rows:
            groups.setdefault(self.key_of(delivery, row), []).append(row)
        falling = delivery.order_by[-1].lower().endswith(" desc")
        wants_least = (delivery.on_duplicate == "first") != falling
        pick = min if wants_least else max
        return [dict(pick(group, key=lambda row: row["seen"])) for group in groups.values()]


def source(delivery: Delivery) -> Select | ArrowStream:
    """Return the batch as a query or as a stream."""
    columns = delivery.columns
    if delivery.arrow and delivery.fault != "late error":
        schema = pa.schema([(name, ARROW[TYPES[name]]) for name in columns])
        return ArrowStream(lambda: pa.Table.from_pylist(list(delivery.rows), schema=schema).to_reader(max_chunksize=2))

    def select(row: Row) -> str:
        return "SELECT " + ", ".join(f'CAST({_sql(row[n])} AS {TYPES[n]}) AS "{n}"' for n in columns)

    empty = dict.fromkeys(columns)
    parts = [select(row) for row in delivery.rows] or [f"{select(empty)} WHERE false"]
    if delivery.fault == "late error":
        shown = ", ".join(f'"{name}"' if name != "id" else "CAST(error('late') AS BIGINT) AS id" for name in columns)
        parts.append(f"SELECT {shown} FROM ({select({**empty, 'id': 1, 'seen': 1})})")
    return Select("duckdb", " UNION ALL ".join(parts))


def _sql(value: Any) -> str:
    return literal(value) if value is not None else "NULL"


@contextmanager
def warehouse(folder: Path | None) -> Iterator[Session]:
    """Open a warehouse in memory, or in a folder."""
    path = folder / "w.duckdb" if folder else None
    place = folder or Path(tempfile.gettempdir())
    session = DuckDbEngine().open(DuckDbConfig(), Opening(StorageLocation(path, exists=False), place))
    try:
        session.prepare(["raw"])
        yield session
    finally:
        session.close()


def deliver(root: Session, delivery: Delivery, step: str) -> tuple[RowCounts, tuple[str, ...]]:
    """Stage and publish a batch in a connection of its own, as a step does."""
    session = root.fork()
    try:
        declared = {"id": ColumnSpec(type="BIGINT", nullable="id" not in delivery.required)}
        if delivery.fault == "cast":
            declared["seen"] = ColumnSpec(type="INTEGER[]")
        elif delivery.mode != "replace" and root.describe(TARGET) is not None:
            declared = {}
        batch = Batch(TARGET, Token("run", step, 1), delivery.mode, declared, delivery.once)
        staged = session.stage(source(delivery), batch)
        write = TableWrite(staged, delivery.key, delivery.policy, delivery.on_duplicate, delivery.order_by)
        checks = ()
        if delivery.fault == "check":
            checks = (Check("enough", RowCount(), RowCountConfig(min=10_000), "target"),)
        done = session.publish(Commit(Token("run", step, 1), write, TARGET, checks))
        return done.rows, done.warnings
    finally:
        session.close()


def places(root: Session, oracle: Oracle) -> dict[tuple[Any, ...], list[int]]:
    """Return where each row is in the table."""
    found: dict[tuple[Any, ...], list[int]] = {}
    if oracle.columns is not None:
        for place, *row in root.fetch(f"SELECT rowid, * FROM {TARGET}"):
            found.setdefault(tuple(row), []).append(place)
    return found


def run_history(root: Session, history: list[Delivery]) -> Oracle:
    """Publish one batch after another, and hold table, counts, warnings and ledger against the oracle each time."""
    oracle = Oracle()
    for number, delivery in enumerate(history):
        if not oracle.knows(delivery):
            continue
        step = f"s{number}"
        refused, before = oracle.refusal(delivery), places(root, oracle)
        if refused is not None:
            with pytest.raises(refused[0]) as caught:
                deliver(root, delivery, step)
            assert caught.value.code == refused[1], caught.value
            assert places(root, oracle) == before
        else:
            absent = oracle.columns is None
            differing = oracle.differing(delivery) if delivery.mode == "append" and delivery.key and not absent else 0
            expected = oracle.take(delivery)
            rows, warnings = deliver(root, delivery, step)
            if absent and delivery.on_duplicate != "error":  # what is read here has a test of its own
                expected = RowCounts(rows.read, expected.inserted, expected.updated)
            assert rows == expected
            assert [w.split()[0] for w in warnings] == ([str(differing)] if differing else [])
        hold_table(root, oracle)
        hold_places(root, oracle, delivery, before)
        line = root.fetch(f"SELECT run_id, target, attempt, rows FROM _sqlflow.commits WHERE step = '{step}'")
        total = None if refused else expected.inserted + expected.updated
        assert line == ([] if refused else [("run", TARGET, 1, total)])
    return oracle


def hold_table(root: Session, oracle: Oracle) -> None:
    """See the table with the columns, types, constraints and rows that the oracle says."""
    info = root.describe(TARGET)
    if oracle.columns is None:
        assert info is None
        return
    assert [(c.name, c.type) for c in info.schema] == [(name, TYPES[name]) for name in oracle.columns]
    assert {c.name for c in info.schema if c.nullable is False} == oracle.required
    assert Counter(root.fetch(f"SELECT * FROM {TARGET}")) == oracle.shown()


def hold_places(root: Session, oracle: Oracle, delivery: Delivery, before: dict[tuple[Any, ...], list[int]]) -> None:
    """See that rows which did not change are not rewritten, by a merge or an append."""
    if delivery.mode not in ("merge", "append"):
        return
    after, width = places(root, oracle), len(next(iter(before), ()))
    now: dict[tuple[Any, ...], list[int]] = {}
    for row, found in after.items():
        now.setdefault(row[:width] if not any(v is not None for v in row[width:]) else row, []).extend(found)
    for row, found in before.items():
        if row in now:
            assert set(found) <= set(now[row])


@BOUNDED
@given(st.lists(deliveries(), min_size=4, max_size=8))
def test_every_history_leaves_what_plain_python_says(history: list[Delivery]) -> None:
    """Whatever batches come in whatever modes: rows, columns, counts, warnings and ledger are what was laid down.

    A batch that fails changes nothing and leaves no line in the ledger; one that succeeds leaves exactly one.
    """
    with warehouse(None) as root:
        run_history(root, history)


@settings(BOUNDED, max_examples=400 if SLOW else 20)
@given(st.sampled_from(MODES), st.data())
def test_every_mode_alone_leaves_what_plain_python_says(mode: str, data: st.DataObject) -> None:
    """A feed that is delivered again and again in one mode, failures between, meets the same law."""
    history = data.draw(st.lists(deliveries((mode,)), min_size=3, max_size=6))
    with warehouse(None) as root:
        run_history(root, history)


@settings(BOUNDED, max_examples=100 if SLOW else 8)
@given(st.lists(deliveries(), min_size=2, max_size=4))
def test_a_file_holds_what_was_published(history: list[Delivery]) -> None:
    """What a history has left is there when the file is opened again, ledger included, and nothing else is."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with warehouse(folder) as root:
            oracle = run_history(root, history)
            ledger = root.fetch("SELECT * EXCLUDE (committed_at) FROM _sqlflow.commits ORDER BY ALL")
        with warehouse(folder) as root:
            hold_table(root, oracle)
            assert root.fetch("SELECT * EXCLUDE (committed_at) FROM _sqlflow.commits ORDER BY ALL") == ledger
            assert root.tables() == ((TARGET,) if oracle.columns is not None else ())


@settings(BOUNDED, max_examples=400 if SLOW else 25)
@given(deliveries().filter(lambda d: d.mode != "append" or d.key))
def test_a_batch_that_is_delivered_twice_changes_nothing_the_second_time(delivery: Delivery) -> None:
    """Every mode but a bare append may be run again: the rows are the same, and a merge updates none of them."""
    with warehouse(None) as root:
        oracle = run_history(root, [delivery])
        if oracle.columns is None:
            return
        rows = Counter(root.fetch(f"SELECT * FROM {TARGET}"))
        counts, warnings = deliver(root, delivery, "again")
        assert Counter(root.fetch(f"SELECT * FROM {TARGET}")) == rows
        assert warnings == ()
        if delivery.mode in ("merge", "append"):
            assert (counts.inserted, counts.updated, counts.deleted) == (0, 0, 0)
