"""The range of a cursor: pushed down where the server compares as the engine does, and nowhere else."""

import pytest

from sqlflow.sdk import Bound, ColumnSpec, CursorRange, Delta

from .reads import numbers, rows

INCREMENTAL = """
    - id: load
      type: load
      source: {connection: pg, table: events}
      target: events
      mode: merge
      key: [id]
      cursor: {column: at, on_null: include}
"""


def test_an_incremental_load_gets_ties_nulls_and_nothing_twice(db):
    """Rows at the watermark itself and rows without a cursor come again; others are not even read."""
    db.run("create table events (id int primary key, at timestamptz, v text)")
    db.run(
        "insert into events select n, '2024-01-01 00:00+00'::timestamptz + n * interval '1 h', 'a' "
        "from generate_series(1, 100) n"
    )
    pipeline = db.spec(INCREMENTAL)
    with pipeline.run() as result:
        assert result.steps[0].rows.read == 100
    db.run(
        "insert into events values (101, (select max(at) from events), 'tie'), (102, null, 'none'), "
        "(103, '2030-01-01', 'new')"
    )
    with pipeline.run() as result:
        assert result.status == "succeeded", result.steps[0].error
        assert result.query('select count(*) as n, count("at") as c from events').to_pylist() == [{"n": 103, "c": 102}]
        assert result.steps[0].rows.read == 4  # the watermark's own row, its tie, the one without, the new one


@pytest.mark.parametrize(
    ("kind", "values", "bound", "type_"),
    [
        ("integer", "1 2 3 4", "3", "INTEGER"),
        ("bigint", "1 2 9223372036854775807", "9223372036854775807", "BIGINT"),
        ("numeric(10,2)", "1.00 2.50 2.51", "2.50", "DECIMAL(10,2)"),
        ("double precision", "0.1 0.2 NaN", "0.2", "DOUBLE"),
        ("date", "2023-12-31 2024-01-01 2024-01-02 infinity", "2024-01-01", "DATE"),
        ("timestamp", "2024-01-01T00:00:00.000001 2024-01-01T00:00:00.000002", "2024-01-01 00:00:00.000002",
         "TIMESTAMP"),
        ("timestamptz", "2024-01-01T00:00:00Z 2024-01-01T01:00:00Z", "2024-01-01 02:00:00+01",
         "TIMESTAMP WITH TIME ZONE"),
        ("text", "B a ä Z", "a", "VARCHAR"),
        ("uuid", "00000000-0000-0000-0000-000000000001 ffffffff-0000-0000-0000-000000000001",
         "ffffffff-0000-0000-0000-000000000001", "UUID"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("typed", [True, False])
def test_a_range_is_pushed_down_exactly(db, kind, values, bound, type_, typed):
    """The server returns the rows of the range and those without a cursor, and leaves out the others."""
    db.run(f"create table t (n int, c {kind})")
    for n, value in enumerate([*values.split(), None]):
        db.run(f"insert into t values (%s, %s::text::{kind})", n, value)
    column = 'c collate "C"' if kind == "text" else "c"
    expected = {row[0] for row in db.run(f"select n from t where {column} >= %s::{kind} or c is null", bound)}
    assert 0 < len(expected) < len(values.split()) + 1
    since = CursorRange("C", Bound(bound, type_ if typed else None))
    assert set(numbers(db, table="t", delta=Delta(since=since))) == expected
    without = CursorRange("c", Bound(bound, type_), inclusive=False, nulls=False)
    lower = set(numbers(db, table="t", delta=Delta(since=without)))
    assert lower < expected
    until = CursorRange("c", upper=Bound(bound, type_), nulls=False)
    assert set(numbers(db, table="t", delta=Delta(since=until))).isdisjoint(expected)


@pytest.mark.parametrize(
    ("kind", "bound", "columns"),
    [
        ("integer", Bound("1.4"), {}),
        ("integer", Bound("x' OR true --"), {}),
        ("timestamp", Bound("2024-01-01 00:00:00+02"), {}),
        ("timestamp", Bound("2024-01-01 00:00:00.1234567"), {}),
        ("text", Bound("2024-01-01", "DATE"), {"c": ColumnSpec(type="date")}),
        ("numeric", Bound("1.00", "DECIMAL(10,2)"), {"c": ColumnSpec(type="decimal(10,2)")}),
    ],
)
def test_in_doubt_everything_is_read(db, kind, bound, columns):
    """A bound that server and engine might read differently is not pushed down: more rows are safe."""
    value = {"integer": "1", "text": "2024-01-01", "numeric": "0.996"}.get(kind, "2024-01-01")
    db.run(f"create table t (c {kind}); insert into t values ('{value}')")
    found = rows(db, table="t", delta=Delta(since=CursorRange("c", bound)), columns=columns)
    assert len(found) == 1


def test_a_naive_bound_of_a_moment_is_read_with_a_day_to_spare(db):
    """Without a zone a bound may mean any of them, so that all rows that it may mean are read."""
    db.run(
        "create table t (c timestamptz); insert into t select '2024-01-10 00:00+00'::timestamptz + n * interval '1 d' "
        "from generate_series(-5, 5) n"
    )
    since = CursorRange("c", Bound("2024-01-09"), upper=Bound("2024-01-10 00:00"), nulls=False)
    assert 2 <= len(rows(db, table="t", delta=Delta(since=since))) <= 4


@pytest.mark.parametrize("kind", ["numeric", "inet", "mood"])
def test_a_cursor_whose_order_is_lost_is_refused(db, kind):
    """A cursor that would arrive as text, and be compared as one, needs its type."""
    db.run(f"create type mood as enum ('b', 'a'); create table events (id int, at {kind}, v text)")
    with db.spec(INCREMENTAL).run() as result:
        error = result.steps[0].error
    assert error["code"] == "SF731"
    assert f"the cursor column 'at' is of type {kind}, which arrives as text" in error["message"]


def test_a_cursor_of_unlimited_numerics_works_with_a_declared_type(db):
    """Declared under columns, 10 comes after 9."""
    db.run("create table events (id int, at numeric, v text); insert into events values (1, 9, ''), (2, 10, '')")
    pipeline = db.spec(INCREMENTAL.rstrip() + "\n      columns: {at: 'decimal(20,4)'}\n")
    assert pipeline.run().status == "succeeded"
    db.run("insert into events values (3, 9.5, ''), (4, 11, '')")
    with pipeline.run() as result:
        assert result.query("select id from events order by id").to_pylist() == [{"id": 1}, {"id": 2}, {"id": 4}]
