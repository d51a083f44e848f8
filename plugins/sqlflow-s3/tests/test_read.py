"""Reading: every format, every kind of path, the same rows and types as from a local file."""

from __future__ import annotations

import datetime as dt
import gzip
import io
from decimal import Decimal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlflow_s3.listing import matcher

from sqlflow.pipeline import Pipeline


def parquet(table: pa.Table, **settings) -> bytes:
    """Write a table as Parquet."""
    out = io.BytesIO()
    pq.write_table(table, out, **settings)
    return out.getvalue()


def rows(pipeline, order="1", *, fresh=False):
    """Run a load and return the rows of its table; a fresh one knows nothing of what was loaded before."""
    if fresh:
        pipeline.path.with_name("lake_test.duckdb").unlink(missing_ok=True)
    with pipeline.run() as result:
        assert result.status == "succeeded", result.steps[0].error
        return [tuple(r.values()) for r in result.query(f"select * from t order by {order}").to_pylist()]


def failure(pipeline):
    """Run a load that fails and return its error."""
    with pipeline.run() as result:
        assert result.status == "failed"
        return result.steps[0].error


ALL_TYPES = """
select range::bigint as i, (range % 128)::tinyint as tiny, 18446744073709551615::ubigint as big,
  case when range = 3 then null else range / 7 end as d, (range / 3)::decimal(18, 4) as dec,
  case range when 0 then '' when 1 then null else 'é€😀' || range end as s,
  date '0001-01-01' + range::int as day, timestamp '1969-12-31 23:59:59.999999' as ts,
  timestamptz '2024-01-01 00:00:00+02' as tz, time '23:59:59.999999' as t, true as b,
  '\\x00\\xFF'::blob as bytes, uuid '00000000-0000-0000-0000-00000000000a' as u, interval 3 days as iv,
  [range, null] as list, {'a': range, 'b': 'x'} as struct, map {'k': range} as m, 'nan'::double as nan
from range(5)
"""


def test_parquet_has_the_rows_and_types_of_a_local_file(store):
    """A Parquet object gives the rows and types that the connector parquet reads from the same file."""
    local = store.folder / "all.parquet"
    duckdb.execute(f"copy ({ALL_TYPES}) to '{local}' (format parquet)")
    store.put("in/all.parquet", local.read_bytes())
    with store.load("in/all.parquet").run() as result:
        assert result.status == "succeeded", result.steps[0].error
        ours = result.query("from t order by i").to_pylist(), result.query("describe t").to_pylist()
    (store.folder / "local").mkdir()
    file = store.folder / "local" / "spec.yaml"
    source = f"{{connector: parquet, path: '{local}'}}"
    file.write_text(f"version: 1\nname: local\nsteps:\n  - {{id: t, type: load, source: {source}, target: t}}\n")
    with Pipeline.from_file(file).run() as result:
        theirs = result.query("from t order by i").to_pylist(), result.query("describe t").to_pylist()
    assert str(ours[1]) == str(theirs[1])
    assert str(ours[0]) == str(theirs[0])  # as text, for nan is not nan


def test_csv_reads_like_a_local_file(store):
    """NULL and empty text stay apart, quotes and Unicode survive, types are detected, declared ones hold."""
    store.put("in/a.csv", 'id,name,zip,at\n1,"",007,2024-01-01\n2,,008,2024-01-02\n3,"é, ""x"" 😀",009,2024-02-29\n')
    found = rows(store.load("in/a.csv", step="columns: {zip: varchar}"))
    assert found == [
        (1, None, "007", dt.date(2024, 1, 1)),
        (2, None, "008", dt.date(2024, 1, 2)),
        (3, 'é, "x" 😀', "009", dt.date(2024, 2, 29)),
    ]


