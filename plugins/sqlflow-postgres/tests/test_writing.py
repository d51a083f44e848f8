"""Writing: every mode on an empty and on a full target, types both ways, and what is left when it breaks off."""

import threading
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from sqlflow_postgres.connector import Postgres
from sqlflow_postgres.options import PostgresConfig, PostgresWrite

from sqlflow.sdk import RunInterrupted, StepError, TransientError, WriteRequest

from .writes import Outgoing, done, export, write

MODES = {
    "replace": ("", [(2, "B"), (3, "C")]),
    "append": ("", [(1, "a"), (2, "B"), (2, "b"), (3, "C")]),
    "merge": ("key: [id]", [(1, "a"), (2, "B"), (3, "C")]),
    "delete_insert": ("key: [id]", [(1, "a"), (2, "B"), (3, "C")]),
}


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_means_what_it_says(db, mode):
    """Every mode creates a table that is not there, and meets one that is as the design says; via a document."""
    more, expected = MODES[mode]
    step = done(db, export("select * from (values (1, 'a'), (2, 'b')) as v(id, name)", mode, more))
    assert step.rows.inserted == 2
    assert step.outputs == (f"127.0.0.1:{db.port}/{db.name}:public.t",)
    done(db, export("select * from (values ('B', 2), ('C', 3)) as v(name, id)", mode, more))
    assert sorted(db.run("select id, name from t")) == expected


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("there", [True, False])
def test_no_rows(db, mode, there):
    """Replacing by nothing leaves an empty table with the right columns; other modes change nothing."""
    if there:
        db.run("create table t (id int, name text); insert into t values (1, 'a')")
    key = ["id"] if "key" in MODES[mode][0] else []
    write(db, "select 1::int as id, 'x' as name where false", mode, key)
    assert db.run("select * from t") == ([(1, "a")] if there and mode != "replace" else [])
    assert [
        row[0]
        for row in db.run("select column_name::text from information_schema.columns where table_name = 't' order by 1")
    ] == ["id", "name"]


@pytest.mark.parametrize(
    "unique",
    [
        "",
        "create unique index on t (a, b)",
        "create unique index on t (a, b) where a > 0",
        "alter table t add primary key (b, a)",
        "create unique index on t (a)",
    ],
)
def test_merge_updates_what_differs(db, unique):
    """With a unique index or without, changed rows are updated, equal ones untouched, new ones inserted."""
    db.run("create table t (a int, b text, v text, j json, n numeric(10,2), extra int default 7)")
    db.run(f"insert into t values (1, 'x', 'old', '{{}}', 1.5), (2, 'x', 'same', '{{}}', null); {unique}")
    before = dict(db.run("select a, xmin::text from t"))
    write(
        db,
        """select * from (values (1, 'x', 'new', '{}'::json, 1.5), (2, 'x', 'same', '{}', null),
        (3, 'ä', null, '{}', 0.01)) as v(a, b, v, j, n)""",
        "merge",
        ["A", "b"],
    )
    assert db.run("select a, b, v, n, extra from t order by a") == [
        (1, "x", "new", Decimal("1.50"), 7), (2, "x", "same", None, 7), (3, "ä", None, Decimal("0.01"), 7)
    ]  # fmt: skip
    after = dict(db.run("select a, xmin::text from t"))
    assert after[2] == before[2]
    assert after[1] != before[1]


def test_merge_with_nothing_but_a_key(db):
    """A table of keys only gets the new ones."""
    write(db, "select unnest([1, 2]) as id", "merge", ["id"])
    write(db, "select unnest([2, 3]) as id", "merge", ["id"])
    assert sorted(db.run("select id from t")) == [(1,), (2,), (3,)]
    with pytest.raises(psycopg.errors.UniqueViolation):
        db.run("insert into t values (1)")


def test_delete_insert_replaces_groups(db):
    """A key names a group of rows, which is replaced as a whole."""
    db.run(
        "create table t (day date, n int); insert into t values ('2024-01-01', 1), ('2024-01-01', 2), ('2024-01-02', 3)"
    )
    write(db, "select date '2024-01-01' as day, unnest([7, 8, 8]) as n", "delete_insert", ["day"])
    assert sorted(n for _, n in db.run("select * from t")) == [3, 7, 8, 8]


@pytest.mark.parametrize("there", [True, False])
def test_duplicate_keys_are_refused_with_samples(db, there):
    """Keys that occur twice in a merge stop it, and the message shows them."""
    if there:
        db.run("create table t (id int, v int); insert into t values (1, 1)")
    with pytest.raises(StepError, match=r"duplicate keys in the rows for public.t: id = 1 \(2 rows\)") as raised:
        write(db, "select unnest([1, 1, 2]) as id, 5 as v", "merge", ["id"])
    assert raised.value.code == "SF705"
    assert not there or db.run("select * from t") == [(1, 1)]


