"""Writing: every mode on an empty and on a full target, types both ways, and what is left when it breaks off."""

import threading
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import psycopg
import pytest
from sqlflow_postgres.connector import Postgres
from sqlflow_postgres.options import PostgresConfig, PostgresWrite

from sqlflow.sdk import Column, RunInterrupted, SchemaChanged, StepError, TableSchema, TransientError, WriteRequest


class Outgoing:
    """The rows of a DuckDB query on their way out, as an engine hands them over."""

    dialect = "duckdb"

    def __init__(self, sql):
        self.connection = duckdb.connect()
        self.connection.execute("set timezone = 'UTC'")
        self.sql = sql
        described = self.connection.execute(f"describe {sql}").fetchall()
        self.schema = TableSchema(tuple(Column(row[0], row[1]) for row in described))

    def copy(self, statement):
        """Refuse: rows go out as batches."""
        raise AssertionError("rows go out as batches")

    def batches(self):
        """Stream the rows."""
        return self.connection.sql(self.sql).to_arrow_reader(1000)


def write(db, sql, mode="replace", key=(), token="", **options):
    """Write the rows of a query into the table t."""
    given = PostgresWrite(**{"table": "t", **options})
    request = WriteRequest(PostgresConfig(**db.config), given, Path(), mode, key, token)
    return Postgres().write(request, Outgoing(sql))


def export(sql, mode, more=""):
    """Return an export step whose rows are those of a query."""
    return f"""
        - id: out
          type: export
          sql: {sql}
          target: {{connection: pg, table: t}}
          mode: {mode}
          {more}
        """


def done(db, steps):
    """Run a document and see its one step succeed."""
    with db.spec(steps).run() as result:
        assert result.status == "succeeded", result.steps[0].error
        return result.steps[0]


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


@pytest.mark.parametrize("mode", ["merge", "delete_insert"])
def test_a_key_that_is_null_is_refused(db, mode):
    """A key without a value identifies nothing."""
    with pytest.raises(StepError, match=r"key column 'id' is NULL in 2 of the rows for public\.t"):
        write(db, "select unnest([1, null, null]) as id", mode, ["id"])
    with pytest.raises(StepError, match="key column 'nope' is not in the rows"):
        write(db, "select 1 as id", mode, ["nope"])


def test_an_append_is_written_once(db):
    """A repeated append of one step of one run writes nothing, whichever attempt; another run writes again."""
    assert write(db, "select 1 as id", "append", token="run1/out/1").rows == 1
    again = write(db, "select 1 as id", "append", token="run1/out/2")
    assert (again.rows, db.run("select * from t")) == (0, [(1,)])
    assert "already committed" in again.places[0]
    write(db, "select 2 as id", "append", token="run1/other/1")
    write(db, "select 3 as id", "append", token="run2/out/1")
    assert sorted(db.run("select * from t")) == [(1,), (2,), (3,)]
    db.run("create table u (id int)")
    assert write(db, "select 1 as id", "append", token="run1/out/1", table="u").rows == 1


def test_an_append_needs_no_consent(db):
    """A document may append, and saying at_least_once is told to have no effect."""
    steps = export("select 1 as id", "append")
    done(db, steps)
    done(db, steps)
    assert db.run("select * from t") == [(1,), (1,)]
    found = db.spec(export("select 1 as id", "append", "at_least_once: true")).validate()
    assert [problem.message for problem in found] == [
        "step 'out': at_least_once has no effect: connector 'postgres' recognises an append that is repeated"
    ]


def test_a_failed_append_leaves_no_token(db):
    """What was rolled back may be tried again."""
    db.run("create table t (id int check (id < 5))")
    with pytest.raises(StepError, match="violates check constraint"):
        write(db, "select 7 as id", "append", token="run/out/1")
    assert write(db, "select 4 as id", "append", token="run/out/2").rows == 1


def test_the_token_table_that_may_not_be_created_is_told(db):
    """Without the right to create it, the message says what is missing."""
    db.run(
        "create schema s; create table s.t (id int); create role writer login password 'pw'; "
        "grant usage on schema s to writer; grant all on s.t to writer"
    )
    try:
        config = PostgresConfig(**{**db.config, "user": "writer", "password": "pw"})
        request = WriteRequest(config, PostgresWrite(table="s.t"), Path(), "append", (), "r/s/1")
        with pytest.raises(StepError, match=r"an append is recorded in s\._sqlflow_commits") as raised:
            Postgres().write(request, Outgoing("select 1 as id"))
        assert raised.value.kind == "permission"
    finally:
        db.run("drop owned by writer; drop role writer")


