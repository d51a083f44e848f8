"""SQLite files as a document and the command line see them."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from sqlflow.pipeline import Pipeline


def script(file, sql):
    """Run statements on a database."""
    with closing(sqlite3.connect(file)) as db, db:
        db.executescript(sql)


def sqlflow(folder, *words):
    """Run the command line; return exit code, output and what went to stderr."""
    command = [str(Path(sys.executable).with_name("sqlflow")), *map(str, words)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def spec(folder, step):
    """Write a pipeline of one step."""
    file = folder / "s.yaml"
    file.write_text(f"version: 1\nname: s\nconnections: {{shop: {{connector: sqlite, path: shop.db}}}}\nsteps:\n{step}")
    return file


def test_two_runs_from_the_command_line_read_what_is_new(tmp_path):
    """Changed and tied rows arrive once, and older rows are not read again."""
    script(
        tmp_path / "shop.db",
        "create table o(id integer, at timestamp, v int);"
        "insert into o values (1, '2024-01-01 00:00:00', 1), (2, '2024-01-02 00:00:00', 1)",
    )
    file = spec(
        tmp_path,
        "  - {id: a, type: load, source: {connection: shop, table: o}, target: t, mode: merge, key: [id],"
        " cursor: at}\n",
    )
    assert sqlflow(tmp_path, "run", file)[0] == 0
    script(
        tmp_path / "shop.db",
        "update o set v = 7 where id = 1; update o set v = 2 where id = 2;"  # the first is below the watermark
        "insert into o values (3, '2024-01-02 00:00:00', 1)",
    )
    code, out, err = sqlflow(tmp_path, "run", file)
    assert code == 0, (out, err)
    code, out, err = sqlflow(tmp_path, "query", "select id, v from t order by id", "--spec", file, "-o", "json")
    assert [(row["id"], row["v"]) for row in json.loads(out)] == [(1, 1), (2, 2), (3, 1)]


def test_the_command_line_lists_and_tests_connections(tmp_path):
    """`connector list` knows sqlite; `connector test` tells what is wrong with a file, and makes none."""
    file = spec(tmp_path, "  - {id: a, type: load, source: {connection: shop, table: o}, target: t}\n")
    assert "sqlflow-sqlite 0.1.0" in sqlflow(tmp_path, "connector", "list")[1]
    code, out, _ = sqlflow(tmp_path, "connector", "test", "shop", "--spec", file)
    assert (code, "file not found: shop.db" in out) == (1, True), out
    assert not (tmp_path / "shop.db").exists()
    script(tmp_path / "shop.db", "create table o(id integer)")
    code, out, _ = sqlflow(tmp_path, "connector", "test", "shop", "--spec", file)
    assert (code, "tables: 1" in out) == (0, True), out
    (tmp_path / "shop.db").write_text("hello")
    code, out, _ = sqlflow(tmp_path, "connector", "test", "shop", "--spec", file)
    assert (code, "is not an SQLite database" in out) == (1, True), out


@pytest.mark.parametrize("table", ["sqlite_x", "_sqlflow_commits"])
def test_tables_of_others_are_no_targets(tmp_path, table):
    """Names that belong to SQLite or to the tokens of appends are found before anything runs."""
    step = f"  - {{id: a, type: export, sql: select 1 as x, target: {{connection: shop, table: {table}}}}}\n"
    problems = Pipeline.from_file(spec(tmp_path, step)).validate()
    assert [(p.code, p.hint) for p in problems] == [("SF502", "choose another name")]


def test_a_cast_that_fails_is_told_without_the_sql_behind_it(tmp_path):
    """The error names column, type and value."""
    script(tmp_path / "shop.db", "create table o(id integer, name text); insert into o values (1, 'a')")
    source = "source: {connection: shop, table: o}, target: t, columns: {name: bigint}"
    with Pipeline.from_file(spec(tmp_path, f"  - {{id: a, type: load, {source}}}\n")).run() as result:
        error = result.steps[0].error
    assert error["message"] == "column 'name' is declared bigint under columns but holds 'a'"
    assert error["hint"].endswith("columns: {name: varchar}")


def test_text_does_not_go_into_a_column_of_numbers(tmp_path):
    """SQLite would keep it; whoever reads the column would stumble."""
    script(tmp_path / "shop.db", "create table o(id integer, r real, x numeric); insert into o values (1, 1, 1)")
    for column, told in [("id", "is declared INTEGER and would hold 'abc'"), ("r", "is declared REAL")]:
        step = (
            f"  - {{id: a, type: export, mode: append, sql: 'select ''abc'' as {column}',"
            " target: {connection: shop, table: o}}\n"
        )
        with Pipeline.from_file(spec(tmp_path, step)).run() as result:
            assert told in result.steps[0].error["message"]
    with closing(sqlite3.connect(tmp_path / "shop.db")) as db:
        assert db.execute("select * from o").fetchall() == [(1, 1.0, 1)]


def test_columns_are_pinned_where_a_declared_one_makes_them_readable(tmp_path):
    """A column whose values disagree is read as what it is declared, and the others are written beside it."""
    script(tmp_path / "shop.db", "create table c(id integer, lim numeric); insert into c values (1, 5), (2, 'n/a')")
    step = "  - {{id: a, type: load, source: {{connection: shop, table: c}}, target: t{}}}\n"
    code, _, told = sqlflow(tmp_path, "schema", "pin", spec(tmp_path, step.format("")), "a")
    assert (code, "columns: {lim: varchar}" in told) == (1, True)
    file = spec(tmp_path, step.format(", columns: {lim: varchar}"))
    assert sqlflow(tmp_path, "schema", "pin", file, "a")[0] == 0
    assert "columns: {lim: varchar, id: BIGINT}" in file.read_text()
