"""Makes the data of the benchmarks, in a process of its own: `data.py KIND ROWS PATH`."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

#: Ten columns of the usual types; {key} is the order's number, {salt} makes another version of the same orders.
ORDERS = """
SELECT {key} AS order_id,
       (hash(i) % 200000)::INTEGER AS customer_id,
       TIMESTAMP '2024-01-01' + to_seconds(i * 6) AS created_at,
       DATE '2024-01-01' + (i // 14400)::INTEGER AS order_date,
       ['DE', 'FR', 'US', 'GB', 'IT', 'ES', 'PL', 'SE'][(1 + hash(i * 3) % 8)::INTEGER] AS country,
       'product ' || (hash(i * 5) % 5000) AS product,
       (1 + hash(i * 7) % 9)::INTEGER AS quantity,
       ((hash(i * 11 + {salt}) % 100000) / 100)::DECIMAL(10, 2) AS price,
       hash(i * 13) % 4 = 0 AS paid,
       CASE WHEN hash(i * 17) % 5 > 0 THEN left(md5(i::VARCHAR), 12) END AS note
FROM range({rows}) AS numbers (i)
"""

SPEC = """\
version: 1
name: revenue_{number}
description: Revenue by customer and day, for report {number}.
steps:
  - id: revenue
    type: transform
    target: marts.revenue_{number}
    sql: |
      select o.order_date, c.country, count(*) as orders, sum(o.amount) as revenue
      from raw.orders as o
      join raw.customers as c on c.customer_id = o.customer_id
      where o.status <> 'cancelled' and o.amount > {number}
      group by o.order_date, c.country
    checks:
      - not_null: [order_date, revenue]
"""


#: The tables that the documents read, without rows.
SHOP = """
CREATE SCHEMA raw;
CREATE TABLE raw.orders (
    order_id BIGINT, customer_id BIGINT, order_date DATE, status VARCHAR, amount DECIMAL(12, 2)
);
CREATE TABLE raw.customers (customer_id BIGINT, country VARCHAR);
"""


def orders(rows: int) -> str:
    """Return the query of so many orders."""
    return ORDERS.format(key="i", salt=0, rows=rows)


def changes(rows: int) -> str:
    """Return a batch for a table of ten times as many orders: nine in ten changed, one in ten new, in no order."""
    key = f"CASE WHEN i % 10 = 9 THEN {rows * 10} + i ELSE i * 10 END"
    return f"FROM ({ORDERS.format(key=key, salt=1, rows=rows)}) ORDER BY hash(order_id)"


def increment(rows: int) -> str:
    """Return later versions of one in a hundred of a hundred times as many orders, one in ten of them new."""
    key = f"CASE WHEN i % 10 = 9 THEN {rows * 100} + i ELSE i * 100 END"
    later = "created_at + INTERVAL 3 YEAR AS created_at"
    return f"SELECT * REPLACE ({later}) FROM ({ORDERS.format(key=key, salt=1, rows=rows)}) ORDER BY hash(order_id)"


def make(kind: str, rows: int, path: Path) -> None:
    """Write one kind of data."""
    if kind == "specs":
        path.mkdir()
        for number in range(rows):
            (path / f"revenue_{number}.yaml").write_text(SPEC.format(number=number), encoding="utf-8")
        return
    if kind == "shop":
        make("specs", rows, path)
        (path / "sqlflow.yaml").write_text("version: 1\nname: shop\nspecs: ['*.yaml']\n", encoding="utf-8")
        with duckdb.connect(str(path / "shop.duckdb")) as connection:
            connection.execute(SHOP)
        return
    with duckdb.connect(str(path) if kind == "warehouse" else ":memory:") as connection:
        if kind == "warehouse":
            connection.execute(f"CREATE SCHEMA raw; CREATE TABLE raw.orders AS {orders(rows)}")
        elif kind == "changes":
            connection.execute(f"COPY ({changes(rows)}) TO '{path}' (FORMAT parquet)")
        elif kind == "increment":
            connection.execute(f"COPY ({increment(rows)}) TO '{path}' (FORMAT parquet)")
        else:
            connection.execute(f"COPY ({orders(rows)}) TO '{path}' (FORMAT {kind})")


if __name__ == "__main__":
    make(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
