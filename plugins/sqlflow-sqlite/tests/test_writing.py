"""Writing SQLite files: every mode, in one transaction, without a value being changed."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from textwrap import dedent, indent

import pytest

from sqlflow.pipeline import Pipeline

README = Path(__file__).parents[1] / "README.md"


def query(file, sql="select * from t", *values):
    """Ask a database directly, and change it when the statement does."""
    with closing(sqlite3.connect(file)) as db, db:
        return db.executescript(sql).fetchall() if ";" in sql else db.execute(sql, values).fetchall()


def pipeline(folder, sql, more="mode: replace", table="t"):
    """Return a pipeline with one export."""
    file = folder / "spec.yaml"
    text = f"""
        - id: out
          type: export
          target: {{connector: sqlite, path: out/t.db, table: {table}}}
          {more}
          sql: |
{indent(dedent(sql).strip(), " " * 12)}
    """
    file.write_text(f"version: 1\nname: s\nsteps:\n{dedent(text)}\n")
    return Pipeline.from_file(file)


def export(folder, sql, more="mode: replace", table="t"):
    """Run an export; return its error, or None."""
    with pipeline(folder, sql, more, table).run() as result:
        return result.steps[0].error


EVERYTHING = """
    select * from (values
      (true, 127::tinyint, 9223372036854775807, 9223372036854775807::ubigint, 1.5::double,
       0.10::decimal(10,2), 1234567890123456789::decimal(38,10), '', ''::blob, date '2024-02-29',
       timestamp '2024-02-29 10:00:00.123456', timestamptz '2024-02-29 10:00:00+02', time '23:59:59.5',
       timestamp_ns '2024-01-01 00:00:00.123456789'),
      (false, -128, -9223372036854775808, 0, -1e308, -12345678.9, 12345.0123456789, 'o''é🎉', '\\x00\\xFF',
       date '0001-01-01',
       timestamp '9999-12-31 23:59:59', timestamptz '1969-12-31 23:59:59.5+00', time '00:00',
       timestamp_ns '1970-01-01 00:00:00'),
      (null, null, null, null, null, null, null, null, null, null, null, null, null, null)
    ) v(yes, tiny, big, ubig, r, d, long, s, b, day, moment, zoned, clock, nanos)
