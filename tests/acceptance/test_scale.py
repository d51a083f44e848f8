"""Many orders merged, joined, summed and exported, beside the same work in plain DuckDB.

By default a tenth of the rows. With SQLFLOW_SLOW=1 all of them, made by the generator of the shared acceptance data.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from decimal import Decimal

import duckdb
import pytest

ALL_ORDERS = 1_000_000
SLOW = os.environ.get("SQLFLOW_SLOW") == "1"

#: Orders as they must be: an update stands for the order that it names, all other orders stay.
PLAIN = """
create table orders as
with
    updates as (select * replace (amount::decimal(12,2) as amount) from read_csv($updates)),
    orders as (select * replace (amount::decimal(12,2) as amount) from read_csv($orders))
from updates union all by name from orders anti join updates using (order_id)
"""
REVENUE = """
select c.region, count(*), sum(o.quantity), sum(o.amount), count_if(o.status = 'u')
from orders o join read_csv($customers) c using (customer_id)
group by c.region order by c.region
"""
WRITTEN = "create table written as select * replace (amount::decimal(12,2) as amount) from read_csv($written)"


def generate(folder, orders):
    """Write orders, updates of the last tenth of them and as many new ones, and a customer for each twenty orders."""
    customers = orders // 20
    order = f"""
        i as order_id, (random()*{customers})::int+1 as customer_id, round(random()*500,2) as amount,
        (random()*10)::int+1 as quantity
    """
    first, last = orders * 9 // 10, orders * 11 // 10
    with duckdb.connect() as plain:
        plain.execute("select setseed(0.42)")
        for name, rows in {
            "orders": f"""
                select {order}, timestamp '2024-01-01' + interval (i) second as updated_at,
                    ['a','b','c','d'][1+(i%4)::int] as status
                from range({orders}) t(i)""",
            "updates": f"""
                select {order}, timestamp '2025-01-01' + interval (i) second as updated_at, 'u' as status
                from range({first},{last}) t(i)""",
            "customers": f"""
                select i as customer_id, 'cust'||i as name, ['us','eu','asia'][1+(i%3)::int] as region
                from range(1,{customers + 2}) t(i)""",
        }.items():
            plain.execute(f"copy ({rows}) to '{folder / name}.csv' (header)")


def test_scale_bounded(workspace, tmp_path):
    """Merged, joined, summed and exported rows are those of plain DuckDB, sums to the cent."""
    data = tmp_path / "data"
    data.mkdir()
    generate(data, ALL_ORDERS // 10)
    holds(workspace, data, ALL_ORDERS // 10)


@pytest.mark.skipif(not SLOW, reason="the full size takes a while: SQLFLOW_SLOW=1 runs it")
def test_scale_full(workspace, acceptance_data, tmp_path):
    """A million orders and two hundred thousand updates give what they give in plain DuckDB, sums to the cent."""
    (tmp_path / "data").mkdir()
    subprocess.run([sys.executable, acceptance_data / "scale_gen.py"], cwd=tmp_path, check=True)
    holds(workspace, tmp_path / "data", ALL_ORDERS)


def holds(workspace, data, orders):
    """Run the pipeline and hold its counts, its sums and its export of everything against plain DuckDB."""
    steps = workspace.run("scale.yaml", data=data)
    moved = steps["updates"]["rows"]
    assert (moved["inserted"], moved["updated"]) == (orders // 10, orders // 10)
    assert steps["everything"]["rows"]["read"] == orders + orders // 10

    with (workspace.folder / "out" / "revenue.csv").open(newline="", encoding="utf-8") as opened:
        _, *revenue = csv.reader(opened)
    files = {name: str(data / f"{name}.csv") for name in ("orders", "updates", "customers")}
    with duckdb.connect() as plain:
        plain.execute(PLAIN, {name: files[name] for name in ("orders", "updates")})
        wanted = plain.execute(REVENUE, {"customers": files["customers"]}).fetchall()
        plain.execute(WRITTEN, {"written": str(workspace.folder / "out" / "orders.csv")})
        lost = plain.sql("select count(*) from (from orders except all from written)").fetchall()
        made_up = plain.sql("select count(*) from (from written except all from orders)").fetchall()
    assert [[name, *map(Decimal, numbers)] for name, *numbers in revenue] == [list(row) for row in wanted]
    assert sum(int(row[1]) for row in revenue) == orders + orders // 10
    assert (lost, made_up) == ([(0,)], [(0,)])
