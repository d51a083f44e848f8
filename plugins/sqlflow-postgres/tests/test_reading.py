"""Reading as a whole: what is asked of the server, in what pieces rows come, and what happens when it goes wrong."""

import threading
import time
from pathlib import Path

import pytest
from sqlflow_postgres.connector import Postgres
from sqlflow_postgres.options import PostgresConfig, PostgresRead

from sqlflow.sdk import Bound, ColumnSpec, CursorRange, Delta, ReadRequest, RunInterrupted, StepError, TransientError


def request(db, delta=None, columns=None, **options):
    """Ask for rows of a database."""
    config = PostgresConfig(**db.config)
    return ReadRequest(config, PostgresRead(**options), Path(), columns or {}, delta=delta or Delta())


def rows(db, **options):
    """Read everything at once."""
    reader = Postgres().read(request(db, **options)).open()
    try:
        return reader.read_all().to_pylist()
    finally:
        reader.close()


def numbers(db, **options):
    """Read everything and return the numbers in the column n; Python has no infinite dates."""
    reader = Postgres().read(request(db, **options)).open()
    try:
        return reader.read_all().column("n").to_pylist()
    finally:
        reader.close()


def wait_until(condition, seconds=10):
    """Wait for something to become true, and fail when it does not."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.02)


def test_a_query_is_run_by_the_server(db):
    """A query is the server's own SQL, whatever ends or comments it has; its columns may be narrowed."""
    db.run("create table t as select n, 'x' || n as name, n % 2 as odd from generate_series(1, 4) n")
    found = rows(
        db, query="select *, '100%'::text as p from t where name ~ 'x[12]' -- these\n ;\n", select=["name", "P"]
    )
    assert found == [{"name": "x1", "p": "100%"}, {"name": "x2", "p": "100%"}]


def test_select_keeps_order_and_names_what_is_missing(db):
    """Only the listed columns are read, in their order; one that is not there is named."""
    db.run("create table t as select 1 as a, 2 as b, 3 as c")
    assert list(rows(db, table="t", select=["c", "a"])[0].items()) == [("c", 3), ("a", 1)]
    with pytest.raises(StepError, match="column 'bb' is listed under select but t does not have it; it has: a, b, c"):
        rows(db, table="t", select=["bb"])


def test_rows_stream_in_batches(db):
    """A batch is about as large as asked for, and the first arrives before the last was computed."""
    db.run("create table t as select repeat('x', 1000) as v from generate_series(1, 20000)")
    reader = Postgres().read(request(db, table="t", batch_bytes=200_000)).open()
    try:
        sizes = [batch.num_rows for batch in reader]
    finally:
        reader.close()
    assert sum(sizes) == 20_000
    assert max(sizes) < 1000


def test_closing_the_reader_cancels_the_query(db):
    """A reader that is closed early leaves nothing running on the server."""
    slow = "select n, pg_sleep(0.001)::text from generate_series(1, 1000000) n"
    reader = Postgres().read(request(db, query=slow, batch_bytes=1000)).open()
    reader.read_next_batch()
    assert db.backends() == 1
    reader.close()
    wait_until(lambda: db.backends() == 0, 3)
    with pytest.raises(StopIteration):
        reader.read_next_batch()


def test_a_waiting_read_can_be_cancelled(db):
    """A read that waits for the server ends at once when another thread cancels it."""
    stream = Postgres().read(request(db, query="select pg_sleep(60)::text"))
    threading.Timer(0.5, stream.cancel).start()
    started = time.monotonic()
    with pytest.raises(RunInterrupted), stream.open() as reader:
        reader.read_all()
    assert time.monotonic() - started < 5
    assert db.backends() == 0


def test_a_step_that_times_out_ends_at_once(db):
    """The timeout of a step reaches a query that the server is still computing."""
    steps = """
        - id: slow
          type: load
          source: {connection: pg, query: "select pg_sleep(60)::text as v"}
          target: t
          timeout: 1s
        """
    started = time.monotonic()
    with db.spec(steps).run() as result:
        assert result.steps[0].error["code"] == "SF704"
    assert time.monotonic() - started < 20
    assert db.backends() == 0


def test_a_reader_cannot_write(db):
    """Queries run read-only, so that reading twice is safe."""
    db.run(
        "create table t (n int); create function f() returns int language sql as 'insert into t values (1) returning n'"
    )
    with pytest.raises(StepError, match="read-only transaction"):
        rows(db, query="select f()")


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


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("integer", "n"),
        ("bigint", "n * 92233720368547758"),
        ("numeric(12,2)", "n / 3.0"),
        ("date", "'2024-01-01'::date + n"),
        ("timestamptz", "'2024-01-01'::timestamptz + n * interval '1 min'"),
        ("timestamp", "case when n = 3 then 'infinity' when n = 4 then '-infinity' else '2024-01-01'::timestamp end"),
    ],
)
@pytest.mark.parametrize("partitions", [2, 5])
def test_partitions_hold_every_row_once(db, kind, value, partitions):
    """Cut into ranges a table has the same rows: NULLs, infinities and the two ends included."""
    db.run(f"create table t as select n, ({value})::{kind} as k from generate_series(-100, 100) n")
    db.run("insert into t values (1000, null), (1001, null)")
    found = numbers(db, table="t", partition_on="k", partitions=partitions)
    assert sorted(found) == [*range(-100, 101), 1000, 1001]


