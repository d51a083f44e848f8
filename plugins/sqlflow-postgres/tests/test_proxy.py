"""A faulty network before a real server: the rows are all there and right, or the error is clear; never short data."""

import json
import time

import psycopg
import pytest

from tests.faultproxy import Fault

ROWS = 20_000
WHOLE = {"n": ROWS, "s": ROWS * (ROWS + 1) // 2, "v": 100}
LOAD = """
- {id: load, type: load, source: {connection: pg, table: t, batch_bytes: 100000}, target: t, retry: RETRY}
"""
#: Into the greeting, into what is asked of the catalog, into the rows, and near their end.
PLACES = [10, 700, 300_000, 2_000_000]
FAULTS = [Fault("drop"), *(Fault(kind, after) for kind in ("truncate", "reset", "stall") for after in PLACES)]


def named(fault):
    """Name a fault."""
    return f"{fault.kind}-{fault.after}{'-up' if fault.upstream else ''}"


@pytest.fixture
def spoiled(db, fault_proxy):
    """Bring a table, and a document whose connection goes through a proxy and is out of patience after a second."""
    db.run(f"create table t as select n as id, repeat('x', 100) as v from generate_series(1, {ROWS}) n")
    proxy = fault_proxy(db.port)

    def pipeline(steps, more="timeout: 1s"):
        settings = json.dumps({"connector": "postgres", **db.config, "port": proxy.port}, ensure_ascii=False)
        return db.spec(steps, connection=f"{settings[:-1]}, {more}}}")

    return proxy, pipeline


def state(result):
    """Return what the loaded table holds."""
    return result.query("select count(*) as n, sum(id) as s, max(length(v)) as v from t").to_pylist()[0]


@pytest.mark.parametrize("fault", FAULTS, ids=named)
def test_a_fault_that_stays_is_a_clear_error(spoiled, fault):
    """When every connection is spoiled so, the step fails in a way that may pass, soon, and its target is unchanged."""
    proxy, pipeline = spoiled
    load = LOAD.replace("RETRY", "{attempts: 2, delay: 10ms}")
    with pipeline(load).run() as result:
        assert state(result) == WHOLE
    proxy.fault, before = fault, time.monotonic()
    with pipeline(load).run() as result:
        step = result.steps[0]
        assert (step.status, step.error["kind"], step.attempts) == ("failed", "transient", 2), step.error
        assert proxy.spoiled
        assert state(result) == WHOLE
    assert time.monotonic() - before < 20


@pytest.mark.parametrize("fault", FAULTS, ids=named)
def test_a_fault_that_passes_costs_no_row(spoiled, fault):
    """When the next connections are whole, the retries of connection and step bring every row once."""
    proxy, pipeline = spoiled
    proxy.fault, proxy.times = fault, 2
    more = "timeout: 1s, retry: {attempts: 2, delay: 10ms}"
    with pipeline(LOAD.replace("RETRY", "{attempts: 4, delay: 10ms}"), more).run() as result:
        assert result.steps[0].status == "succeeded", result.steps[0].error
        assert state(result) == WHOLE
    assert proxy.spoiled


def test_a_slow_network_brings_every_row(spoiled):
    """A server that sends little at a time is not silent."""
    proxy, pipeline = spoiled
    proxy.fault = Fault("slow")
    with pipeline(LOAD.replace("RETRY", "{attempts: 1}"), "timeout: 10s").run() as result:
        assert result.steps[0].status == "succeeded", result.steps[0].error
        assert state(result) == WHOLE


WRITES = [Fault(kind, after, upstream=True) for kind in ("truncate", "reset", "stall") for after in (2000, 300_000)]


@pytest.mark.parametrize("mode", ["replace", "append", "merge"])
@pytest.mark.parametrize("fault", WRITES, ids=named)
def test_a_write_is_whole_or_not_there(spoiled, db, fault, mode):
    """A spoiled write leaves the old rows, and its repetition writes every row once."""
    proxy, pipeline = spoiled
    db.run("create table back (id bigint primary key, v text); insert into back values (-1, 'old')")
    key = ", key: [id]" if mode == "merge" else ""
    steps = f"""
        - {{id: made, type: transform, target: o, sql: "select i as id, 'yyyyyyyy' as v from range({ROWS}) r(i)"}}
        - {{id: out, type: export, source: o, target: {{connection: pg, table: back}}, mode: {mode}{key},
           retry: {{attempts: ATTEMPTS, delay: 10ms}}}}
        """
    proxy.fault = fault
    with pipeline(steps.replace("ATTEMPTS", "1")).run() as result:
        assert (result.steps[1].status, result.steps[1].error["kind"]) == ("failed", "transient"), result.steps[1].error
    assert proxy.spoiled
    assert db.run("select id, v from back") == [(-1, "old")]
    proxy.times, proxy.spoiled = 1, 0
    with pipeline(steps.replace("ATTEMPTS", "3"), "timeout: 3s").run() as result:
        assert result.steps[1].status == "succeeded", result.steps[1].error
    assert db.run("select count(*), count(distinct id) from back where id >= 0") == [(ROWS, ROWS)]


def test_a_backend_that_is_killed_in_the_middle(spoiled, db):
    """A read whose backend dies behind its first rows is not short: the step's retry brings every row."""
    _, pipeline = spoiled
    db.run("create function slow(bigint) returns bigint language plpgsql as "
           "'begin if $1 = 15000 then perform pg_sleep(0.7); end if; return $1; end'")  # fmt: skip
    load = """
- id: load
  type: load
  source: {connection: pg, query: "select slow(id) as id, v from t", batch_bytes: 100000}
  target: t
  retry: {attempts: 2, delay: 10ms}
"""
    import threading

    def kill():
        where = {**db.config, "dbname": db.config["database"]}
        where.pop("database")
        with psycopg.connect(**where, autocommit=True) as watching:
            for _ in range(500):
                killed = watching.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where state = 'active' "
                    "and application_name = 'sqlflow' and query like 'COPY%slow(%' and wait_event = 'PgSleep'"
                ).fetchall()
                if killed:
                    return
                time.sleep(0.02)

    thread = threading.Thread(target=kill)
    thread.start()
    with pipeline(load, "timeout: 10s, retry: {attempts: 3, delay: 10ms}").run() as result:
        thread.join()
        assert (result.steps[0].status, result.steps[0].attempts) == ("succeeded", 2), result.steps[0].error
        assert state(result) == WHOLE
