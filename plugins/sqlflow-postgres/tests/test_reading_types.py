"""Every kind of value as it arrives in the warehouse: true, or an error, and never silently something else."""

import datetime as dt
from decimal import Decimal
from uuid import UUID

import pytest
from psycopg.errors import FeatureNotSupported

from .conftest import lacks

LOAD = """
    - id: load
      type: load
      source: {connection: pg, table: things}
      target: things
"""


def loaded(db, sql="select * from things", steps=LOAD):
    """Load the table `things` and return what a query over it says, with the types of its columns."""
    with db.spec(steps).run() as result:
        assert result.status == "succeeded", result.steps[0].error
        types = {row["column_name"]: row["column_type"] for row in result.query("describe things").to_pylist()}
        return types, result.query(sql).to_pylist()


def failed(db, steps=LOAD):
    """Load the table `things`, see it fail, and return the error."""
    with db.spec(steps).run() as result:
        assert result.status == "failed"
        return result.steps[0].error


@pytest.mark.parametrize(
    ("kind", "values", "type_", "expected"),
    [
        ("boolean", ["true", "false"], "BOOLEAN", ["true", "false"]),
        ("smallint", ["-32768", "32767"], "SMALLINT", ["-32768", "32767"]),
        ("integer", ["-2147483648"], "INTEGER", ["-2147483648"]),
        ("bigint", ["-9223372036854775808", "9223372036854775807"], "BIGINT", None),
        ("oid", ["4294967295"], "BIGINT", None),
        ("real", ["1.1", "NaN", "-Infinity"], "FLOAT", ["1.1", "nan", "-inf"]),
        ("double precision", ["0.1", "5e-324", "Infinity"], "DOUBLE", ["0.1", "5e-324", "inf"]),
        ("numeric(10,2)", ["12345678.91", "-0.01", "0"], "DECIMAL(10,2)", ["12345678.91", "-0.01", "0.00"]),
        ("numeric(38,0)", ["9" * 38, "-" + "9" * 38], "DECIMAL(38,0)", None),
        ("numeric(3,5)", ["0.00999"], "DECIMAL(5,5)", [".00999"]),
        ("numeric(3,-2)", ["12300"], "DECIMAL(5,0)", ["12300"]),
        ("numeric(39,0)", ["9" * 39], "VARCHAR", None),
        ("numeric", ["NaN", "9" * 100, "0." + "1" * 50, "1.50"], "VARCHAR", None),
        ("money", ["-92233720368547758.08", "1.5"], "DECIMAL(19,2)", ["-92233720368547758.08", "1.50"]),
        ("text", ["", "ä€𝄞", "a,b\"c'd\ne\\N", " x "], "VARCHAR", None),
        ("varchar(3)", ["", "äöü"], "VARCHAR", None),
        ("char(3)", ["ab"], "VARCHAR", ["ab "]),
        ("name", ["pg_class"], "VARCHAR", None),
        ('"char"', ["x"], "VARCHAR", None),
        ("date", ["2024-02-29", "infinity", "-infinity", "0044-03-15 BC", "4713-01-01 BC", "5874897-12-31"], "DATE",
         ["2024-02-29", "infinity", "-infinity", "0044-03-15 (BC)", "4713-01-01 (BC)", "5874897-12-31"]),
        ("time", ["00:00:00", "24:00:00", "23:59:59.999999"], "TIME", None),
        ("timetz", ["12:00:00+02"], "VARCHAR", None),
        ("timestamp", ["2024-02-29 12:00:00.000001", "infinity", "-infinity", "0044-03-15 12:00:00 BC",
                       "294246-12-31 23:59:59.999999"], "TIMESTAMP",
         ["2024-02-29 12:00:00.000001", "infinity", "-infinity", "0044-03-15 (BC) 12:00:00",
          "294246-12-31 23:59:59.999999"]),
        ("timestamptz", ["2024-07-01 12:00:00+02", "infinity", "-infinity", "0044-03-15 12:00:00+00 BC"],
         "TIMESTAMP WITH TIME ZONE",
         ["2024-07-01 10:00:00+00", "infinity", "-infinity", "0044-03-15 (BC) 12:00:00+00"]),
        ("interval", ["1 year 2 months -3 days 04:05:06.789"], "INTERVAL", ["1 year 2 months -3 days 04:05:06.789"]),
        ("uuid", ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"], "UUID", None),
        ("json", ['{"b": 1, "a":  null}'], "JSON", None),
        ("jsonb", ['{"a": 1e2}', "null", '"ä"'], "JSON", ['{"a": 100}', "null", '"ä"']),
        ("bytea", ["\\x00ff", ""], "BLOB", ["\\x00\\xFF", ""]),
        ("inet", ["10.0.0.0/8", "::1"], "VARCHAR", None),
        ("macaddr", ["08:00:2b:01:02:03"], "VARCHAR", None),
        ("int4range", ["[1,5)", "empty"], "VARCHAR", None),
        ("bit(3)", ["101"], "VARCHAR", None),
        ("xml", ["<a>ä</a>"], "VARCHAR", None),
        ("point", ["(1,2)"], "VARCHAR", None),
        ("tsvector", ["'a' 'b'"], "VARCHAR", None),
        ("mood", ["sad", "ok 'y'"], "VARCHAR", None),
        ("positive", ["5"], "INTEGER", None),
        ("price", ["5.25"], "DECIMAL(8,2)", None),
        ("pair", ["(1,x)"], "JSON", ['{"a":1,"b":"x"}']),
        ("integer[]", ["{}", "{1,NULL,3}", "[0:1]={5,6}"], "INTEGER[]", ["[]", "[1, NULL, 3]", "[5, 6]"]),
        ("text[]", ['{"",NULL,"a,b","NULL"}'], "VARCHAR[]", ["['', NULL, 'a,b', 'NULL']"]),
        ("numeric(5,2)[]", ["{1.5,NULL}", "{}"], "DECIMAL(5,2)[]", ["[1.50, NULL]", "[]"]),
        ("numeric[]", ["{NaN,1.50}"], "VARCHAR[]", ["[NaN, 1.50]"]),
        ("date[]", ["{infinity,2024-01-01,NULL}", "{-infinity}"], "DATE[]",
         ["[infinity, 2024-01-01, NULL]", "[-infinity]"]),
        ("inet[]", ["{10.0.0.1,10.0.0.0/8,NULL}", "{}"], "VARCHAR[]", ["[10.0.0.1, 10.0.0.0/8, NULL]", "[]"]),
        ("mood[]", ["{sad,NULL}"], "VARCHAR[]", ["[sad, NULL]"]),
        ("positive[]", ["{1,2}"], "INTEGER[]", ["[1, 2]"]),
        ("money[]", ["{1.5}"], "DECIMAL(19,2)[]", ["[1.50]"]),
        ("jsonb[]", ['{"{\\"a\\": 1}"}'], "JSON[]", None),
        ("pair[]", ['{"(1,x)"}'], "JSON", ['[{"a":1,"b":"x"}]']),
        ("integer[][]", ["{{1,2},{3,4}}", "{1}"], "JSON", ["[[1,2],[3,4]]", "[1]"]),
    ],
)  # fmt: skip
def test_a_value_arrives_as_it_is(db, kind, values, type_, expected):
    """Extremes of every type arrive exactly, under a type that says what they are, and NULL stays NULL."""
    db.run("create type mood as enum ('sad', 'ok ''y'''); create type pair as (a int, b text)")
    db.run("create domain positive as int check (value > 0); create domain price as numeric(8,2)")
    db.run(f"create table things (n int, v {kind})")
    for n, value in enumerate(values):
        try:
            db.run("insert into things values (%s, %s::text::" + kind + ")", n, value)
        except FeatureNotSupported:
            lacks(kind)
    db.run("insert into things values (%s, null)", len(values))
    types, rows = loaded(db, "select v::varchar as v from things order by n")
    assert types["v"] == type_
    if type_ == "JSON[]":
        expected = [rows[0]["v"]]
        assert "a" in rows[0]["v"]
    assert [row["v"] for row in rows] == [*(expected or values), None]


def test_values_are_values(db):
    """Not only their texts: Python sees decimals, moments with their zone, UUIDs and bytes."""
    db.run("create table things (d numeric(10,2), t timestamptz, u uuid, b bytea, i interval, a int[], e text)")
    db.run(
        "insert into things values (1.5, '2024-01-01 00:00+02', '00000000-0000-0000-0000-000000000001', '\\x00', "
        "'1 day', '{1,2}', '')"
    )
    _, rows = loaded(db)
    moment = rows[0].pop("t")
    assert moment.astimezone(dt.UTC) == dt.datetime(2023, 12, 31, 22, tzinfo=dt.UTC)
    interval = rows[0].pop("i")
    assert interval in ((0, 1, 0), dt.timedelta(days=1))
    row = {**rows[0], "u": UUID(str(rows[0]["u"]))}
    assert row == {"d": Decimal("1.50"), "u": UUID(int=1), "b": b"\0", "a": [1, 2], "e": ""}


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        ("numeric(10,2)", "NaN", "column 'v' holds the value NaN, which decimal128(10, 2) cannot hold"),
        ("timestamp", "294247-06-01", "holds a moment after the year 294246"),
        ("timestamptz", "294276-12-31 23:59:59.999999+00", "holds a moment after the year 294246"),
        ("timestamp[]", "{294250-01-01}", "holds a moment after the year 294246"),
        ("interval", "2600000 hours", "overflow"),
        ("integer[]", "{{1,2},{3,4}}", "column v holds an array of 2 dimensions"),
        ("text[]", "{{a},{b}}", "column v holds an array of 2 dimensions"),
    ],
)
def test_a_value_that_has_no_place_is_an_error(db, kind, value, told):
    """What the warehouse cannot hold stops the load with the column, the value's nature and a remedy."""
    db.run(f"create table things (v {kind}); insert into things values ('{value}')")
    error = failed(db)
    assert told in error["message"], error
    assert error["hint"]
    assert error["kind"] == "bad_data"


