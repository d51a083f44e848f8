"""Writing: one object or a data set, whole or not at all, whoever looks on and whatever fails."""

from __future__ import annotations

import io
import json
import threading
from datetime import date

import duckdb
import pyarrow.parquet as pq
import pytest
from sqlflow_s3.manifest import NAME

HARD = """
select 1 as id, '' as s, null::varchar as n, 0.1::decimal(20, 3) as d, true as b, date '0001-01-01' as day
union all select 9223372036854775807, 'é, "x" 😀', 'y', -99999999999999999.999, false, date '9999-12-31'
"""


@pytest.mark.parametrize("path", ["out/a.parquet", "out/a.csv", "out/a.csv.gz", "out/a.jsonl.zst", "out/a.json"])
def test_what_is_written_reads_back(store, path):
    """Every format gives back the rows that went in: extremes, Unicode, NULL apart from empty text."""
    extra = "quote_all: true" if "csv" in path else ""
    query = HARD.strip().replace("\n", " ").replace('"', '\\"')
    step = store.done(store.export(query, path, extra))
    assert step.rows.inserted == 2
    assert store.keys() == [path]
    assert store.uploads() == []
    kept = "id, d, b, day" if "csv" in path else "id, s, n, d, b, day"  # the reader of CSV does not tell them apart
    expected = duckdb.sql(f"select {kept} from ({HARD}) order by all").fetchall()
    found = store.loaded(path, query=f"select {kept} from t order by all")
    assert [tuple(map(str, row[:1])) for row in found] == [tuple(map(str, row[:1])) for row in expected]
    if "parquet" in path:
        assert found == expected
    if "json" in path:
        assert [row[1:3] for row in found] == [("", None), ('é, "x" 😀', "y")]


def test_csv_options_of_writing(store):
    """Delimiter, header, null_value and quote_all have their effect; the compression is that of the ending."""
    store.done(store.export("select 1 as a, null as b, '' as c", "a.csv", "delimiter: ';', null_value: NA"))
    assert store.get("a.csv") == b"a;b;c\n1;NA;\n"
    store.done(store.export("select 1 as a, 'x' as b", "b.csv", "header: false, quote_all: true"))
    assert store.get("b.csv") == b'"1","x"\n'
    store.done(store.export("select 1 as a", "c.csv.gz"))
    assert store.get("c.csv.gz")[:2] == b"\x1f\x8b"
    store.done(store.export("select 1 as a", "d.parquet", "compression: gzip"))
    assert pq.ParquetFile(io.BytesIO(store.get("d.parquet"))).metadata.row_group(0).column(0).compression == "GZIP"


def test_a_single_object_is_replaced(store):
    """The second export leaves its own rows and nothing of the first."""
    store.done(store.export("select range as i from range(10)", "a.parquet"))
    store.done(store.export("select range as i from range(3)", "a.parquet"))
    assert store.loaded("a.parquet") == [(0,), (1,), (2,)]
    assert store.keys() == ["a.parquet"]


def test_large_objects_are_sent_in_parts(store, proxy):
    """What is larger than a part goes by multipart upload, and reads back byte by byte."""
    query = "select range as i, sha256(range::varchar) as t from range(200000)"
    store.done(store.export(query, "big.parquet", "compression: none", endpoint=proxy.url))
    parts = {c.path.split("partNumber=")[1].split("&")[0] for c in proxy.calls if "partNumber=" in c.path}
    assert len(parts) > 1
    assert pq.read_table(io.BytesIO(store.get("big.parquet"))).equals(duckdb.sql(query).to_arrow_table())
    store.done(
        store.export(query, "big", "format: parquet, compression: none, max_rows_per_file: 150000", endpoint=proxy.url)
    )
    sums = store.loaded("big", "format: parquet", "select count(*), count(distinct t), sum(i) from t")
    assert sums == [(200000, 200000, sum(range(200000)))]
    assert store.uploads() == []


@pytest.mark.parametrize("kind", ["parquet", "csv", "json"])
def test_partitions_and_files_of_so_many_rows(store, kind):
    """partition_by makes folders, max_rows_per_file bounds objects, and a load by prefix or pattern has every row."""
    query = "select range as i, range % 2 as p, date '2024-01-01' + (range % 2)::int as d from range(10)"
    step = store.done(store.export(query, "out", f"format: {kind}, partition_by: [p, d], max_rows_per_file: 2"))
    assert step.rows.inserted == 10
    keys = [key for key in store.keys("out/") if not key.endswith(NAME)]
    assert len(keys) == 6
    assert all(key.startswith(("out/p=0/d=2024-01-01/part-", "out/p=1/d=2024-01-02/part-")) for key in keys)
    expected = [(n, n % 2, date(2024, 1, 1 + n % 2)) for n in range(10)]
    for path in ("out", "out/**", f"out/**/*.{'jsonl' if kind == 'json' else kind}"):
        assert (
            store.loaded(path, f"format: {kind}, hive_partitioning: true", "select i, p, d from t order by i")
            == expected
        )
    assert store.loaded("out/p=1/**", f"format: {kind}", "select i from t order by i") == [
        (n,) for n in range(1, 10, 2)
    ]


