"""Lineage of pipelines: from files over tables to exports, by column."""

from __future__ import annotations

import pytest

from sqlflow.lineage import trace
from sqlflow.pipeline import installed
from sqlflow.validation import hold_all

ORDERS = """
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
    sql: select day, sum(amount), count(*) as n from raw.orders where status = 'paid' group by day
  - id: report
    type: export
    source: marts.daily
    target: {connector: csv, path: out/daily.csv}
  - id: copy
    type: sql
    sql: |
      create or replace table marts.copy as select * from marts.daily;
"""
MORE = """
version: 1
name: more
steps:
  - id: yearly
    type: transform
    target: marts.yearly
    sql: select year(day) as y, sum(n) as n from marts.daily group by all
"""


@pytest.fixture
def lineage(tmp_path):
    """Return the lineage of two pipelines of one project."""
    (tmp_path / "sqlflow.yaml").write_text("version: 1\nname: shop\n")
    (tmp_path / "orders.csv").write_text("id,day,amount,status\n1,2024-01-01,2.5,paid\n")
    (tmp_path / "orders.yaml").write_text(ORDERS)
    (tmp_path / "more.yaml").write_text(MORE)
    held = hold_all([tmp_path / "more.yaml", tmp_path / "orders.yaml"], installed())
    assert [one.compiled.problems for one in held] == [(), ()]
    return trace((one.plan, one.compiled) for one in held)


def test_a_column_comes_from_its_file(lineage):
    """Upstream leads over steps and documents to the columns of the source."""
    assert lineage.upstream(("marts.yearly", "n")) == {("marts.daily", "n")}  # that one counts rows
    assert lineage.upstream(("marts.yearly", "y")) == {
        ("marts.daily", "day"), ("raw.orders", "day"), ("orders.csv", "day"),
    }  # fmt: skip
    assert lineage.upstream(("out/daily.csv", "sum(amount)")) == {
        ("marts.daily", "sum(amount)"), ("raw.orders", "amount"), ("orders.csv", "amount"),
    }  # fmt: skip


def test_what_depends_on_a_column_is_found(lineage):
    """Downstream finds every table and export with the columns that are touched, and nothing else."""
    found = lineage.downstream([("raw.orders", "amount")])
    assert {table: (sorted(t.columns), t.rows) for table, t in found.items()} == {
        "marts.daily": (["sum(amount)"], False),
        "out/daily.csv": (["sum(amount)"], False),
        "marts.copy": ([], True),
    }


def test_a_column_in_a_condition_touches_the_rows(lineage):
    """What decides which rows there are touches all that is made of them."""
    found = lineage.downstream([("raw.orders", "status")])
    assert {table for table, touched in found.items() if touched.rows} == {
        "marts.daily", "marts.yearly", "marts.copy", "out/daily.csv",
    }  # fmt: skip


def test_a_column_that_nobody_uses_touches_nothing(lineage):
    """A column that no step reads has nothing downstream."""
    assert lineage.downstream([("raw.orders", "id")]) == {}