"""


def test_what_is_written_is_read_again(tmp_path):
    """Every type goes out and comes back with the same values: extremes, Unicode, '' beside NULL, exact decimals."""
    assert export(tmp_path, EVERYTHING) is None
    file = tmp_path / "back.yaml"
    file.write_text(
        "version: 1\nname: b\nsteps:\n"
        "  - {id: a, type: load, source: {connector: sqlite, path: out/t.db, table: t}, target: came}\n"
        f"  - id: b\n    type: transform\n    target: went\n    sql: |\n{indent(dedent(EVERYTHING), ' ' * 6)}\n"
        "  - {id: c, type: transform, target: differ, sql: 'from went except from came'}\n"
    )
    with Pipeline.from_file(file).run() as result:
        assert result.status == "succeeded", [step.error for step in result.steps]
        assert result.table("differ").num_rows == 0
        assert result.table("came").num_rows == 3


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("'nan'::double", "holds NaN"),
        ("date 'infinity'", "outside of the years"),
        ("timestamp '10000-01-01 00:00:00'", "outside of the years"),
        ("date '0001-12-31 (BC)'", "outside of the years"),
        ("18446744073709551615::ubigint", "holds 18446744073709551615"),
        ("1234567890123456.78::decimal(38,2)", "holds 1234567890123456.78"),
        ("[1]", "cannot keep column 'x' of type INTEGER[]"),
        ("interval 1 day", "of type INTERVAL"),
        ("'101'::bit", "of type BIT"),
    ],
)
def test_what_sqlite_would_change_is_refused(tmp_path, value, told):
    """A value that SQLite cannot keep stops the export and leaves the old rows."""
    assert export(tmp_path, "select 1 as x") is None
    error = export(tmp_path, f"select {value} as x")
    assert told in error["message"]
    assert "CAST" in error["hint"] or "CASE" in error["hint"]
    assert query(tmp_path / "out/t.db") == [(1,)]


def test_replace_swaps_rows_and_columns(tmp_path):
    """The new rows stand in the place of the old; indexes stay; no rows leave a table with its columns."""
    file = tmp_path / "out/t.db"
    assert export(tmp_path, "select 1 as a, 'x' as b") is None
    query(file, "create index ix on t(a); create view v as select a from t; create table other(x);")
    assert export(tmp_path, "select b, a from (values (2, 'y'), (3, null)) v(a, b)") is None
    assert query(file, "select a, b from t") == [(2, "y"), (3, None)]
    assert query(file, "select * from v") == [(2,), (3,)]
    assert export(tmp_path, "select 1::bigint as a, date '2024-01-01' as d where false") is None
    assert query(file, "select name, type from pragma_table_info('t')") == [("a", "INTEGER"), ("d", "DATE")]
    assert query(file, "select name from sqlite_master where type = 'index'") == [("ix",)]
    error = export(tmp_path, "select 1 as b")
    assert "ix of t cannot be kept" in error["message"]
    assert query(file, "select name from pragma_table_info('t')") == [("a",), ("d",)]
    assert "v is a view" in export(tmp_path, "select 1 as b", table="v")["message"]


def test_append_needs_no_at_least_once_and_a_repeated_one_writes_nothing(tmp_path):
    """The token of an append is kept with its rows: the same write again, by any attempt, adds no row."""
    import pyarrow as pa
    from sqlflow_sqlite.connector import SqliteConnector, SqliteFile, SqliteWrite

    from sqlflow.sdk import TableSchema, WriteRequest

    class Rows:
        dialect = "duckdb"
        schema = TableSchema.of(("x", "BIGINT"))

        def copy(self, statement):
            raise AssertionError(statement)

        def batches(self):
            return pa.table({"x": [1, 2]}).to_reader()

    def append(token, table="t"):
        config, options = SqliteFile(path="a.db"), SqliteWrite(table=table)
        return SqliteConnector().write(WriteRequest(config, options, tmp_path, "append", (), token), Rows())

    assert append("run-1/load/1").rows == 2
    assert append("run-1/load/1").rows == 0
    assert "already committed" in append("run-1/load/2").places[0]
    assert query(tmp_path / "a.db") == [(1,), (2,)]
    assert append("run-1/other/1").rows == 2
    assert append("run-1/load/1", "u").rows == 2
    assert append("run-2/load/1").rows == 2
    assert len(query(tmp_path / "a.db")) == 6
    assert export(tmp_path, "select 1 as x", "mode: append") is None
    assert export(tmp_path, "select 1 as x", "mode: append") is None
    assert query(tmp_path / "out/t.db") == [(1,), (1,)]


def test_merge_updates_inserts_and_leaves_other_columns_alone(tmp_path):
    """Matched rows take the new values, new keys come in, columns that the rows lack keep theirs."""
    file = tmp_path / "out/t.db"
    more = "mode: merge\n          key: [id, day]"
    first = "select * from (values (1, date '2024-01-01', 'a'), (2, date '2024-01-01', 'b')) v(id, day, s)"
    assert export(tmp_path, first, more) is None
    query(file, "alter table t add column note text default 'none'; update t set note = 'kept' where id = 2;")
    second = "select * from (values ('B', 2, date '2024-01-01'), "
    second += "('c', 2, date '2024-01-02'), (null, 3, date '2024-01-01')) v(s, id, day)"
    for _ in range(2):
        assert export(tmp_path, second, more) is None
        assert query(file, "select * from t order by id, day") == [
            (1, "2024-01-01", "a", "none"),
            (2, "2024-01-01", "B", "kept"),
            (2, "2024-01-02", "c", "none"),
            (3, "2024-01-01", None, "none"),
        ]
    assert export(tmp_path, second + " where false", more) is None
    assert len(query(file)) == 4


def test_keys_of_a_merge_tell_case_apart(tmp_path):
    """'a' and 'A' are two keys, whatever collation the target's column has."""
    file = tmp_path / "out/t.db"
    file.parent.mkdir()
    query(file, "create table t (k text collate nocase, n integer); insert into t values ('a', 1);")
    assert export(tmp_path, "select * from (values ('A', 2)) v(k, n)", "mode: merge\n          key: [k]") is None
    assert query(file) == [("a", 1), ("A", 2)]


@pytest.mark.parametrize("mode", ["merge", "delete_insert"])
def test_keys_must_be_there(tmp_path, mode):
    """NULL in a key, a key that is not in the rows and (in a merge) a key that comes twice stop the export."""
    more = f"mode: {mode}\n          key: [id]"
    assert export(tmp_path, "select 1 as id", more) is None
    assert "key column 'id' is NULL in 1 rows" in export(tmp_path, "select null::int as id", more)["message"]
    assert "key column 'id' is not in the rows" in export(tmp_path, "select 1 as no", more)["message"]
    error = export(tmp_path, "select unnest([2, 2]) as id", more)
    assert (error is None) == (mode == "delete_insert")
    if error:
        assert "hold keys twice: id = 2" in error["message"]
        assert query(tmp_path / "out/t.db") == [(1,)]


def test_delete_insert_replaces_whole_groups(tmp_path):
    """Rows whose key occurs in the batch go, those of other keys stay."""
    more = "mode: delete_insert\n          key: [day]"
    assert export(tmp_path, "select * from (values (1, 'a'), (1, 'b'), (2, 'c')) v(day, s)", more) is None
    assert export(tmp_path, "select * from (values (1, 'x'), (3, 'y')) v(day, s)", more) is None
    assert sorted(query(tmp_path / "out/t.db")) == [(1, "x"), (2, "c"), (3, "y")]