def test_partition_values_of_every_kind(store):
    """NULL, slashes, equal signs, percent signs and Unicode in a partition's value come back as they were."""
    values = [None, "a/b", "x=y", "100%", "é 😀", "a b", "..", "*"]
    rows = ", ".join("(" + ("null" if v is None else f"'{v}'") + f", {n})" for n, v in enumerate(values))
    store.done(store.export(f"select * from (values {rows}) v(p, n)", "out", "format: parquet, partition_by: [p]"))
    found = store.loaded("out", "format: parquet, hive_partitioning: true", "select p, n from t order by n")
    assert found == [(value, n) for n, value in enumerate(values)]


def test_a_data_set_is_replaced_whole(store):
    """What an earlier export wrote is gone, partitions that have no rows any more included."""
    extra = "format: parquet, partition_by: [p]"
    store.done(store.export("select range as i, range % 3 as p from range(9)", "out", extra))
    first = set(store.keys())
    store.done(store.export("select 100 as i, 1 as p", "out", extra))
    assert len(store.keys()) == 2
    assert not set(store.keys()) & (first - {f"out/{NAME}"})
    assert store.loaded("out", "format: parquet, hive_partitioning: true") == [(100, 1)]


@pytest.mark.parametrize("kind", ["parquet", "csv", "json"])
def test_no_rows(store, kind):
    """An export without rows leaves an object, or a data set, that has none, and the columns where the format can."""
    query = "select range as i, 'x' as s from range(0)"
    store.done(store.export(query, f"a.{kind}"))
    if kind != "json":
        names = store.loaded(f"a.{kind}", query="select column_name from (describe t)")
        assert names == [("i",), ("s",)]
    else:
        assert json.loads(store.get("a.json")) == []
    store.done(store.export("select 1 as i, 'x' as s", "out", f"format: {kind}, partition_by: [s]"))
    store.done(store.export(query, "out", f"format: {kind}, partition_by: [s]"))
    if kind != "json":
        assert store.loaded("out", f"format: {kind}", "select count(*) from t") == [(0,)]
    assert len(store.keys("out/")) == 2


FAULTS = [("POST", "uploads", "out/"), ("PUT", "partNumber", "out/"), ("POST", "uploadId", "out/"), ("PUT", NAME, "")]


@pytest.mark.parametrize("fault", ["403", "reset", "500"])
@pytest.mark.parametrize(("method", "part", "also"), FAULTS)
def test_an_export_that_fails_leaves_the_old_data_set(store, proxy, method, part, also, fault, monkeypatch):
    """Wherever it fails, the old rows are all that a reader finds, and no part, upload or file is left."""
    monkeypatch.setattr("sqlflow_s3.access.ATTEMPTS", 2)
    extra = "format: parquet, partition_by: [p]"
    store.done(store.export("select range as i, range % 3 as p from range(9)", "out", extra))
    before = store.contents()
    proxy.fault = lambda asked, path: fault if asked == method and part in path and also in path else None
    error = store.failure(
        store.export("select range as i, range % 2 as p from range(4)", "out", extra, endpoint=proxy.url)
    )
    assert error["kind"] == ("permission" if fault == "403" else "transient"), error
    assert store.secret not in json.dumps(error)
    assert store.contents() == before
    assert store.uploads() == []


@pytest.mark.parametrize("fault", ["403", "reset"])
def test_an_export_that_fails_leaves_the_old_object(store, proxy, fault, monkeypatch):
    """A single object keeps its bytes when the upload fails, in one request or in parts."""
    monkeypatch.setattr("sqlflow_s3.access.ATTEMPTS", 2)
    store.done(store.export("select 1 as a", "a.parquet"))
    before = store.get("a.parquet")
    for query in ("select 2 as a", "select range as a, sha256(range::varchar) as t from range(200000)"):
        proxy.fault = lambda method, path: fault if method == "PUT" and "a.parquet" in path else None
        store.failure(store.export(query, "a.parquet", "compression: none", endpoint=proxy.url))
        assert store.get("a.parquet") == before
    assert store.uploads() == []
    assert store.keys() == ["a.parquet"]


def test_rows_that_fail_halfway_write_nothing(store):
    """An error of the query in a late row leaves the old data, of an object and of a data set."""
    for path, extra in (("a.parquet", ""), ("out", "format: parquet, max_rows_per_file: 100")):
        store.done(store.export("select 1 as a", path, extra))
    before = store.contents()
    for path, extra in (("a.parquet", ""), ("out", "format: parquet, max_rows_per_file: 100")):
        query = "select case when range = 99999 then error('late') else range end as a from range(100000)"
        assert "late" in store.failure(store.export(query, path, extra))["message"]
    assert store.contents() == before


