"""The range of a cursor goes down to SQLite, and no wanted row is lost by it."""

import sqlite3
from contextlib import closing

import pytest

from sqlflow.sdk import Bound, CursorRange, StepError

from .reads import database, rows, run

CURSORS = [
    ("integer", ["1", "5", "5", "9", "null"], Bound("5", "BIGINT"), Bound("9")),
    ("bigint", ["9007199254740992", "9007199254740993", "9007199254740994"], Bound("9007199254740993", "BIGINT"), None),
    ("real", ["0.1", "0.2", "0.3", "null"], Bound("0.2", "DOUBLE"), Bound("0.3", "DOUBLE")),
    ("decimal(10,2)", ["0.1", "0.2", "0.3"], Bound("0.20", "DECIMAL(10,2)"), Bound("0.30", "DECIMAL(10,2)")),
    ("decimal(20,2)", ["9", "10", "'11.00'"], Bound("10.00", "DECIMAL(20,2)"), None),
    ("text", ["'a'", "'B'", "'é'", "'z'", "''"], Bound("a", "VARCHAR"), Bound("z")),
    ("text collate nocase", ["'a'", "'B'", "'Z'", "'z'"], Bound("a", "VARCHAR"), None),
    ("date", ["'2024-01-01'", "'2024-01-02'", "'2024-01-10'"], Bound("2024-01-02", "DATE"), Bound("2024-01-10")),
    (
        "timestamp",
        ["'2024-01-01'", "'2024-01-02 10:00'", "'2024-01-02T10:00:00'", "'2024-01-02 10:00:00.000001'", "'2024-01-03'"],
        Bound("2024-01-02 10:00:00", "TIMESTAMP"),
        Bound("2024-01-03"),
    ),
    (
        "timestamptz",
        ["'2024-01-01 23:30:00-01:00'", "'2024-01-02 00:30:00Z'", "'2024-01-02 12:00:00+14:00'", "'2023-01-01'"],
        Bound("2024-01-02 00:30:00+00", "TIMESTAMP WITH TIME ZONE"),
        Bound("2024-01-02T01:00:00Z"),
    ),
]


@pytest.mark.parametrize(("declared", "values", "lower", "upper"), CURSORS)
@pytest.mark.parametrize("nulls", [True, False])
@pytest.mark.parametrize("ends", ["both", "lower", "upper"])
def test_no_wanted_row_is_lost_by_the_pushdown(tmp_path, declared, values, lower, upper, nulls, ends):
    """What is read under a range and then filtered is what is read whole and then filtered, ties and NULL included."""
    import duckdb

    from sqlflow.sdk import TableSchema

    if declared == "timestamptz":
        values = [v for v in values if v != "'2023-01-01'"]
    database(tmp_path, f"create table t (x {declared}); insert into t values {', '.join(f'({v})' for v in values)};")
    lower, upper = (lower if ends != "upper" else None), (upper if ends != "lower" else None)
    since = CursorRange("X", lower, upper=upper, nulls=nulls)
    everything, pushed = rows(tmp_path, table="t"), rows(tmp_path, table="t", since=since)
    with duckdb.connect() as db:
        found = db.sql("describe from everything").fetchall()
        condition = since.condition(TableSchema.of(*((r[0], r[1]) for r in found))) or "true"
        wanted = db.sql(f"select x::varchar from everything where {condition}").fetchall()
        assert db.sql(f"select x::varchar from pushed where {condition}").fetchall() == wanted
    assert pushed.num_rows <= everything.num_rows


def test_the_range_goes_down_to_sqlite(tmp_path):
    """Rows below the watermark are not read at all, and an index on the cursor is used."""
    from sqlflow_sqlite.kinds import Kind
    from sqlflow_sqlite.pushdown import Column, condition

    database(
        tmp_path,
        "create table t (x integer); create index ix on t(x); with recursive n(i) as"
        "(select 1 union all select i+1 from n where i < 1000) insert into t select i from n;",
    )
    since = CursorRange("x", Bound("991", "BIGINT"))
    assert rows(tmp_path, table="t", since=since).num_rows == 10
    sql, values = condition(since, [Column("x", "integer", Kind("integer"))], utf8=True)
    with closing(sqlite3.connect(tmp_path / "shop.db")) as db:
        plan = db.execute(f"explain query plan select * from t where {sql}", values).fetchall()
    assert all("ix" in line[3] for line in plan if "SEARCH" in line[3] or "SCAN" in line[3]), plan


def test_a_bad_cursor_is_told_though_the_range_would_pass_it_over(tmp_path):
    """A value that is no date comes whatever the range, so that it is told."""
    database(tmp_path, "create table t (x date); insert into t values ('2024-1-5'), ('2024-11-01');")
    with pytest.raises(StepError, match="2024-1-5"):
        rows(tmp_path, table="t", since=CursorRange("x", Bound("2024-10-01", "DATE")))


def test_an_incremental_load_takes_late_ties(tmp_path):
    """A second run reads from the watermark on, and a row that shares it is neither lost nor doubled."""
    file = database(
        tmp_path,
        "create table t (id integer, at timestamp);"
        "insert into t values (1, '2024-01-01 10:00:00'), (2, '2024-01-02 10:00:00');",
    )
    more = "mode: merge\n          key: [id]\n          cursor: at"
    assert run(tmp_path, more=more)[0] == "succeeded"
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("insert into t values (3, '2024-01-02 10:00:00'), (4, '2024-01-03')")
    status, error, table = run(tmp_path, more=more)
    assert status == "succeeded", error
    assert sorted(table.column("id").to_pylist()) == [1, 2, 3, 4]


def test_a_utf16_database_reads_the_same(tmp_path):
    """The encoding of the file is its own affair."""
    database(tmp_path, "pragma encoding = 'UTF-16le'; create table t (x text); insert into t values ('é'), ('z');")
    since = CursorRange("x", Bound("é", "VARCHAR"))
    assert "é" in rows(tmp_path, table="t", since=since).column("x").to_pylist()
