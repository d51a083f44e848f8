"""Two days of orders in one pipeline, and one step over a source that grows."""

from __future__ import annotations

import json
import shutil

import pytest

NUMBERS = ["day1_summary", "final_daily_summary", "customer_summary", "customer_activity", "business_summary"]
NUMBERS += ["segments", "product_performance"]


@pytest.mark.parametrize("times", [1, 2])
def test_two_days_give_the_numbers_of_two_days(workspace, shared, times):
    """Orders are appended and customers merged; a second run of the whole arrives at the same rows."""
    for _ in range(times):
        workspace.run("two_days.yaml", data=shared / "data")
    for name in NUMBERS:
        workspace.agrees(f"{name}.csv", shared / "expected" / f"{name}.csv")
    assert workspace.query("two_days.yaml", "select count(*)::int as n from customers") == [{"n": 13}]


def load(workspace, source=None):
    """Run the step once, over the source given, and return what it read and wrote."""
    if source is not None:
        shutil.copy(source, workspace.folder / "orders.csv")
    rows = workspace.run("cursor.yaml")["orders"]["rows"]
    return rows["read"], rows["inserted"], rows["updated"]


def state(workspace):
    """Return the watermark, and how many orders there are of what sum."""
    entries = json.loads(workspace.sqlflow("state", "show", "cursor.yaml", "orders", "--output", "json"))
    mark = next(entry["value"]["value"] for entry in entries if entry["kind"] == "watermark")
    orders = workspace.query("cursor.yaml", "select count(*)::int as n, sum(amount)::double as total from orders")[0]
    return mark, orders["n"], orders["total"]


def test_a_growing_source_gives_what_is_new_and_then_nothing(workspace, shared):
    """Three rows, then two more, then none; the watermark is the highest cursor that was read."""
    data = shared / "data"
    assert load(workspace, data / "orders_incremental_initial.csv")[1:] == (3, 0)
    assert state(workspace) == ("2024-01-15 12:15:00", 3, 150.0)
    assert load(workspace, data / "orders_incremental_additional.csv")[1:] == (2, 0)
    assert state(workspace) == ("2024-01-16 11:00:00", 5, 375.0)
    assert load(workspace)[1:] == (0, 0)
    assert state(workspace) == ("2024-01-16 11:00:00", 5, 375.0)
    workspace.agrees("orders_incremental.csv", shared / "expected" / "orders_incremental.csv", ordered=True)


def test_a_load_that_fails_once_loses_and_doubles_nothing(workspace, shared):
    """The watermark stays where it was when a load fails, so that the repaired source brings every row."""
    data = shared / "data"
    load(workspace, data / "orders_incremental_initial.csv")
    before = state(workspace)
    rows = (data / "orders_incremental_additional.csv").read_text()
    (workspace.folder / "orders.csv").write_text(rows.replace("100.00", ""))
    failed = workspace.call("run", "cursor.yaml")
    assert failed.returncode == 1
    assert "not_null" in failed.stdout
    assert state(workspace) == before
    assert load(workspace, data / "orders_incremental_additional.csv")[1:] == (2, 0)
    assert state(workspace) == ("2024-01-16 11:00:00", 5, 375.0)
