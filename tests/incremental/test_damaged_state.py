"""State that is damaged or from the future: told with the remedy, and nothing is touched."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

from sqlflow import Pipeline, SQLFlowError
from sqlflow.memory import open_book

from .ground import Ground, catalog, load, transform

STEP: dict[str, Any] = {"mode": "merge", "key": ["id"], "cursor": "u"}


def begun(ground: Ground) -> dict[str, Any]:
    """Run a load once and return it."""
    step = load(ground.csv("a.csv", "id,u", (1, 1)), **STEP)
    ground.done(step)
    ground.csv("a.csv", "id,u", (1, 1), (2, 2))
    return step


def damage(ground: Ground, kind: str, value: str) -> None:
    """Write a value of the state as a broken disk or a clumsy hand would."""
    ground.other(f"update _sqlflow.state set value = '{value}' where kind = '{kind}'")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("watermark", "{"),
        ("watermark", "17"),
        ("watermark", "null"),
        ("watermark", '{"column": "u"}'),
        ("watermark", '{"column": "u", "value": 5, "type": "BIGINT"}'),
        ("watermark", '{"column": "u", "value": "five", "type": "BIGINT"}'),
        ("watermark", '{"column": "u", "value": "1", "type": "NOSUCH"}'),
        ("watermark", '{"column": "u", "value": "", "type": "TIMESTAMP"}'),
        ("schema", "{"),
        ("schema", "[]"),
        ("schema", '{"format": 99}'),
        ("schema", '{"format": 1}'),
        ("schema", '{"format": 1, "columns": [{"name": "id"}]}'),
        ("schema", '{"format": 1, "columns": 3}'),
    ],
)
def test_a_damaged_entry_is_told_with_the_remedy(ground: Ground, kind: str, value: str) -> None:
    """The step fails, says which entry is damaged and how to be rid of it, and leaves rows and state alone."""
    step = begun(ground)
    damage(ground, kind, value)
    before = ground.tables(), ground.rows("select columns(*)::varchar from _sqlflow.state")
    record = ground.run(step)["s"]
    assert record.status == "failed"
    assert record.error["code"] == "SF730", record.error
    assert "sqlflow state" in record.error["hint"] or "install" in record.error["hint"]
    assert (ground.tables(), ground.rows("select columns(*)::varchar from _sqlflow.state")) == before


@pytest.mark.parametrize("value", ["{", '{"end": 5}', '{"end": "soon"}', "{}"])
def test_a_damaged_interval_is_told_with_the_remedy(ground: Ground, value: str) -> None:
    """What is finished is not guessed at."""
    ground.other("create table src as select timestamp '2026-01-05' as d, 1 as n")
    batches = {"by": "d", "size": "30 days", "initial": "2026-01-01"}
    step = transform("select * from src", mode="delete_insert", batches=batches)
    ground.done(step, until="2026-01-31")
    damage(ground, "interval", value)
    record = ground.run(step)["s"]
    assert (record.status, record.error["code"]) == ("failed", "SF730"), record.error
    assert "sqlflow state" in record.error["hint"]


def test_a_damaged_file_entry_is_told_with_the_remedy(ground: Ground) -> None:
    """A file is not loaded twice because its entry cannot be read."""
    ground.csv("in/a.csv", "id", (1,))
    step = load({"connector": "csv", "path": "in/*.csv", "incremental": "new_files"}, mode="append")
    ground.done(step)
    damage(ground, "file", "{")
    record = ground.run(step)["s"]
    assert (record.status, record.error["code"]) == ("failed", "SF730"), record.error
    assert ground.rows("select id from t") == [(1,)]


def test_a_newer_state_is_left_alone(ground: Ground) -> None:
    """A warehouse that a newer version has written is refused before anything runs."""
    step = begun(ground)
    ground.other("insert into _sqlflow.versions values (99, now())")
    before = ground.tables(), ground.memories()
    with pytest.raises(SQLFlowError) as raised:
        ground.run(step)
    assert raised.value.code == "SF730"
    assert "newer version of SQLFlow (version 99" in raised.value.message
    assert "install" in (raised.value.hint or "")
    assert (ground.tables(), ground.memories()) == before


def test_a_table_of_the_state_that_is_gone_is_told(ground: Ground) -> None:
    """Without its table of versions the state is not whole: told with the remedy, and no row is touched."""
    step = begun(ground)
    ground.other("drop table _sqlflow.versions")
    before = ground.tables()
    with pytest.raises(SQLFlowError) as raised:
        ground.run(step)
    assert raised.value.code == "SF730"
    assert "drop the schema _sqlflow" in (raised.value.hint or "")
    assert ground.tables() == before
    ground.other("drop schema _sqlflow cascade")
    ground.done(step)
    assert ground.rows("select id from t") == [(1,), (2,)]


@pytest.mark.parametrize("lost", ["state", "commits"])
def test_a_lost_table_of_the_state_loses_no_row(ground: Ground, lost: str) -> None:
    """Whatever becomes of a run without its state, rows are neither lost nor doubled."""
    step = begun(ground)
    ground.other(f"drop table _sqlflow.{lost}")
    with contextlib.suppress(SQLFlowError):
        ground.run(step)
    assert ground.rows("select id, count(*) from t group by id") in ([(1, 1)], [(1, 1), (2, 1)])


def test_the_newest_line_counts_and_older_ones_stay(ground: Ground) -> None:
    """State is appended to and never changed."""
    step = begun(ground)
    ground.done(step)
    marks = ground.rows("select line, value from _sqlflow.state where kind = 'watermark' order by line")
    assert [json.loads(value)["value"] for _, value in marks] == ["1", "2"]
    assert len({line for line, _ in marks}) == 2


def test_an_older_state_is_read_and_brought_up(ground: Ground) -> None:
    """A warehouse of version 1 can be looked into as it is; the first run makes it one of today, and loses nothing."""
    step = begun(ground)
    ground.other(
        "alter table _sqlflow.commits drop column unique_key",
        "alter table _sqlflow.commits drop column held",
        "delete from _sqlflow.versions where version > 1",
    )
    ground.let_go()
    path = ground.folder / "p.yaml"
    with open_book(Pipeline(path, catalog()).plan(), catalog(), write=False) as book:
        found = book.session.describe("t")
        assert found is not None
        assert found.owned
    assert ground.rows("select max(version) from _sqlflow.versions") == [(1,)]
    before = ground.memories()
    assert ground.done(step).rows.inserted == 1
    assert ground.rows("select id, u from t") == [(1, 1), (2, 2)]
    assert ground.rows("select max(version) from _sqlflow.versions") == [(2,)]
    assert before.keys() <= ground.memories().keys()
    assert ground.rows("select count(*) from _sqlflow.commits") == [(2,)]