def test_csv_options(store):
    """Delimiter, header, null_values, encoding, all_text and compression have their effect."""
    store.put("in/a.txt", "1;Müller;n/a\n2;;5\n".encode("latin-1"))
    found = rows(
        store.load("in/a.txt", "format: csv, delimiter: ';', header: false, null_values: ['n/a'], encoding: latin-1")
    )
    assert found == [(1, "Müller", None), (2, "", 5)]
    store.put("in/b.csv.gz", gzip.compress(b"a,b\n1,2\n"))
    assert rows(store.load("in/b.csv.gz", "all_text: true"), fresh=True) == [("1", "2")]
    store.put("in/c.csv", gzip.compress(b"a,b\n1,2\n"))
    assert rows(store.load("in/c.csv", "compression: gzip"), fresh=True) == [(1, 2)]


@pytest.mark.parametrize(
    ("name", "options"),
    [("in/a.csv", ""), ("in/a.csv", "header: false"), ("in/day=1/a.csv", "hive_partitioning: true")],
)
def test_csv_numbers_are_not_rounded(store, name, options):
    """A fraction behind a sample of whole numbers is an error and not another number; a large number keeps its end."""
    head = "" if "header" in options else "id,n\n"
    store.put(name, head + "1,1\n" * 30_000 + "1,1.5\n")
    assert "1.5 in column" in failure(store.load(name, options))["message"]
    store.put(name, head + "1,1\n" * 30_000 + "1,9007199254740993\n")
    found = rows(store.load(name, options), fresh=True)
    assert max(row[1] for row in found) == 9007199254740993


def test_csv_in_another_encoding(store):
    """Objects in an encoding that the engine does not know are read as what they are, packed ones too."""
    text = "id;note\n1;5 €\n2;„x“".encode("windows-1252")
    store.put("in/a.csv", text)
    store.put("in/b.csv.gz", gzip.compress(text))
    options = "delimiter: ';', encoding: windows-1252"
    assert rows(store.load("in/*", f"format: csv, {options}")) == [(1, "5 €"), (1, "5 €"), (2, "„x“"), (2, "„x“")]
    store.put("in/a.csv", "id;note\n1;\u0081\n".encode("latin-1"))
    error = failure(store.load("in/a.csv", options))
    assert "in/a.csv is not windows-1252 text: line 2 holds the byte 0x81" in error["message"]


def test_csv_spaces_behind_the_last_line_are_no_data(store):
    """A file that ends in spaces reads like one that ends in a newline."""
    store.put("a.csv", "a,b\n1,true\n2,false  ")
    assert rows(store.load("a.csv")) == [(1, True), (2, False)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b,c\n1,2,3\n4,5", "lines differ"),
        ("a,b\n1,2\n3,4,5\n", "lines differ"),
        ("a;b\n1;2\n", "one column named 'a;b'"),
        ("", "is empty"),
        ("id,n\n" + "1,1\n" * 30000 + "1,x\n", "line 30002"),
        ("a,b\n1,\xff\n".encode("latin-1"), "not the text that encoding says"),
    ],
)
def test_broken_csv_is_an_error_that_names_the_object(store, text, words):
    """What is not CSV as stated stops the step with the object's name, and never loads other columns."""
    store.put("in/bad.csv", text)
    error = failure(store.load("in/bad.csv"))
    assert words in error["message"], error["message"]
    assert f"s3://{store.bucket}/in/bad.csv" in error["message"]
    assert str(store.folder) not in error["message"]
    assert error["kind"] == "bad_data"