def test_partitions_see_one_snapshot(db):
    """Rows that move from one range into another while they are read are neither lost nor doubled."""
    db.run("create table t as select n as k, repeat('x', 500) as v from generate_series(1, 20000) n")
    reader = Postgres().read(request(db, table="t", partition_on="k", partitions=8, batch_bytes=10_000)).open()
    try:
        seen = [reader.read_next_batch()]
        db.run("update t set k = 20001 - k; insert into t values (5, 'new'); delete from t where k > 15000")
        seen += list(reader)
    finally:
        reader.close()
    assert sorted(k for batch in seen for k in batch.column(0).to_pylist()) == list(range(1, 20001))


def test_partitions_end_together(db):
    """A reader of partitions that is closed early, or fails in one of them, leaves nothing behind."""
    db.run("create table t as select n as k, repeat('x', 1000) as v from generate_series(1, 20000) n")
    reader = Postgres().read(request(db, table="t", partition_on="k", partitions=4, batch_bytes=5000)).open()
    reader.read_next_batch()
    reader.close()
    everything = "select count(*) from pg_stat_activity where application_name = 'sqlflow' and datname = %s"
    wait_until(lambda: db.run(everything, db.name)[0][0] == 0, 5)
    with pytest.raises(StepError, match="division by zero"):
        rows(db, query="select k, 1 / (k - 19999) as v from t", partition_on="k", partitions=4)
    wait_until(lambda: db.run(everything, db.name)[0][0] == 0, 5)


def test_partitions_need_a_column_that_can_be_cut(db):
    """A column that is not there, or has no ranges, is told before anything is read."""
    db.run("create table t (k int, v text)")
    with pytest.raises(StepError, match="'nope', which is not among the columns"):
        rows(db, table="t", partition_on="nope", partitions=2)
    with pytest.raises(StepError, match="'v' of type text, which cannot be cut"):
        rows(db, table="t", partition_on="v", partitions=2)
    assert rows(db, table="t", partition_on="k", partitions=2) == []


def test_a_missing_table_is_named_with_its_neighbours(db):
    """The message says what is missing, where, and what may have been meant."""
    db.run("create schema shop; create table shop.orders (n int)")
    with pytest.raises(StepError, match=r"table shop\.order does not exist") as raised:
        rows(db, table="shop.order")
    assert (raised.value.kind, raised.value.code) == ("not_found", "SF708")
    assert "shop.orders" in raised.value.hint


def test_a_bad_query_is_explained(db):
    """A query that does not parse or names what is not there is told in the server's words."""
    with pytest.raises(StepError, match="syntax error at or near"):
        rows(db, query="selec 1")
    with pytest.raises(StepError, match='column "nope" does not exist') as raised:
        rows(db, query="select nope")
    assert raised.value.kind == "not_found"
    with pytest.raises(StepError, match="division by zero") as raised:
        rows(db, query="select 1 / (n - 5000) from generate_series(1, 10000) n")
    assert raised.value.kind == "bad_data"


def test_a_lost_connection_is_transient(db):
    """A server that ends the connection in the middle is worth another try."""
    db.run("create table t as select repeat('x', 1000) as v from generate_series(1, 100000)")
    reader = Postgres().read(request(db, table="t", batch_bytes=10_000)).open()
    reader.read_next_batch()
    db.run(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sqlflow' and datname = %s",
        db.name,
    )
    with pytest.raises(TransientError, match="lost while reading t"):
        for _ in reader:
            pass


def test_a_lost_connection_is_tried_again(db):
    """A step with a retry that loses its connection succeeds the second time, with every row once."""
    db.run("create sequence tries; create table t as select n from generate_series(1, 1000) n")
    db.run("""create function flaky() returns int language plpgsql as $$ begin
        if (select count(*) from pg_stat_activity where application_name = 'marker') = 0 then
            perform pg_sleep(30); end if; return 1; end $$""")
    steps = """
        - id: load
          type: load
          source: {connection: pg, query: "select n, flaky() as f from t where n > 0"}
          target: t
          retry: {attempts: 3, delay: 100ms}
        """
    import psycopg

    def breaks():
        copying = (
            "select 1 from pg_stat_activity where datname = %s and state = 'active' and query like 'COPY%%flaky%%'"
        )
        wait_until(lambda: db.run(copying, db.name))
        with psycopg.connect(
            **{("dbname" if k == "database" else k): v for k, v in db.config.items()}, application_name="marker"
        ) as marker:
            marker.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sqlflow'")
            done.wait(20)

    done = threading.Event()
    thread = threading.Thread(target=breaks)
    thread.start()
    try:
        with db.spec(steps).run() as result:
            assert result.status == "succeeded", result.steps[0].error
            assert result.steps[0].attempts == 2
            assert result.query("select count(*) as n from t").to_pylist() == [{"n": 1000}]
    finally:
        done.set()
        thread.join()


def test_statements_may_be_limited(db):
    """A statement that takes longer than `statement_timeout` is ended by the server, and may be tried again."""
    config = PostgresConfig(**db.config, statement_timeout="300ms")
    stream = Postgres().read(ReadRequest(config, PostgresRead(query="select pg_sleep(30)::text"), Path()))
    with pytest.raises(TransientError, match="statement timeout"), stream.open() as reader:
        reader.read_all()


def test_tables_that_change_while_they_are_read_are_noticed(db, monkeypatch):
    """Columns that are not those that were described are an error, not a surprise."""
    import sqlflow_postgres.reading as module

    db.run("create table t (n int); insert into t values (1)")
    described = module.described

    def altering(*args):
        found = described(*args)
        db.run("alter table t alter n type text")
        return found

    monkeypatch.setattr(module, "described", altering)
    with pytest.raises(TransientError, match="the columns of t changed while they were read: n"):
        rows(db, table="t")