def test_arrays_may_come_as_json(db):
    """With `arrays: json` any number of dimensions arrives, NULL among the elements included."""
    db.run("create table things (v int[]); insert into things values ('{{1,2},{3,NULL}}'), ('{}'), (null)")
    types, rows = loaded(db, steps=LOAD.replace("table: things", "table: things, arrays: json"))
    assert types == {"v": "JSON"}
    assert [row["v"] for row in rows] == ["[[1,2],[3,null]]", "[]", None]


def test_null_is_not_empty(db):
    """An empty text, an empty array and empty bytes are not NULL."""
    db.run(
        "create table things (t text, a text[], b bytea); insert into things values ('', '{}', ''), (null,null,null)"
    )
    _, rows = loaded(db, "select t is null as t, a is null as a, b is null as b from things order by 1")
    assert rows == [{"t": False, "a": False, "b": False}, {"t": True, "a": True, "b": True}]


def test_an_empty_table_has_its_columns(db):
    """No rows is a table with the right types."""
    db.run("create table things (n numeric(10,2), t timestamptz, a date[], e numeric)")
    types, rows = loaded(db)
    assert rows == []
    assert list(types.values()) == ["DECIMAL(10,2)", "TIMESTAMP WITH TIME ZONE", "DATE[]", "VARCHAR"]