@pytest.mark.parametrize("part", ["uploadId", NAME])
def test_an_answer_that_is_lost_is_found_out(store, proxy, part):
    """When S3 has done what was asked and the answer is lost, the export is neither doubled nor taken back."""
    method = "PUT" if part == NAME else "POST"
    proxy.once(method, part, "lost")
    extra = "format: parquet, partition_by: [p]"
    store.done(store.export("select range as i, range % 2 as p from range(4)", "out", extra, endpoint=proxy.url))
    assert store.loaded("out", "format: parquet", "select count(*) from t") == [(4,)]
    assert len(store.keys()) == 3
    assert store.uploads() == []


def test_two_exports_at_once(store, proxy):
    """Of two exports that replace a data set at the same time one stands whole, and the other says so."""
    extra = "format: parquet, partition_by: [p]"
    store.done(store.export("select range as i, range % 2 as p from range(4)", "out", extra))
    other = store.get(f"out/{NAME}")

    def overtake(method, path):
        if method == "PUT" and NAME in path and store.get(f"out/{NAME}") == other:
            changed = {**json.loads(other), "write": "f" * 16}
            store.put(f"out/{NAME}", json.dumps(changed))

    proxy.fault = overtake
    error = store.failure(store.export("select 7 as i, 7 as p", "out", extra, endpoint=proxy.url))
    assert error["kind"] == "transient"
    assert "another export" in error["message"]
    assert store.loaded("out", "format: parquet", "select count(*) from t") == [(4,)]
    assert len(store.keys()) == 3


@pytest.mark.parametrize("step", ["", "mode: delete_insert, key: [p]", "mode: merge, key: [i]"])
def test_no_reader_sees_half(store, proxy, step):
    """Whenever somebody reads while a data set is written, what is found is one version or a transient error."""
    extra = "format: parquet, partition_by: [p]"
    store.done(store.export("select range as i, range % 4 as p, 1 as v from range(40)", "out", extra))
    file = store.folder / "reader"
    file.mkdir()
    seen = []

    def look(path):
        reader = type(store)(store.endpoint, store.bucket, file, store.client)
        load = reader.load(path, "format: parquet")
        load.path.with_name("lake_test.duckdb").unlink(missing_ok=True)
        with load.run() as result:
            if result.status == "failed":
                assert result.steps[0].error["kind"] == "transient", result.steps[0].error
                return
            seen.append(result.query("select min(v) as low, max(v) as high, count(*) as n from t").to_pylist()[0])

    lock = threading.Lock()

    def look_on(method, _path):
        if method in ("PUT", "POST", "DELETE") and lock.acquire(blocking=False):
            try:
                look("out")
                look("out/**")
            finally:
                lock.release()

    proxy.fault = look_on
    query = f"select range as i, range % 4 as p, 2 as v from range({40 if step else 30})"
    store.done(store.export(query, "out", extra, step, endpoint=proxy.url))
    look("out")
    assert {(s["low"], s["high"], s["n"]) for s in seen} == {(1, 1, 40), (2, 2, 40 if step else 30)}
    assert len(seen) > 5


def test_what_others_put_there_is_not_overwritten(store):
    """A data set is not written over objects of others, nor an object over a data set, nor the other way round."""
    store.put("out/mine.txt", "x")
    error = store.failure(store.export("select 1 as a, 2 as p", "out", "format: csv, partition_by: [p]"))
    assert "out/mine.txt" in error["message"]
    store.done(store.export("select 1 as a, 2 as p", "set.csv", "partition_by: [p]"))
    assert "is a data set" in store.failure(store.export("select 1 as a", "set.csv"))["message"]
    store.done(store.export("select 1 as a", "one.csv"))
    assert (
        "is an object"
        in store.failure(store.export("select 1 as a, 2 as p", "one.csv", "partition_by: [p]"))["message"]
    )
    assert store.get("out/mine.txt") == b"x"


def test_partitions_that_cannot_be(store):
    """A column that is not there, and partitions that leave no column, are errors with the columns named."""
    error = store.failure(store.export("select 1 as a, 2 as b", "out", "format: csv, partition_by: [c]"))
    assert "'c'" in error["message"]
    assert "a, b" in error["hint"]
    error = store.failure(store.export("select 1 as a, 2 as b", "out", "format: csv, partition_by: [b, a]"))
    assert "every column" in error["message"]
    assert store.keys() == []


def test_bad_options_are_problems_before_anything_runs(store):
    """What cannot go together is refused by validation, at its place."""
    for path, extra, words in [
        ("a.parquet", "delimiter: ';'", "has no effect on parquet"),
        ("a.dat", "", "does not tell the format"),
        ("s3://b/a.csv", "", "key inside the bucket"),
        ("a/*.csv", "", "pattern"),
        ("a.csv", "compression: snappy", "cannot be snappy"),
        ("a.csv", "partition_by: [p, P]", "twice"),
    ]:
        problems = store.export("select 1 as a", path, extra).validate()
        assert any(words in problem.message for problem in problems), (words, problems)
