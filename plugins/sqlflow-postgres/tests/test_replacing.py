"""Replacing a table: what hangs on it is kept or told, and readers see the old rows or the new ones."""

import threading

import psycopg
import pytest

from sqlflow.sdk import StepError

from .writes import write


def test_replace_keeps_what_hangs_on_the_table(db):
    """Owner, grants, indexes, keys, comments and NOT NULL survive, even against default privileges."""
    db.run("create role owner_; create role reader; create role other")
    try:
        db.run("""create table t (id int not null, name text, code varchar(5), old int);
            alter table t owner to owner_;
            alter table t add constraint t_key primary key (id), add constraint t_code unique (code);
            create index t_lower on t (lower(name)) where id > 0; create index "T x" on t using hash (name);
            comment on table t is 'it''s t'; comment on column t.name is 'name';
            grant select on t to reader; grant update (name) on t to reader with grant option;
            grant insert on t to public;
            alter default privileges grant all on tables to other""")
        write(db, "select 1 as id, 'a' as name, 'x' as code, 5 as fresh")
        assert db.run("select id, name, code, fresh from t") == [(1, "a", "x", 5)]
        assert db.run("select tableowner::text from pg_tables where tablename = 't'") == [("owner_",)]
        indexes = db.run("select indexname::text, indexdef from pg_indexes where tablename = 't' order by 1")
        assert [name for name, _ in indexes] == ["T x", "t_code", "t_key", "t_lower"]
        assert "lower(name)) WHERE (id > 0)" in indexes[3][1]
        keys = "select conname::text from pg_constraint where conrelid = 't'::regclass and contype in ('p', 'u')"
        assert sorted(db.run(keys)) == [
            ("t_code",), ("t_key",)
        ]  # fmt: skip
        assert db.run("select obj_description('t'::regclass), col_description('t'::regclass, 2)") == [
            ("it's t", "name")
        ]
        can = "select has_table_privilege(%s, 't', 'select'), has_table_privilege(%s, 't', 'insert')"
        assert db.run(can, "reader", "other") == [(True, True)]
        assert db.run(
            "select has_table_privilege('other', 't', 'select'), has_column_privilege('reader', 't', 'name', "
            "'update with grant option')"
        ) == [(False, True)]
        db.run("alter table t drop constraint t_key")
        with pytest.raises(StepError, match="contains null values"):
            write(db, "select null::int as id, 'b' as name, 'y' as code")
        assert db.run("select id from t") == [(1,)]
    finally:
        db.run("drop owned by owner_, reader, other; drop role owner_, reader, other")


def test_replace_keeps_only_what_it_is_told(db):
    """An empty `keep` starts afresh; a unique index that the new rows break keeps the old ones."""
    db.run(
        "create table t (id int); create unique index u on t (id); comment on table t is 'x'; insert into t values (9)"
    )
    with pytest.raises(StepError, match="could not create unique index"):
        write(db, "select unnest([1, 1]) as id")
    assert db.run("select * from t") == [(9,)]
    write(db, "select unnest([1, 1]) as id", keep=["comments"])
    assert db.run("select obj_description('t'::regclass), (select count(*) from pg_indexes where tablename = 't')") == [
        ("x", 0)
    ]


TRIGGER = """create function f() returns trigger language plpgsql as 'begin return new; end';
    create trigger tr after insert on t for each row execute function f()"""


@pytest.mark.parametrize(
    ("sql", "thing"),
    [
        ("create view v as select id from t", "view v"),
        (TRIGGER, "trigger tr"),
        ("alter table t enable row level security", "row security"),
        ("alter table t add constraint c check (id < 100)", "check c"),
        ("alter table t alter id set default 5", "default of id"),
        (
            "alter table t add primary key (id); create table u (id int constraint fk references t)",
            "foreign key of u: fk",
        ),
        ("alter table t set (fillfactor = 50)", "storage settings"),
    ],
)
def test_replace_loses_nothing_silently(db, sql, thing):
    """What a new table would not have stops the replacing, unless rows are deleted and inserted."""
    db.run(f"create table t (id int); insert into t values (1); {sql}")
    with pytest.raises(StepError, match=f"that would lose: {thing}") as raised:
        write(db, "select 2 as id")
    assert "replace_by: delete" in raised.value.hint
    assert db.run("select * from t") == [(1,)]
    if "references" not in sql:
        write(db, "select 2 as id", replace_by="delete")
        assert db.run("select * from t") == [(2,)]


@pytest.mark.parametrize("replace_by", ["rename", "delete"])
def test_readers_see_the_old_rows_or_the_new_ones(db, replace_by):
    """While a table is replaced again and again, nobody ever finds it empty, half full or missing."""
    write(db, "select 0 as v from range(2000)")
    seen, stop = set(), threading.Event()

    def reads():
        where = {("dbname" if k == "database" else k): v for k, v in db.config.items()}
        with psycopg.connect(**where, autocommit=True) as connection:
            while not stop.is_set():
                seen.update(connection.execute("select count(*), count(distinct v) from t").fetchall())

    thread = threading.Thread(target=reads)
    thread.start()
    try:
        for n in range(1, 6):
            write(db, f"select {n} as v from range(2000)", replace_by=replace_by)
    finally:
        stop.set()
        thread.join()
    assert seen == {(2000, 1)}
