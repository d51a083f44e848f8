"""Reading in parallel: every row once, all of one snapshot, and an end together."""

import pytest
from sqlflow_postgres.connector import Postgres

from sqlflow.sdk import StepError

from .reads import numbers, request, rows, wait_until


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
