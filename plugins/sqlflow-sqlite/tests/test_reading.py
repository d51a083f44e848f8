"""Reading SQLite files: types that tell the truth, ranges that are pushed down, errors that help."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from sqlflow_sqlite.connector import SqliteConnector, SqliteFile, SqliteRead

from sqlflow.pipeline import Pipeline
from sqlflow.sdk import ReadRequest, StepError, TransientError

from .reads import database, request, rows, run

TYPED = """
create table t (
  i integer, big bigint, r real, s varchar(10), b blob, yes boolean, d decimal(38,10), day date,
  at timestamp, zoned timestamptz, clock time, n numeric(10,2)
);
insert into t values
  (1, 9223372036854775807, 1.5, '', x'00ff', 1, 12345678, '2024-02-29',
   '2024-02-29 10:00:00.123456', '2024-02-29T10:00:00+02:00', '23:59:59.5', 0.1),
  (-1, -9223372036854775808, -1e308, 'grüße 日本 🎉', x'', 0, 7, '0001-01-01',
   '2024-02-29T10:00', '2024-02-29 10:00:00', '00:00', 12345678.9),
  (null, null, null, null, null, null, null, null, null, null, null, null);
"""


def test_every_declared_type_comes_as_itself(tmp_path):
    """Extremes, Unicode, '' and NULL come through, each as the type that the column is declared."""
    database(tmp_path, TYPED)
    status, error, table = run(tmp_path)
    assert status == "succeeded", error
    assert [str(t).replace("Etc/", "") for t in table.schema.types] == [
        "int64", "int64", "double", "string", "binary", "bool", "decimal128(38, 10)", "date32[day]",
        "timestamp[us]", "timestamp[us, tz=UTC]", "time64[us]", "decimal128(10, 2)",
    ]  # fmt: skip
    first, second, third = (tuple(row.values()) for row in table.to_pylist())
    assert first[:6] == (1, 2**63 - 1, 1.5, "", b"\x00\xff", True)
    assert first[7:9] == (date(2024, 2, 29), datetime(2024, 2, 29, 10, 0, 0, 123456))  # noqa: DTZ001
    assert first[9].astimezone(UTC) == datetime(2024, 2, 29, 8, tzinfo=UTC)
    assert first[10:] == (time(23, 59, 59, 500000), Decimal("0.10"))
    assert second[:6] == (-1, -(2**63), -1e308, "grüße 日本 🎉", b"", False)
    assert second[7:9] == (date(1, 1, 1), datetime(2024, 2, 29, 10))  # noqa: DTZ001
    assert second[9].astimezone(UTC) == datetime(2024, 2, 29, 10, tzinfo=UTC)
    assert second[10:] == (time(0), Decimal("12345678.90"))
    assert set(third) == {None}


STRANGE = [
    ("integer", "'twelve'", "holds the text 'twelve'"),
    ("integer", "1.5", "the real 1.5"),
    ("real", "'abc'", "the text 'abc'"),
    ("text", "x'6869'", "the blob b'hi'"),
    ("blob", "'hi'", "the text 'hi'"),
    ("boolean", "2", "the integer 2"),
    ("boolean", "'true'", "the text 'true'"),
    ("decimal(4,2)", "123", "the integer 123"),
    ("decimal(4,2)", "1.234", "the real 1.234"),
    ("decimal(4,2)", "'1_0'", "the text '1_0'"),
    ("decimal(4,2)", "9e999", "the real inf"),
    ("date", "'2024-02-30'", "the text '2024-02-30'"),
    ("date", "'2024-2-3'", "the text '2024-2-3'"),
    ("date", "1706745600", "the integer 1706745600"),
    ("timestamp", "'2024-02-29 10:00:00Z'", "the text '2024-02-29 10:00:00Z'"),
    ("timestamp", "'2024-02-29 10:00:00.1234567'", "the text"),
    ("time", "'24:00'", "the text '24:00'"),
]


@pytest.mark.parametrize(("declared", "value", "told"), STRANGE)
def test_a_value_that_breaks_its_columns_promise_is_told(tmp_path, declared, value, told):
    """A value that is not what its column is declared stops the step, naming column and value, even in a late row."""
    database(tmp_path, f"create table t (x {declared}); insert into t values (null), ({value});")
    status, error, _ = run(tmp_path)
    assert status == "failed"
    assert "shop.db: column 'x' is declared" in error["message"]
    assert told in error["message"]
    assert error["hint"]


def test_what_the_hints_say_works(tmp_path):
    """Taken as text, every number and text comes as it is; pinned to a type with zones, zones are read."""
    values = "insert into t values (12, '2024-01-01T00:00:00Z'), ('x', '2024-01-01 01:00:00+01:00'), (1.5, null);"
    database(tmp_path, f"create table t (x integer, at timestamp); {values}")
    status, error, table = run(tmp_path, more="columns: {x: varchar, at: timestamptz}")
    assert status == "succeeded", error
    assert table.column("x").to_pylist() == ["12", "x", "1.5"]
    assert [at and at.timestamp() for at in table.column("at").to_pylist()] == [1704067200.0, 1704067200.0, None]


def test_values_decide_where_no_type_is_declared(tmp_path):
    """A column without a telling type is what its values are; mixed numbers are DOUBLE, nothing at all is text."""
    database(
        tmp_path,
        "create table t (a, b, c, d, e, f unheard_of);"
        "insert into t values (1, 1, 'x', x'01', null, 9223372036854775807), (2, 2.5, 'y', null, null, null);",
    )
    table = rows(tmp_path, table="t")
    assert [str(t) for t in table.schema.types] == ["int64", "double", "string", "binary", "string", "int64"]
    assert table.column("b").to_pylist() == [1.0, 2.5]


@pytest.mark.parametrize(
    ("values", "told"),
    [("(1), ('x')", "integer and text"), ("('x'), (x'00')", "blob and text"), ("(9007199254740993), (1.5)", "reals")],
)
def test_values_that_do_not_agree_are_told(tmp_path, values, told):
    """Values of several kinds in a column without a type are no reason to guess."""
    database(tmp_path, f"create table t (x); insert into t values {values};")
    with pytest.raises(StepError, match=told):
        rows(tmp_path, table="t")


def test_the_type_of_the_last_good_run_is_kept_where_it_holds_every_value(tmp_path):
    """Whole numbers in a column that held fractions stay DOUBLE, and an empty batch does not change a type."""
    database(tmp_path, "create table t (x, y); insert into t values (1, null);")
    table = rows(tmp_path, table="t", types={"x": "DOUBLE", "y": "BIGINT"})
    assert [str(t) for t in table.schema.types] == ["double", "int64"]


def test_a_query_keeps_the_declared_types(tmp_path):
    """Columns of a query that are columns of a table have their declared types; expressions have their values'."""
    database(tmp_path, "create table t (d date, x decimal(5,2)); insert into t values ('2024-01-01', 1.5), (null, 2);")
    table = rows(tmp_path, query="select d, x, x * 2 as twice, count(*) over () n from t -- the end\n;")
    assert [str(t) for t in table.schema.types] == ["date32[day]", "decimal128(5, 2)", "double", "int64"]
    assert table.num_rows == 2
    with pytest.raises(StepError, match="two columns named 'd'"):
        rows(tmp_path, query="select d, d from t")