def test_settings_of_the_role_change_no_value(db):
    """Whatever date style, zone or interval style a role prefers, the same values arrive."""
    db.run("create table things (t timestamptz, r daterange, i interval, z timetz)")
    db.run("insert into things values ('2024-07-01 12:00+00', '[2024-01-02,2024-02-03)', '1 day', '12:00+01')")
    for setting in ("datestyle to 'SQL, DMY'", "timezone to 'Asia/Tokyo'", "intervalstyle to 'iso_8601'"):
        db.run(f"alter database {db.name} set {setting}")
    _, rows = loaded(db, "select t::varchar as t, r, z from things")
    assert rows == [{"t": "2024-07-01 12:00:00+00", "r": "[2024-01-02,2024-02-03)", "z": "12:00:00+01"}]


def test_names_are_kept(db):
    """Capitals, blanks, quotes and letters of any alphabet in names arrive as they are."""
    db.run('create schema "My Shop"; create table "My Shop"."Täg""s" ("Größe (cm)" int, "select" int, "%s" int)')
    db.run('insert into "My Shop"."Täg""s" values (1, 2, 3)')
    steps = LOAD.replace("table: things", """table: '"My Shop"."Täg""s"'""")
    _, rows = loaded(db, steps=steps)
    assert rows == [{"Größe (cm)": 1, "select": 2, "%s": 3}]


def test_names_that_differ_in_case_only_are_told(db):
    """The warehouse cannot tell such columns apart, so that one must be renamed."""
    db.run('create table things (a int, "A" int)')
    error = failed(db)
    assert "cannot be told apart: 'a', 'A'" in error["message"]