def test_packed_csv_that_is_cut_off_is_an_error(store):
    """Half of a gzip file is no file."""
    whole = gzip.compress("".join(f"{n},{n * 7}\n" for n in range(100_000)).encode())
    store.put("half.csv.gz", whole[: len(whole) // 2])
    assert "unpacked" in failure(store.load("half.csv.gz", "header: false"))["message"]


def test_json_lines_and_array(store):
    """Both layouts give the same rows; a nested value is a struct."""
    store.put("a.jsonl", '{"a": 1, "b": {"c": "x"}}\n{"a": null, "b": {"c": ""}}\n')
    store.put("a.json", '[{"a": 1, "b": {"c": "x"}}, {"a": null, "b": {"c": ""}}]')
    for path, extra in (("a.jsonl", ""), ("a.jsonl", "lines: true"), ("a.json", "lines: false")):
        assert rows(store.load(path, extra), "a nulls last") == [(1, {"c": "x"}), (None, {"c": ""})]
    store.put("bad.json", '[{"a": 1}, {"a": ')
    error = failure(store.load("bad.json"))
    assert f"s3://{store.bucket}/bad.json" in error["message"]
    assert str(store.folder) not in error["message"]


def test_select_reads_some_columns(store):
    """`select` gives those columns in that order, of every format; an unknown one is an error that suggests."""
    store.put("a.csv", "a,b,c\n1,2,3\n")
    store.put("a.jsonl", '{"a": 1, "b": 2, "c": 3}')
    store.put("a.parquet", parquet(pa.table({"a": [1], "b": [2], "c": [3]})))
    for path in ("a.csv", "a.jsonl", "a.parquet"):
        assert rows(store.load(path, "select: [c, a]")) == [(3, 1)]
    error = failure(store.load("a.parquet", "select: [c, aa]"))
    assert "'aa'" in error["message"]
    assert "did you mean 'a'" in error["hint"]


def test_empty_parquet_gives_an_empty_table(store):
    """No rows is not no columns."""
    store.put("a.parquet", parquet(pa.table({"a": pa.array([], pa.int32()), "s": pa.array([], pa.string())})))
    with store.load("a.parquet").run() as result:
        assert result.query("select column_name, column_type from (describe t)").to_pylist() == [
            {"column_name": "a", "column_type": "INTEGER"},
            {"column_name": "s", "column_type": "VARCHAR"},
        ]


@pytest.mark.parametrize(
    ("pattern", "matching"),
    [
        ("in/*.csv", {"in/a.csv", "in/b=1.csv"}),
        ("in/**/*.csv", {"in/a.csv", "in/b=1.csv", "in/x/c.csv", "in/x/y/d.csv"}),
        ("**/*.csv", {"in/a.csv", "in/b=1.csv", "in/x/c.csv", "in/x/y/d.csv", "top.csv"}),
        ("in/x/**", {"in/x/c.csv", "in/x/y/d.csv"}),
        ("in/*/c.csv", {"in/x/c.csv"}),
        ("in/_*.csv", {"in/_hidden.csv"}),
        ("in/?.csv", set()),
        ("in/[a].csv", set()),
    ],
)
def test_patterns(pattern, matching):
    """`*` stays inside a name, `**` crosses folders, other characters stand for themselves, hidden names are left."""
    keys = ["in/a.csv", "in/b=1.csv", "in/x/c.csv", "in/x/y/d.csv", "in/_hidden.csv", "in/.x.csv", "in/_t/e.csv"]
    keys += ["top.csv", "in/"]
    assert {key for key in keys if matcher(pattern).fullmatch(key)} == matching


def test_patterns_read_many_objects(store):
    """All objects of a pattern are read, more than one page of them, and keys with odd characters too."""
    for number in range(3):
        store.put(f"in/y=2024/{number} ä+%25&'[x].csv", f"id\n{number}\n")
    assert rows(store.load("in/**/*.csv")) == [(0,), (1,), (2,)]
    assert rows(store.load("in/**/*.csv", "hive_partitioning: true"), fresh=True) == [(0, 2024), (1, 2024), (2, 2024)]


def test_hive_partitions_of_parquet_are_typed_like_local_ones(store):
    """Dates, numbers, text and NULL come from folders with the types that DuckDB gives them."""
    local = store.folder / "tree"
    query = "select range as i, date '2024-01-01' + (range % 2)::int as d, range % 3 as n, case when range = 1 then null else 'a/b=' || range end as s from range(4)"  # noqa: E501 - SQL
    duckdb.execute(f"copy ({query}) to '{local}' (format parquet, partition_by (d, n, s))")
    for file in local.rglob("*.parquet"):
        store.put(f"tree/{file.relative_to(local)}", file.read_bytes())
    expected = duckdb.sql(f"from read_parquet('{local}/**/*.parquet', hive_partitioning=true) order by i")
    with store.load("tree/**/*.parquet", "hive_partitioning: true").run() as result:
        assert result.status == "succeeded", result.steps[0].error
        assert result.query("from t order by i").to_pylist() == [
            dict(zip(expected.columns, row, strict=True)) for row in expected.fetchall()
        ]
        kinds = [r["column_type"] for r in result.query("describe t").to_pylist()]
        assert kinds == [str(kind) for kind in expected.types]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_objects_with_other_columns_need_union_by_name(store, kind):
    """Columns that only some objects have are an error, or NULL elsewhere when that is asked for."""
    store.put(f"in/1.{kind}", "a,b\n1,x\n" if kind == "csv" else parquet(pa.table({"a": [1], "b": ["x"]})))
    store.put(f"in/2.{kind}", "c,a\n3,2\n" if kind == "csv" else parquet(pa.table({"c": [3], "a": [2]})))
    error = failure(store.load(f"in/*.{kind}"))
    assert "in/2." in error["message"]
    assert "union_by_name" in error["hint"]
    assert rows(store.load(f"in/*.{kind}", "union_by_name: true")) == [(1, "x", None), (2, None, 3)]


def test_objects_with_columns_in_another_order_meet_by_name(store):
    """Position means nothing."""
    for kind in ("csv", "parquet"):
        store.put(f"in/1.{kind}", "a,b\n1,2\n" if kind == "csv" else parquet(pa.table({"a": [1], "b": [2]})))
        store.put(f"in/2.{kind}", "b,a\n4,3\n" if kind == "csv" else parquet(pa.table({"b": [4], "a": [3]})))
        assert rows(store.load(f"in/*.{kind}")) == [(1, 2), (3, 4)]


def test_parquet_types_that_differ_are_widened_or_refused(store):
    """Integers of two widths meet; a number and a text do not, and the message names the object."""
    store.put("in/1.parquet", parquet(pa.table({"a": pa.array([1], pa.int32())})))
    store.put("in/2.parquet", parquet(pa.table({"a": pa.array([2**40], pa.int64())})))
    assert rows(store.load("in/*.parquet")) == [(1,), (2**40,)]
    store.put("in/3.parquet", parquet(pa.table({"a": ["x"]})))
    assert "in/3.parquet" in failure(store.load("in/*.parquet"))["message"]


def test_new_files_are_loaded_once(store):
    """incremental: new_files loads an object once, a new one next, and a changed one only where a key allows it."""
    step = "mode: merge, key: [id]"
    store.put("in/1.csv", "id,v\n1,a\n")
    load = store.load("in/*.csv", "incremental: new_files", step)
    assert rows(load) == [(1, "a")]
    store.put("in/2.csv", "id,v\n2,b\n")
    with load.run() as result:
        assert result.steps[0].rows.read == 1
    with load.run() as result:
        assert result.steps[0].rows.read == 0
    store.put("in/1.csv", "id,v\n1,c\n")
    assert rows(load) == [(1, "c"), (2, "b")]


def test_decimals_and_nanoseconds_are_not_rounded(store):
    """Wide decimals and nanoseconds arrive digit by digit."""
    table = pa.table({"d": pa.array([Decimal("12345678901234567890.123456789")], pa.decimal128(38, 9)),
                      "n": pa.array([1704067200123456789], pa.timestamp("ns"))})  # fmt: skip
    store.put("a.parquet", parquet(table))
    with store.load("a.parquet").run() as result:
        assert result.query("select d::varchar as d, n::varchar as n from t").to_pylist() == [
            {"d": "12345678901234567890.123456789", "n": "2024-01-01 00:00:00.123456789"}
        ]
