"""Reading as a whole: what is asked of the server, in what pieces rows come, and what happens when it goes wrong."""

import threading
import time
from pathlib import Path

import pytest
from sqlflow_postgres.connector import Postgres
from sqlflow_postgres.options import PostgresConfig, PostgresRead

from sqlflow.sdk import ReadRequest, RunInterrupted, StepError, TransientError

from .reads import request, rows, wait_until


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