VALUES = {
    "boolean": ("boolean", "true", "true"),
    "utinyint": ("smallint", "255", "255"),
    "bigint": ("bigint", "-9223372036854775808", "-9223372036854775808"),
    "ubigint": ("numeric(20,0)", "18446744073709551615", "18446744073709551615"),
    "hugeint": ("numeric(39,0)", "170141183460469231731687303715884105727", "170141183460469231731687303715884105727"),
    "float": ("real", "1.1", "1.1"),
    "double": ("double precision", "-inf", "-Infinity"),
    "decimal(38,10)": ("numeric(38,10)", "9999999999999999999999999999.0000000001",
                       "9999999999999999999999999999.0000000001"),
    "varchar": ("text", "ä€𝄞 \"q\", 'x'\n\\N \\.", "ä€𝄞 \"q\", 'x'\n\\N \\."),
    "blob": ("bytea", "\\x00\\xFF", "\\x00ff"),
    "date": ("date", "infinity", "infinity"),
    "timestamp": ("timestamp without time zone", "2024-02-29 12:00:00.000001", "2024-02-29 12:00:00.000001"),
    "timestamptz": ("timestamp with time zone", "2024-07-01 12:00:00+02", "2024-07-01 10:00:00+00"),
    "time": ("time without time zone", "24:00:00", "24:00:00"),
    "interval": ("interval", "1 year 2 days 00:00:03.5", "1 year 2 days 00:00:03.5"),
    "uuid": ("uuid", "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000001"),
    "json": ("jsonb", '{"a": [1, null]}', '{"a": [1, null]}'),
    "enum('a', 'b')": ("text", "b", "b"),
    "integer[]": ("integer[]", "[1, NULL]", "{1,NULL}"),
    "varchar[]": ("text[]", "['', NULL, 'a,\"b\\\\c', 'NULL']", None),
    "date[]": ("date[]", "[2024-01-01, infinity]", "{2024-01-01,infinity}"),
    "double[]": ("double precision[]", "[0.1, nan]", "{0.1,NaN}"),
    "integer[][]": ("jsonb", "[[1], [2, 3]]", "[[1], [2, 3]]"),
    "struct(a integer, b decimal(4,2)[])": ("jsonb", "{'a': 1, 'b': [1.50]}", '{"a": 1, "b": [1.50]}'),
    "map(varchar, date)": ("jsonb", "{k=2024-01-01}", '{"k": "2024-01-01"}'),
}  # fmt: skip


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("mode", ["replace", "append"])
def test_values_are_written_as_they_are(db, kind, mode):
    """Each type becomes the one of the server that keeps its values; NULL stays NULL."""
    type_, value, expected = VALUES[kind]
    shown = value.replace("'", "''")
    write(db, f"select 1 as n, '{shown}'::{kind} as v union all select 2, null", mode)
    assert db.run(
        "select format_type(atttypid, atttypmod) from pg_attribute where attrelid = 't'::regclass and attname = 'v'"
    ) == [(type_,)]
    (found,), (nothing,) = db.run("select v::text from t order by n")
    assert nothing is None
    if expected is None:
        assert db.run("select v from t order by n")[0][0] == ["", None, 'a,"b\\c', "NULL"]
    else:
        assert found == expected


@pytest.mark.parametrize(
    "value",
    [
        "0044-03-15 (BC)",
        "0001-01-01",
        "4713-12-31 (BC)",
        "9999-12-31",
        "10000-01-01",
        "5874897-12-31",
        "1600-02-29",
        "infinity",
        "-infinity",
    ],
)
def test_dates_of_any_age_are_written(db, value):
    """Days before Christ, after the year 9999 and at the end of all days arrive as such."""
    write(db, f"select date '{value}' as d, (select array_agg(date '{value}')) as a")
    wanted = value.replace("(BC)", "BC")
    assert db.run("select d::text, a[1]::text from t") == [(wanted, wanted)]
    if "58748" not in value:
        write(db, f"select timestamp '{value}' as d")
        shown = db.run("select d::text from t")[0][0]
        assert shown.replace(" 00:00:00", "") == wanted


def test_null_is_not_empty(db):
    """Nothing, an empty text and an empty list stay three things, even in a table of one column."""
    write(db, "select unnest([null, '', ' ']) as v")
    assert set(db.run("select v is null, v from t")) == {(False, ""), (False, " "), (True, None)}
    write(db, "select unnest([null, 1]) as v")
    assert db.run("select count(*), count(v) from t") == [(2, 1)]
    write(db, "select []::int[] as v union all select null")
    assert db.run("select count(*), count(v) from t") == [(2, 1)]