@pytest.mark.parametrize("query", ["delete from t", "select 1; delete from t", "select nope from t", "select * from u"])
def test_a_query_that_is_no_query_changes_nothing(tmp_path, query):
    """A query only reads, and one that fails says so in a step's error."""
    file = database(tmp_path, "create table t (x integer); insert into t values (1);")
    with pytest.raises(StepError):
        rows(tmp_path, query=query)
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("select * from t").fetchall() == [(1,)]


def test_selected_columns_come_in_their_order(tmp_path):
    """Only the columns asked for are read, so that a broken one beside them does not matter."""
    database(tmp_path, "create table t (a integer, b integer, c integer); insert into t values (1, 'broken', 3);")
    assert rows(tmp_path, table="t", select=["C", "a"]).to_pylist() == [{"c": 3, "a": 1}]
    with pytest.raises(StepError, match="column 'd' does not exist"):
        rows(tmp_path, table="t", select=["d"])


def test_awkward_names_and_empty_tables(tmp_path):
    """Names with quotes, blanks and keywords are names; a table without rows keeps its columns."""
    database(tmp_path, 'create table "my ""t" ("select" integer, "a ""b" text, "ü" date);')
    table = rows(tmp_path, table='"my ""t"')
    assert table.schema.names == ["select", 'a "b', "ü"]
    assert table.num_rows == 0