@pytest.mark.parametrize(
    ("declared", "value", "fits"),
    [
        ("integer", "'007'", False),
        ("string", "'007'", False),
        ("string", "'seven'", True),
        ("text", "7", False),
        ("text", "'7'", True),
        ("real", "9007199254740993", False),
        ("real", "7", True),
        ("integer", "7.0::double", True),
        ("", "'007'", True),
        ("real", "9007199254740993::decimal(38,2)", False),
        ("numeric", "9007199254740993::decimal(38,2)", True),
        ("numeric", "1.25::decimal(38,2)", True),
        ("datetime", "timestamp '2024-01-01 00:00:00'", True),
    ],
)
@pytest.mark.parametrize("mode", ["mode: append", "mode: merge\n          key: [id]"])
def test_a_declared_type_never_changes_a_value_unseen(tmp_path, declared, value, fits, mode):
    """A column of the target that would keep another value than the one that was sent stops the export."""
    file = tmp_path / "out/t.db"
    file.parent.mkdir()
    query(file, f"create table t (id integer, x {declared}); insert into t (id) values (0);")
    error = export(tmp_path, f"select 1 as id, {value} as x", mode)
    if fits:
        assert error is None
    else:
        assert "would keep" in error["message"]
    assert len(query(file)) == 1 + fits


def test_constraints_and_missing_columns_leave_the_old_rows(tmp_path):
    """A row that breaks a constraint, or a column that the table lacks, leaves everything as it was."""
    file = tmp_path / "out/t.db"
    file.parent.mkdir()
    query(file, "create table t (id integer primary key, s text not null); insert into t values (1, 'a');")
    twice = export(tmp_path, "select * from (values (2, 'b'), (1, 'c')) v(id, s)", "mode: append")
    assert (twice["code"], "UNIQUE constraint failed" in twice["message"]) == ("SF712", True)
    missing = export(tmp_path, "select 2 as id", "mode: append")
    assert "NOT NULL constraint failed" in missing["message"]
    more = export(tmp_path, "select 2 as id, 'x' as s, 1 as more", "mode: append")
    assert "has no column 'more'" in more["message"]
    assert query(file) == [(1, "a")]


def test_a_killed_write_leaves_the_old_rows(tmp_path):
    """Killed between dropping the old table and the commit, the file has the old rows and nothing else."""
    assert export(tmp_path, "select 1 as x") is None
    program = f"""
        import os, signal, sqlite3
        import sqlflow_sqlite.writing as writing
        made = writing._inserted
        def killed(db, target, columns, condition=""):
            made(db, target, columns, condition)
            os.kill(os.getpid(), signal.SIGKILL)
        writing._inserted = killed
        from sqlflow.pipeline import Pipeline
        Pipeline.from_file({str(tmp_path / "spec.yaml")!r}).run()
    """
    pipeline(tmp_path, "select range as x, repeat('x', 100) as filler from range(200000)")
    done = subprocess.run([sys.executable, "-c", dedent(program)], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    file = tmp_path / "out/t.db"
    load = "{id: a, type: load, source: {connector: sqlite, path: out/t.db, table: t}, target: came}"
    (tmp_path / "back.yaml").write_text(f"version: 1\nname: b\nsteps:\n  - {load}\n")
    with Pipeline.from_file(tmp_path / "back.yaml").run() as result:
        assert result.status == "succeeded", result.steps[0].error
        assert result.table("came").to_pylist() == [{"x": 1}]
    assert query(file, "select name from sqlite_master") == [("t",)]


def test_a_locked_target_is_transient(tmp_path):
    """While another process writes, the export waits, and then says who is to wait."""
    assert export(tmp_path, "select 1 as x") is None
    with closing(sqlite3.connect(tmp_path / "out/t.db", isolation_level=None)) as holder:
        holder.execute("begin immediate")
        error = export(tmp_path, "select 2 as x", table="t, lock_timeout: 10ms")
        holder.execute("rollback")
    assert (error["kind"], "is locked by another process" in error["message"]) == ("transient", True)
    assert query(tmp_path / "out/t.db") == [(1,)]


def test_what_is_no_database_is_not_overwritten(tmp_path):
    """A file of another kind is left alone."""
    file = tmp_path / "out/t.db"
    file.parent.mkdir()
    file.write_text("precious, " * 200)
    assert "not an SQLite database" in export(tmp_path, "select 1 as x")["message"]
    assert file.read_text() == "precious, " * 200


def test_the_spec_of_the_readme_runs(tmp_path):
    """What the README shows works, twice."""
    query(
        tmp_path / "shop.db",
        "create table orders (id integer, day date, amount decimal(10,2), updated_at timestamp);"
        "insert into orders values (1, '2024-01-01', 9.99, '2024-01-01 10:00:00'),"
        " (2, '2024-01-01', 0.01, '2024-01-01 11:00:00');",
    )
    file = tmp_path / "spec.yaml"
    file.write_text(README.read_text().split("```yaml\n")[1].split("```")[0])
    for _ in range(2):
        with Pipeline.from_file(file).run() as result:
            assert result.status == "succeeded", [step.error for step in result.steps]
        assert query(tmp_path / "totals.db", "select * from totals") == [("2024-01-01", 10)]
