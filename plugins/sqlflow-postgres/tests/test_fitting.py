"""Values on their way to the server: written as they are, and refused where the table would change them."""

from datetime import datetime

import pytest

from sqlflow.sdk import SchemaChanged, StepError

from .writes import write

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
    "enum('a', 'b')[]": ("text[]", "[b, NULL]", "{b,NULL}"),
    "enum('BIT', 'x')": ("text", "BIT", "BIT"),
    "decimal(10,2)[]": ("numeric(10,2)[]", "[1.50, NULL]", "{1.50,NULL}"),
    "decimal(10,2)[2]": ("numeric(10,2)[]", "[1.50, 2.25]", "{1.50,2.25}"),
    "decimal(10,2)[][]": ("jsonb", "[[1.50], [2.25]]", "[[1.50], [2.25]]"),
    "uuid[]": ("uuid[]", "[00000000-0000-0000-0000-000000000001]", "{00000000-0000-0000-0000-000000000001}"),
    "interval[]": ("interval[]", "[1 day]", '{"1 day"}'),
    "timestamptz[]": ("timestamp with time zone[]", "[2024-07-01 12:00:00+02]", '{"2024-07-01 10:00:00+00"}'),
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