def test_long_texts_come_in_small_batches(tmp_path):
    """Batches are bounded by their size, not only by their rows, and no character is lost."""
    database(
        tmp_path,
        "create table t (s text); with recursive n(i) as (select 1 union all select i+1 from n where i < 40)"
        "insert into t select printf('%.*c', 2000000, 'x') || i from n;",
    )
    with SqliteConnector().read(request(tmp_path, table="t")).open() as reader:
        batches = list(reader)
    assert max(batch.num_rows for batch in batches) < 20
    assert [len(v) for b in batches for v in b.column(0).to_pylist()] == [2000001] * 9 + [2000002] * 31


def test_text_that_is_not_utf8_is_told(tmp_path):
    """Bytes that are no text in a text column are an error that names the column."""
    database(tmp_path, "create table t (x text); insert into t values (cast(x'ff41' as text));")
    with pytest.raises(StepError, match="column 'x' is not UTF-8") as caught:
        rows(tmp_path, table="t")
    assert caught.value.kind == "bad_data"


def test_missing_files_tables_and_what_is_no_database(tmp_path):
    """Each is an error of its kind, with the remedy."""
    with pytest.raises(StepError) as caught:
        rows(tmp_path, table="t")
    assert (caught.value.kind, caught.value.code) == ("not_found", "SF501")
    database(tmp_path, "create table orders (x integer);")
    with pytest.raises(StepError, match=r"shop\.db has no table ordres") as caught:
        rows(tmp_path, table="ordres")
    assert (caught.value.kind, caught.value.hint) == ("not_found", "did you mean 'orders'?")
    with pytest.raises(StepError, match=r"shop\.db has no table ordres") as caught:
        rows(tmp_path, query="select * from ordres")
    (tmp_path / "shop.db").write_text("This is a text that somebody saved under the wrong name, and a long one. " * 20)
    with pytest.raises(StepError, match="not an SQLite database") as caught:
        rows(tmp_path, table="t")
    assert caught.value.kind == "bad_data"
    report = SqliteConnector().test(SqliteFile(path="shop.db"), tmp_path)
    assert (report.ok, report.message) == (False, "shop.db is not an SQLite database")


def test_a_locked_file_is_transient_and_retried(tmp_path):
    """While another process holds the lock the step waits, tells, and is tried again."""
    database(tmp_path, "create table t (x integer); insert into t values (1);")
    with closing(sqlite3.connect(tmp_path / "shop.db", isolation_level=None, check_same_thread=False)) as holder:
        holder.execute("begin exclusive")
        impatient = ReadRequest(SqliteFile(path="shop.db", lock_timeout="10ms"), SqliteRead(table="t"), tmp_path)
        with pytest.raises(TransientError, match="locked by another process"):
            SqliteConnector().read(impatient).open()
        from threading import Timer

        timer = Timer(0.5, holder.rollback)
        timer.start()
        more = "retry: {attempts: 20, delay: 100ms, backoff: constant}"
        status, error, table = run(tmp_path, "table: t, lock_timeout: 10ms", more)
        timer.join()
    assert status == "succeeded", error
    assert table.num_rows == 1


def test_problems_are_found_before_anything_runs(tmp_path):
    """A file that is not there, both of table and query, a schema: told at their keys."""
    database(tmp_path, "create table t (x integer);")
    file = tmp_path / "spec.yaml"
    for source, told in [
        ("path: no.db, table: t", "file not found: no.db"),
        ("path: shop.db", "needs a table or a query"),
        ("path: shop.db, table: t, query: select 1", "needs a table or a query"),
        ("path: shop.db, query: select 1, select: [x]", "select has no effect"),
        ("path: shop.db, table: other.t", "names a schema"),
        ("path: shop.db, tabel: t", "unknown key 'tabel'"),
    ]:
        load = f"{{id: a, type: load, source: {{connector: sqlite, {source}}}, target: out}}"
        file.write_text(f"version: 1\nname: s\nsteps:\n  - {load}\n")
        assert any(told in p.message for p in Pipeline.from_file(file).validate()), source


def test_importing_the_plugin_imports_nothing_heavy():
    """Whoever has the plugin installed pays for it only when a document uses it."""
    code = (
        "import sqlflow_sqlite, sys; print(sorted({'sqlite3', 'pyarrow', 'duckdb', 'pydantic'} & set(sys.modules)));"
        "import sqlflow_sqlite.connector; print(sorted({'sqlite3', 'pyarrow', 'duckdb'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[1] == "[]", done.stdout
