"""Origins of columns: every column of a query is led back to those of the tables it reads."""

from __future__ import annotations

import pytest

from sqlflow.sql import read_origins

TABLES = {
    "raw.orders": ["order_id", "Amount", "status", "cust"],
    "customers": ["id", "name"],
    "a.b.c": ["x"],
    '"My S"."T 1"': ['Q"q'],
}


def traced(sql):
    """Return the origins of a query as text, column by column, and the columns that decide its rows."""
    found = read_origins(sql, TABLES)
    if found is None:
        return None
    columns = {name: sorted(f"{t}.{c}" for t, c in fields) for name, fields in found.columns}
    return columns, sorted(f"{t}.{c}" for t, c in found.rows)


@pytest.mark.parametrize(
    ("sql", "columns", "rows"),
    [
        (
            "select amount, status as s from raw.orders",
            {"amount": ["raw.orders.amount"], "s": ["raw.orders.status"]},
            [],
        ),
        (
            "select * exclude (cust, status) from RAW.Orders",
            {"order_id": ["raw.orders.order_id"], "amount": ["raw.orders.amount"]},
            [],
        ),
        ("from customers", {"id": ["customers.id"], "name": ["customers.name"]}, []),
        (
            """
            select name, sum(amount * 2) as total
            from raw.orders o join customers on id = o.cust where status = $s group by 1
            """,
            {"name": ["customers.name"], "total": ["raw.orders.amount"]},
            ["customers.id", "customers.name", "raw.orders.cust", "raw.orders.status"],
        ),
        (
            """
            with paid as (select cust, amount as a from raw.orders where status = 'paid')
            select a from paid where cust > 1
            """,
            {"a": ["raw.orders.amount"]},
            ["raw.orders.cust", "raw.orders.status"],
        ),
        (
            "select cust from raw.orders union all select id from customers",
            {"cust": ["customers.id", "raw.orders.cust"]},
            [],
        ),
        (
            "select (select max(x) from a.b.c where x < o.cust) as m from raw.orders o",
            {"m": ["a.b.c.x"]},
            ["a.b.c.x", "raw.orders.cust"],
        ),
        ("with customers as (select 1 as one) select one from customers", {"one": []}, []),
        ('select * from "My S"."T 1"', {'q"q': ['"my s"."t 1".q"q']}, []),
        ("select count(*), x from a.b.c group by x", {"_col_0": [], "x": ["a.b.c.x"]}, ["a.b.c.x"]),
        ("select unnest([amount, cust]) as u from raw.orders", {"u": ["raw.orders.amount", "raw.orders.cust"]}, []),
    ],
)
def test_columns_are_led_back(sql, columns, rows):
    """Each column names exactly the columns that it is made of; conditions and groups decide the rows."""
    assert traced(sql) == (columns, rows)


@pytest.mark.parametrize(
    "sql", ["select columns('a.*') from raw.orders", "pivot raw.orders on status using sum(amount)", "select (("]
)
def test_what_cannot_be_led_back_is_not_guessed(sql):
    """A query that the resolver does not understand has no origins."""
    assert traced(sql) is None
