"""A merge whose rows are all newer than its target compares none of them, and counts as one that does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlflow.builtins.duckdb.connection import Connection

from .ground import Ground, bounded, load

MERGE = {"mode": "merge", "key": ["id"], "cursor": "u"}
FIRST = ((1, 1, "a"), (2, 1, "b"), (3, 1, "c"))
NEWER = ((2, 2, "B"), (3, 2, "C"), (4, 2, "D"))


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """Return a folder whose table `t` holds the first rows."""
    with Ground(tmp_path) as found:
        assert counts(found, *FIRST) == (3, 0, 0)
        yield found


def counts(ground: Ground, *rows: Sequence[Any], columns: str = "id, u, v", **options: Any) -> tuple[int, int, int]:
    """Merge rows of a file; returns how many were inserted, updated and deleted."""
    found = ground.done(load(ground.csv("t.csv", columns, *rows), **{**MERGE, **options})).rows
    return found.inserted or 0, found.updated or 0, found.deleted or 0


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Collect the statements that DuckDB gets."""
    found: list[str] = []
    execute = Connection.execute

    def noted(self: Connection, sql: str, parameters: Any = None) -> Any:
        found.append(sql)
        return execute(self, sql, parameters)

    monkeypatch.setattr(Connection, "execute", noted)
    yield found
    monkeypatch.setattr(Connection, "execute", execute)


def compared(statements: list[str]) -> bool:
    """Tell whether rows were held against those of their key."""
    return any("sqlflow_met" in sql for sql in statements)


def test_newer_rows_are_not_compared(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """They take the place of what has their key; also after a merge that has compared."""
    with watched(monkeypatch) as seen:
        assert counts(ground, *NEWER) == (1, 2, 0)
    assert not compared(seen)
    with watched(monkeypatch) as seen:
        assert counts(ground, NEWER[0], (5, 2, "E")) == (1, 0, 0)  # one stands at the watermark, and is equal
    assert compared(seen)
    with watched(monkeypatch) as seen:
        assert counts(ground, (1, 3, "A"), (5, 3, "E"), (6, 4, "F")) == (1, 2, 0)
    assert not compared(seen)
    assert ground.rows("select id, u, v from t") == [(1, 3, "A"), (2, 2, "B"), (3, 2, "C"), (4, 2, "D"), (5, 3, "E"),
                                                     (6, 4, "F")]  # fmt: skip


@pytest.mark.parametrize(
    "change",
    ["insert into t select * from t where id = 2", "insert into t values (9, 1, 'z'), (2, 1, 'again')"],
)
def test_keys_that_another_program_repeats_are_counted(ground: Ground, change: str) -> None:
    """A key that was there twice becomes one row; the other one is deleted."""
    ground.other(change)
    assert counts(ground, *NEWER) == (1, 2, 1)
    assert ground.rows("select id, v from t where id in (2, 3, 4)") == [(2, "B"), (3, "C"), (4, "D")]


def test_rows_are_right_whoever_changed_the_table(ground: Ground) -> None:
    """Where another program repeats a key and leaves as many rows, counts may be off; rows are not."""
    ground.other("delete from t where id = 1", "insert into t values (2, 1, 'again')")
    counts(ground, *NEWER)
    assert ground.rows("select id, v from t") == [(2, "B"), (3, "C"), (4, "D")]


def test_keys_that_another_step_repeats_are_counted(ground: Ground) -> None:
    """What is known of a table ends with any other commit that changes it."""
    again = load(ground.csv("again.csv", "id, u, v", (2, 1, "b"), (1, 1, "a")), id="again", mode="append", target="t")
    ground.done(again)
    ground.other("delete from t where id = 1")  # as many rows as before
    assert counts(ground, *NEWER) == (1, 2, 1)


def test_columns_that_are_not_delivered_keep_their_values(ground: Ground) -> None:
    """A newer row that lacks a column takes over what the old row has."""
    ground.other("alter table t add column w integer", "update t set w = 10 * id")
    assert counts(ground, *NEWER) == (1, 2, 0)
    assert ground.rows("select id, v, w from t where id in (2, 4)") == [(2, "B", 20), (4, "D", None)]


def test_another_key_is_another_matter(ground: Ground) -> None:
    """Rows that one key tells apart may be many to another one."""
    ground.other("update t set v = 'same' where id in (1, 2)")
    assert counts(ground, (7, 2, "same"), (8, 2, "new"), key=["v"]) == (1, 1, 1)


def test_a_target_without_the_key_is_refused(ground: Ground) -> None:
    """No row of it would ever be met, so every one would stay beside the one that is to take its place."""
    ground.other("alter table t rename id to number")
    step = load(ground.csv("t.csv", "id, u, v", *NEWER), **MERGE, on_schema_change="permissive")
    assert "t has no column 'id', which is part of the key; it has: number, u, v" in ground.refused("SF705", step)


ROWS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4), st.sampled_from("abc")), max_size=5,
                unique_by=lambda row: row[0])  # fmt: skip
TURNS = st.lists(st.tuples(ROWS, st.sampled_from(["", "", "", "double", "drop"])), min_size=2, max_size=5)


@bounded(40, 600)
@given(turns=TURNS)
def test_every_row_is_counted_once(tmp_path_factory: pytest.TempPathFactory, turns: list[Any]) -> None:
    """Whatever is newer, equal or repeated by another program: rows and counts are those of a dictionary."""
    held: list[tuple[int, int, str]] = []
    mark = 0
    with Ground(tmp_path_factory.mktemp("newer")) as ground:
        counts(ground, (0, 0, "first"))
        held = [(0, 0, "first")]
        for rows, other in turns:
            if other == "double":
                ground.other("insert into t select * from t where id = (select min(id) from t)")
                held += [row for row in held if row[0] == min(held)[0]]
            if other == "drop" and len({row[0] for row in held}) > 1:
                ground.other("delete from t where id = (select max(id) from t)")
                held = [row for row in held if row[0] != max(held)[0]]
            later = [(key, mark + step, value) for key, step, value in rows]
            met = {key: [row for row in held if row[0] == key] for key, _, _ in later}
            fresh = [row for row in later if not met[row[0]]]
            moved = [row for row in later if met[row[0]] and row not in met[row[0]]]
            gone = sum(len(met[key]) for key, _, _ in moved) - len(moved)
            assert counts(ground, *(later or [(0, -1, "old")])) == (len(fresh), len(moved), gone)
            replaced = {row[0] for row in moved}
            held = sorted([row for row in held if row[0] not in replaced] + fresh + moved)
            mark = max([mark, *(row[1] for row in later)])
            assert ground.rows("select id, u, v from t") == held