@pytest.mark.parametrize(
    ("kind", "value", "there", "told"),
    [
        ("decimal(10,3)", "1.005", "numeric(10,2)", r"is numeric\(10,2\), which does not keep the value 1.005"),
        ("timestamp", "2024-01-01 10:00:00", "date", "is date, which does not keep the value 2024-01-01 10:00:00"),
        ("double", "0.1", "real", "is real, which does not keep the value 0.1"),
        ("double", "1.5", "integer", "is integer, which does not keep the value 1.5"),
        ("varchar", "abcd", "varchar(3)", r"is character varying\(3\), which does not keep the value abcd"),
        ("bigint", "3000000000", "integer", "integer out of range"),
        ("varchar", "2024-01-01 10:00", "date", "is date, and the rows bring VARCHAR"),
        ("varchar", "5", "integer", "is integer, and the rows bring VARCHAR"),
        ("integer", "1", "boolean", "is boolean, and the rows bring INTEGER"),
        ("varchar", "c", "mood", 'invalid input value for enum mood: "c"'),
        ("integer", "-1", "positive", "violates check constraint"),
        ("uhugeint", "1", "numeric", "has no type that keeps UHUGEINT"),
        ("timetz", "12:00:00+02", "text", "has no type that keeps TIME WITH TIME ZONE"),
    ],
)
def test_a_value_that_the_table_would_change_is_refused(db, kind, value, there, told):
    """Nothing is rounded, cut or shifted on the way into a table; the old rows stay."""
    db.run("create type mood as enum ('a', 'b'); create domain positive as int check (value > 0)")
    db.run(f"create table t (v {there}); insert into t values (null)")
    with pytest.raises(StepError, match=told) as raised:
        write(db, f"select '{value}'::{kind} as v", "append")
    assert raised.value.hint
    assert db.run("select * from t") == [(None,)]


@pytest.mark.parametrize(
    ("kind", "value", "there"),
    [
        ("decimal(10,3)", "1.500", "numeric(10,1)"), ("timestamp", "2024-01-01 00:00:00", "date"),
        ("bigint", "5", "smallint"), ("double", "0.5", "real"), ("integer", "5", "text"), ("varchar", "abc", "char(3)"),
        ("varchar", "b", "mood"), ("varchar", "10.0.0.1", "inet"), ("integer", "5", "positive"),
        ("varchar", "[1,5)", "int4range"), ("varchar", "00000000-0000-0000-0000-000000000001", "uuid"),
        ("json", '{"b": 1}', "json"), ("varchar", '{"b": 1}', "jsonb"), ("integer[]", "[1, 2]", "bigint[]"),
        ("varchar[]", "[a]", "mood[]"), ("decimal(10,2)", "1.50", "numeric"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["append", "merge"])
def test_a_value_that_the_table_keeps_is_written(db, kind, value, there, mode):
    """A table's own types stay, as long as every value fits."""
    db.run("create type mood as enum ('a', 'b'); create domain positive as int check (value > 0)")
    db.run(f"create table t (id int, v {there})")
    key = ["id"] if mode == "merge" else []
    for _ in range(2):
        write(db, f"select 1 as id, '{value}'::{kind} as v", mode, key)
    shown = "{a}" if value == "[a]" else value
    same = f"'{shown}'::{there}::text" if kind.startswith("varchar") else "v::text"
    assert db.run(f"select distinct v::text = {same} from t") == [(True,)]
    assert db.run("select count(*) from t") == [(1 if mode == "merge" else 2,)]


def test_columns_meet_by_name(db):
    """Order does not matter, case is forgiven, defaults fill what is left out; a column too many is named."""
    db.run('create table t (a int, "B" int, c int default 9)')
    write(db, "select 1 as b, 2 as A", "append")
    assert db.run("select * from t") == [(2, 1, 9)]
    with pytest.raises(SchemaChanged, match=r"public.t does not have the columns 'd' of the rows; it has: a, B, c"):
        write(db, "select 1 as a, 2 as d", "append")


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


def test_there_and_back(db):
    """What was loaded, exported and loaded again is the same."""
    db.run(
        "create table source as select n as id, n::numeric(12,3) / 7 as x, 'ä' || n as s, now() as t, "
        "array[n, null] as a, '{}'::jsonb as j, gen_random_uuid() as u, null::int as z from generate_series(1, 50) n"
    )
    db.run("alter table source alter x type numeric(12,3)")
    steps = """
        - id: load
          type: load
          source: {connection: pg, table: source}
          target: copy
        - id: out
          type: export
          source: copy
          target: {connection: pg, table: t}
          depends_on: [load]
        """
    with db.spec(steps).run() as result:
        assert result.status == "succeeded", [step.error for step in result.steps]
    assert db.run("select count(*) from (table source except table t) as d") == [(0,)]
    assert db.run("select count(*), max(t) from t")[0][0] == 50
    assert isinstance(db.run("select max(t) from t")[0][0], datetime)