def test_a_value_that_speaks_of_interrupting_interrupts_nothing(db):
    """What a row holds is not taken for what the engine says of itself."""
    with pytest.raises(StepError, match="Could not convert string 'interruption'"):
        write(db, "select (case when range = 9999 then 'interruption' else '1' end)::int as v from range(10000)")


@pytest.mark.parametrize("mode", ["merge", "delete_insert"])
def test_a_key_that_is_null_is_refused(db, mode):
    """A key without a value identifies nothing."""
    with pytest.raises(StepError, match=r"key column 'id' is NULL in 2 of the rows for public\.t"):
        write(db, "select unnest([1, null, null]) as id", mode, ["id"])
    with pytest.raises(StepError, match="key column 'nope' is not in the rows"):
        write(db, "select 1 as id", mode, ["nope"])


@pytest.mark.parametrize("mode", MODES)
def test_a_write_that_breaks_off_leaves_the_old_rows(db, mode):
    """Rows that fail late, and a connection that is ended, leave the table as it was, and nothing beside it."""
    db.run("create table t (id int, v int); insert into t values (1, 1)")
    key = ["id"] if "key" in MODES[mode][0] else []
    with pytest.raises(StepError, match="Could not convert string 'x'"):
        write(
            db,
            "select range::int as id, (case when range = 9999 then 'x' else '1' end)::int as v from range(10000)",
            mode,
            key,
        )

    request = WriteRequest(PostgresConfig(**db.config), PostgresWrite(table="t"), Path(), mode, key, "r/s/1")
    with pytest.raises(TransientError):
        Postgres().write(request, Slow(db))
    assert db.run("select * from t") == [(1, 1)]
    assert db.run(
        "select count(*) from pg_class c join pg_namespace n on n.oid = relnamespace "
        "where relname like '\\_sqlflow%' and nspname = 'public' and relkind = 'r'"
    ) == [(0,)]


class Slow(Outgoing):
    """Rows whose writer loses its connection in the middle."""

    def __init__(self, db):
        super().__init__("select range::int as id, 1 as v from range(200000)")
        self.db = db

    def batches(self):
        """Stream the rows, and end every connection in the middle."""
        import pyarrow as pa

        reader = super().batches()

        def ending():
            for number, batch in enumerate(reader):
                if number == 50:
                    self.db.run(
                        "select pg_terminate_backend(pid) from pg_stat_activity "
                        "where application_name = 'sqlflow' and datname = %s",
                        self.db.name,
                    )
                yield batch

        return pa.RecordBatchReader.from_batches(reader.schema, ending())


def test_an_interrupted_query_interrupts_the_write(db):
    """Rows that stop because the run was stopped are no failure of the data."""

    class Interrupted(Outgoing):
        def batches(self):
            threading.Timer(0.5, self.connection.interrupt).start()
            return super().batches()

    request = WriteRequest(PostgresConfig(**db.config), PostgresWrite(table="t"), Path())
    with pytest.raises(RunInterrupted):
        Postgres().write(request, Interrupted("select range::int as id from range(2000000000)"))
    assert db.run("select to_regclass('t')") == [(None,)]


def test_what_cannot_be_written_to(db):
    """A view, a table that may not be created, a name too long and a schema that is not there are each told."""
    db.run("create view v as select 1 as id")
    with pytest.raises(StepError, match=r"public\.v is a view"):
        write(db, "select 1 as id", table="v")
    with pytest.raises(StepError, match=r"table public\.t does not exist") as raised:
        write(db, "select 1 as id", create=False)
    assert raised.value.kind == "not_found"
    with pytest.raises(StepError, match="longer than 63 bytes"):
        write(db, "select 1 as " + "x" * 64)
    write(db, "select 1 as id", table='"New Schema"."My Table"')
    assert db.run('select * from "New Schema"."My Table"') == [(1,)]
    write(db, "select 2 as id", table="New.Things")
    assert db.run("select * from new.things") == [(2,)]


def test_a_role_without_rights_is_told(db):
    """Missing permissions are sorted as such."""
    db.run("create table t (id int); create role no_writer login password 'pw'")
    try:
        config = PostgresConfig(**{**db.config, "user": "no_writer", "password": "pw"})
        request = WriteRequest(config, PostgresWrite(table="t"), Path(), "merge", ["id"])
        with pytest.raises(StepError, match="permission denied for table t") as raised:
            Postgres().write(request, Outgoing("select 1 as id"))
        assert (raised.value.kind, raised.value.code) == ("permission", "SF713")
    finally:
        db.run("drop owned by no_writer; drop role no_writer")


def test_two_writers_of_one_table_wait_for_each_other(db):
    """Merges of the same keys at the same time into a table without an index leave each key once."""
    db.run("create table t (id int, v int)")
    failed = []

    def merges(n):
        try:
            write(db, f"select range::int as id, {n} as v from range(500)", "merge", ["id"])
        except StepError as error:
            failed.append(error)

    threads = [threading.Thread(target=merges, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert db.run("select count(*), count(distinct id), count(distinct v) from t") == [(500, 500, 1)]
