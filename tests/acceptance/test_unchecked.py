"""What `sqlflow validate` cannot know: it is listed with the way to make it known, and nothing is guessed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Validate = Callable[..., tuple[int, list[dict[str, Any]]]]
HEAD = "version: 1\nname: shop\n"


@pytest.fixture
def validate(tmp_path: Path) -> Validate:
    """Validate a document as a user would; returns the exit code and the problems."""

    def call(steps: str, *options: str, **files: str) -> tuple[int, list[dict[str, Any]]]:
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_csv", ".csv").replace("_py", ".py")
            path.parent.mkdir(exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        (tmp_path / "shop.yaml").write_text(HEAD + textwrap.dedent(steps), encoding="utf-8")
        done = sqlflow(tmp_path, "validate", "shop.yaml", "--output", "json", *options)
        return done.returncode, json.loads(done.stdout)["problems"]

    return call


def sqlflow(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a folder."""
    environment = {**os.environ, "NO_COLOR": "1"}
    command = [sys.executable, "-m", "sqlflow.cli.main", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


READS = """
  - id: daily
    type: transform
    target: marts.daily
    sql: select order_id, amuont from raw.orders
"""


def test_a_source_without_columns_is_unchecked_and_all_that_reads_it(validate: Validate) -> None:
    """A source that is not on this machine is one notice, at its place, naming every step that was left alone."""
    steps = (
        """
steps:
  - id: orders
    type: load
    source: {connector: duckdb, path: "${env:SHOP_FILE}", table: orders}
    target: raw.orders
"""
        + READS
        + """
  - id: more
    type: transform
    target: marts.more
    sql: select * from marts.daily d join raw.orders o using (order_id)
"""
    )
    code, problems = validate(steps)
    told = [p for p in problems if p["code"] == "SF426"]
    assert code == 0
    assert [(p["severity"], p["line"]) for p in told] == [("unchecked", 7)]
    assert "'daily', 'more'" in told[0]["message"]
    assert "columns" in told[0]["hint"]
    assert "sqlflow schema pin shop.yaml orders" in told[0]["hint"]


def test_declared_columns_make_it_known(validate: Validate) -> None:
    """With its columns declared the same source is no secret, and a column that it lacks is an error."""
    steps = (
        """
steps:
  - id: orders
    type: load
    source: {connector: duckdb, path: "${env:SHOP_FILE}", table: orders}
    target: raw.orders
    columns: {order_id: bigint, amount: double}
"""
        + READS
    )
    code, problems = validate(steps)
    assert code == 2
    assert [p["code"] for p in problems if p["severity"] == "error"] == ["SF421"]


def test_a_load_that_nobody_reads_is_not_worth_a_word(validate: Validate) -> None:
    """What no step needs to know is not told."""
    steps = """
steps:
  - id: orders
    type: load
    source: {connector: duckdb, path: other.duckdb, table: orders}
    target: raw.orders
"""
    code, problems = validate(steps, other_csv="")
    assert [p["code"] for p in problems] == ["SF501"]
    assert code == 2


def test_a_table_that_nobody_makes_is_looked_up_in_the_warehouse(validate: Validate, tmp_path: Path) -> None:
    """Without --state such a table is unchecked; with it, its columns are those of the warehouse."""
    made = "steps:\n  - {id: one, type: transform, target: raw.orders, sql: select 1 as order_id}\n"
    (tmp_path / "shop.yaml").write_text(HEAD + made, encoding="utf-8")
    assert sqlflow(tmp_path, "run", "shop.yaml").returncode == 0
    code, problems = validate("steps:" + READS)
    assert (code, [(p["code"], p["severity"]) for p in problems]) == (0, [("SF426", "unchecked")])
    code, problems = validate("steps:" + READS, "--state")
    assert (code, [(p["code"], p["severity"]) for p in problems]) == (2, [("SF421", "error")])
    code, problems = validate("steps:" + READS.replace("raw.orders", "raw.nothing"), "--state")
    assert (code, [(p["code"], p["severity"]) for p in problems]) == (2, [("SF420", "error")])


def test_recorded_columns_count_where_none_are_declared(validate: Validate, tmp_path: Path) -> None:
    """With --state a source that cannot be asked has the columns of its last good run."""
    import duckdb

    with duckdb.connect(str(tmp_path / "other.duckdb")) as other:
        other.execute("create table orders as select 1 as order_id, 2.5 as amount")
    steps = """
steps:
  - id: orders
    type: load
    source: {connector: duckdb, path: other.duckdb, table: orders}
    target: raw.orders
"""
    (tmp_path / "shop.yaml").write_text(HEAD + steps, encoding="utf-8")
    assert sqlflow(tmp_path, "run", "shop.yaml").returncode == 0
    assert [p["code"] for p in validate(steps + READS)[1]] == ["SF426"]
    code, problems = validate(steps + READS, "--state")
    assert (code, [p["code"] for p in problems]) == (2, ["SF421"])


def test_without_a_warehouse_there_is_no_state(validate: Validate) -> None:
    """Asking for a warehouse that is not there yet is told, and stops nothing."""
    code, problems = validate("steps:\n  - {id: one, type: transform, target: a, sql: select 1 as x}\n", "--state")
    assert code == 0
    assert [p["severity"] for p in problems] == ["unchecked"]
    assert "no warehouse" in problems[0]["message"]


CALLS = """
steps:
  - id: one
    type: transform
    target: marts.one
    sql: select tax(date '2024-01-01') as t
"""
TYPED = "from sqlflow import udf\n\nraise SystemExit('imported')\n\n@udf\ndef tax(a: float) -> float:\n    return a\n"
UNTYPED = "from sqlflow import udf\nT = float\n\n@udf\ndef tax(a: T) -> T:\n    return a\n"


def test_functions_are_read_and_not_imported(validate: Validate) -> None:
    """A wrong argument is found by the types in the source of a file that is never run."""
    code, problems = validate(CALLS, udfs__tax_py=TYPED)
    assert (code, [p["code"] for p in problems]) == (2, ["SF423"])
    assert "tax(DATE)" in problems[0]["message"]


def test_a_function_without_types_is_unchecked_until_it_is_imported(validate: Validate) -> None:
    """Types that cannot be read off the source are known with --with-functions only."""
    code, problems = validate(CALLS, udfs__tax_py=UNTYPED)
    assert (code, [(p["code"], p["severity"]) for p in problems]) == (0, [("SF426", "unchecked")])
    assert "--with-functions" in problems[0]["hint"]
    code, problems = validate(CALLS, "--with-functions")
    assert (code, [p["code"] for p in problems]) == (2, ["SF423"])


def test_a_broken_file_of_functions_hides_nothing_else(validate: Validate) -> None:
    """A file that does not parse leaves its functions unknown, and a wrong column elsewhere is told."""
    steps = CALLS + "  - {id: two, type: transform, target: marts.two, sql: select a from marts.three}\n"
    steps += "  - {id: three, type: transform, target: marts.three, sql: select 1 as b}\n"
    code, problems = validate(steps, udfs__tax_py="def (")
    assert code == 2
    assert [(p["code"], p["severity"]) for p in problems] == [("SF426", "unchecked"), ("SF421", "error")]


@pytest.mark.parametrize(
    "source", ["read_csv('https://nowhere.invalid/a.csv')", "'https://nowhere.invalid/a.parquet'", "'other.csv'"]
)
def test_sql_that_reads_files_is_not_let_at_them(validate: Validate, source: str) -> None:
    """SQL that reads a file or an address by itself is unchecked; nothing is opened."""
    steps = f"""
steps:
  - id: one
    type: transform
    target: marts.one
    sql: select * from {source}
"""
    code, problems = validate(steps, other_csv="a\n1\n")
    assert (code, [(p["code"], p["severity"], p["line"]) for p in problems]) == (0, [("SF426", "unchecked", 8)])


def test_a_step_that_is_wrong_elsewhere_hides_no_column(validate: Validate) -> None:
    """One broken step leaves the SQL of the others checked; what reads its table is not called wrong."""
    steps = """
steps:
  - {id: broken, type: transform, target: raw.broken, sql: select 1 as a, mode: sideways}
  - {id: fine, type: transform, target: raw.fine, sql: select 1 as a}
  - {id: two, type: transform, target: marts.two, sql: select b from raw.fine}
  - {id: three, type: transform, target: marts.three, sql: select b from raw.broken}
"""
    code, problems = validate(steps)
    assert code == 2
    assert [p["code"] for p in problems] == ["SF203", "SF421"]


def test_validating_writes_nothing(validate: Validate, tmp_path: Path) -> None:
    """No warehouse is made, and statements of a step of type sql are not run on one."""
    steps = """
steps:
  - id: make
    type: sql
    sql: create table raw.made (a int); insert into raw.made values (1)
"""
    assert validate(steps)[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shop.yaml"]


def test_a_key_that_does_not_exist_is_a_problem_whatever_its_value(validate: Validate) -> None:
    """A value that is not known here hides no misspelt key: neither of a connection nor of a source."""
    code, problems = validate("""
connections:
  files: {connector: csv, foldr: "${env:NOT_SET_ANYWHERE}"}
steps:
  - {id: a, type: load, source: {connection: files, path: a.csv, delimitr: "${env:NOT_SET_ANYWHERE}"}, target: a}
""")
    assert code == 2
    assert [p["message"] for p in problems if p["code"] == "SF201"] == [
        "unknown key 'foldr' in connection 'files'",
        "unknown key 'delimitr' in source of step 'a'",
    ]


PARTIAL = """
vars: {since: 2024-01-01}
connections:
  shop: {connector: http, base_url: http://127.0.0.1:9}
steps:
  - id: orders
    type: load
    source: {connection: shop, path: orders}
    target: raw.orders
    mode: merge
    key: [order_id]
    cursor: updated_at
    columns: {order_id: bigint, amount: "decimal(12,2)"}
    checks: [{expression: amount >= 0}, {expression: status <> 'x'}]
  - id: copy
    type: transform
    target: raw.copy
    sql: select * from raw.orders
  - {id: days, type: transform, target: marts.days, sql: select order_date from raw.copy}
  - {id: other, type: transform, target: raw.other, sql: select 1 as customer_id}
  - {id: using_, type: transform, target: a1, sql: select amount from raw.orders join raw.other using (customer_id)}
  - {id: equal, type: transform, target: a2, sql: "select 1 as n from raw.orders o, raw.other p where o.CUSTOMER = 1"}
  - {id: natural_, type: transform, target: a3, sql: select amount from raw.orders natural join raw.other}
  - {id: by_name, type: transform, target: a4, sql: "select columns('na.*') from raw.orders"}
  - {id: sums, type: transform, target: marts.sums, sql: select sum(SUM) as total from raw.orders}
""".replace("CUSTOMER", "customer_id")


def test_declared_columns_are_a_partial_contract(validate: Validate) -> None:
    """A source that nobody asks may have more columns than are declared of it: what uses them is unchecked."""
    code, problems = validate(PARTIAL.replace("SUM", "amount"))
    told = {p["message"].split("'")[-2]: (p["code"], p["message"].split(" is not ")[0]) for p in problems[1:]}
    assert told == {
        "orders": ("SF426", "column 'status'"),
        "days": ("SF426", "column 'order_date'"),
        "using_": ("SF426", "column 'customer_id'"),
        "equal": ("SF426", "column 'customer_id'"),
        "natural_": ("SF426", "which columns raw.orders has"),
        "by_name": ("SF426", "which columns raw.orders has"),
    }
    assert "'updated_at'" in problems[0]["message"]
    assert all("schema pin" in p["hint"] for p in problems)
    assert code == 0


def test_a_declared_column_that_is_misspelt_is_told(validate: Validate) -> None:
    """A name that is all but a declared one is taken for it, and types that are declared hold."""
    code, problems = validate(PARTIAL.replace("SUM", "amuont"))
    assert code == 2
    assert [p["hint"] for p in problems if p["code"] == "SF421"] == ["did you mean 'amount'?"]
    code, problems = validate(PARTIAL.replace("sum(SUM)", "year(order_id)"))
    assert (code, [p["code"] for p in problems if p["severity"] == "error"]) == (2, ["SF423"])


def test_an_unset_secret_is_named_and_not_masked(validate: Validate) -> None:
    """The expression that stands in the document is no secret: its hint can be read."""
    secret = PARTIAL.replace(
        "base_url: http://127.0.0.1:9", "base_url: http://127.0.0.1:9, auth: {bearer: '${env:NO_SUCH_TOKEN}'}"
    )
    problems = validate(secret.replace("SUM", "amount"))[1]
    found = next(p for p in problems if p["code"] == "SF308")
    assert found["hint"] == "set NO_SUCH_TOKEN, or write ${env:NO_SUCH_TOKEN:-default}"


SCRIPT = """
steps:
  - id: make
    type: sql
    sql: |
      {}
"""


@pytest.mark.parametrize(
    "statement",
    [
        "create index i on raw.t (id)",
        "create unique index i on raw.t (id)",
        "alter table raw.t add column x integer",
        "drop table raw.t",
    ],
)
def test_a_table_that_a_script_changes_may_be_there_already(statement: str, validate: Validate) -> None:
    """What changes a table that no step makes is unchecked, as what writes its rows is."""
    code, problems = validate(SCRIPT.format(statement))
    assert (code, [p["code"] for p in problems]) == (0, ["SF426"])
    assert "no step here makes raw.t" in problems[0]["message"]


@pytest.mark.parametrize(
    ("statements", "wrong"),
    [
        ("create table raw.t (id int, twice int generated always as (id * 2) virtual)", "no_such"),
        ("create type if not exists mood as enum ('low', 'high'); create table raw.t (twice mood)", "no_such"),
        ("create or replace temporary table t (id int, twice int default 3)", None),
    ],
)
def test_what_reads_nothing_hides_nothing(statements: str, wrong: str | None, validate: Validate) -> None:
    """Tables and types are made in words of every kind, and what is made of them is known."""
    assert validate(SCRIPT.format(statements)) == (0, [])
    if wrong is not None:
        step = "  - {{id: use, type: transform, target: raw.u, sql: select {} from raw.t}}\n"
        assert validate(SCRIPT.format(statements) + step.format("twice")) == (0, [])
        code, problems = validate(SCRIPT.format(statements) + step.format(wrong))
        assert (code, [p["code"] for p in problems]) == (2, ["SF421"])


FILES = {
    "empty": {"a_csv": ""},
    "other delimiter": {"a_csv": "x;y\n1;2\n"},
    "other columns": {"a_csv": "x,y\n1,2\n", "b_csv": "x,z\n1,2\n"},
}


@pytest.mark.parametrize("fault", FILES)
def test_files_that_no_run_can_read_are_a_problem(fault: str, validate: Validate) -> None:
    """Files that are there and cannot be read are told; of new files a run may read others, so that is unchecked."""
    load = "steps:\n  - {id: a, type: load, source: {connector: csv, path: 'data/*.csv'}, target: raw.a}\n"
    files = {f"data__{name}": text for name, text in FILES[fault].items()}
    code, (problem,) = validate(load, **files)
    assert (code, problem["code"], problem["severity"], problem["line"]) == (2, "SF511", "error", 4)
    assert problem["hint"]
    new = load.replace("csv'}", "csv', incremental: new_files}, mode: append")
    code, (problem,) = validate(new, **files)
    assert (code, problem["code"], problem["severity"]) == (0, "SF426", "unchecked")
