"""`sqlflow lineage`: where a column comes from and what is made of it, over all documents of a project."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

ORDERS = """\
version: 1
name: orders
steps:
  - id: orders
    type: load
    source: {connector: csv, path: orders.csv}
    target: raw.orders
  - id: daily
    type: transform
    target: marts.daily
    sql: select Day, sum(amount) as revenue from raw.orders where status = 'paid' group by day
  - id: report
    type: export
    source: marts.daily
    target: {connector: csv, path: out/daily.csv}
"""
MORE = """\
version: 1
name: more
steps:
  - id: again
    type: transform
    target: marts.total
    mode: append
    sql: select revenue as total from marts.daily
"""


@pytest.fixture
def lineage(tmp_path):
    """Return a function that asks about the lineage of a project of two documents."""
    (tmp_path / "sqlflow.yaml").write_text("version: 1\nname: shop\nspecs: ['*.yaml']\n")
    (tmp_path / "orders.csv").write_text("id,day,amount,status\n1,2024-01-01,2.5,paid\n")
    (tmp_path / "orders.yaml").write_text(ORDERS)
    (tmp_path / "more.yaml").write_text(MORE)

    def ask(*words, code=0):
        done = subprocess.run(
            [sys.executable, "-m", "sqlflow.cli.main", "lineage", *words],
            cwd=tmp_path,
            env={**os.environ, "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return ask


def test_a_column_is_followed_to_both_sides(lineage):
    """Files, tables and exports of every document are on the way; names are found in any spelling."""
    assert (
        lineage("MARTS.daily.REVENUE")
        == """\
marts.daily.revenue
  <- raw.orders.amount
    <- orders.csv.amount
  -> marts.total.total
  -> out/daily.csv.revenue
"""
    )


def test_a_table_shows_all_its_columns(lineage):
    """Asked about a table, each of its columns is told."""
    heads = [line for line in lineage("marts.daily").splitlines() if not line.startswith(" ")]
    assert heads == ["marts.daily.day", "marts.daily.revenue"]


def test_everything_at_once(lineage):
    """Without a name all tables are told with what feeds them, and JSON holds every column."""
    assert "marts.daily <- raw.orders" in lineage().splitlines()
    found = {(c["table"], c["column"]): c for c in json.loads(lineage("--output", "json"))}
    assert found["marts.daily", "revenue"]["from"] == [{"table": "raw.orders", "column": "amount"}]
    assert {"table": "out/daily.csv", "column": "revenue"} in found["marts.daily", "revenue"]["into"]


def test_a_drawing_names_every_table(lineage):
    """Mermaid draws the tables and their edges, with short names for whatever characters stand in long ones."""
    lines = lineage("--output", "mermaid").splitlines()
    assert lines[0] == "flowchart LR"
    assert any('"out/daily.csv"' in line for line in lines)
    assert sum("-->" in line for line in lines) == 4


def test_an_unknown_name_is_told_with_what_was_meant(lineage):
    """A misspelt column is no silence."""
    told = lineage("marts.daily.revnue", code=2)
    assert "SF432" in told
    assert "did you mean 'marts.daily.revenue'?" in told


def test_one_document_alone(lineage):
    """With --spec only those documents are looked at."""
    assert "marts.total" not in lineage("--spec", "orders.yaml")


def test_columns_that_a_step_makes_come_from_none(lineage, tmp_path):
    """The bounds of a version are columns like others, and no query brings them."""
    history = "  - {id: h, type: transform, target: marts.history, mode: scd2, key: [day], sql: from marts.daily}\n"
    (tmp_path / "orders.yaml").write_text(ORDERS + history)
    told = lineage("marts.history.valid_from")
    assert told.splitlines() == ["marts.history.valid_from", "  <- no column: its step makes it"]


def test_a_column_of_a_table_that_is_not_known(lineage, tmp_path):
    """Where nobody knows the columns of a table, what is known of all of them is told of each."""
    load = (
        "  - {id: far, type: load, source: {connector: postgres, dsn: 'postgresql://x', table: t}, target: raw.far}\n"
    )
    (tmp_path / "orders.yaml").write_text(ORDERS + load)
    assert "raw.far.*" in lineage("raw.far.anything")
    assert "raw.orders.nope" in lineage("raw.orders.nope", code=2)


def test_a_query_in_a_file_has_lineage(lineage, tmp_path):
    """Where the SQL of a step stands makes no difference."""
    (tmp_path / "daily.sql").write_text("select Day, sum(amount) as revenue from raw.orders group by day\n")
    (tmp_path / "orders.yaml").write_text(
        ORDERS.replace("sql: select Day, sum(amount) as revenue from raw.orders where status = 'paid' group by day",
                       "sql_file: daily.sql")
    )  # fmt: skip
    told = lineage("marts.daily.revenue")
    assert "<- raw.orders.amount" in told
    assert "-> marts.total.total" in told
    assert "-> marts.daily.revenue" in lineage("raw.orders.amount")
