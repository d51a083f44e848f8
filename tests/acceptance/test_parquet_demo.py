"""Parquet files: one, a pattern of three, joins and sums over them, and Parquet written and read back."""

from __future__ import annotations

import pytest

REPORTS = ["monthly_summary", "segment_analysis", "product_performance", "monthly_trends"]
SALES = {
    "sale_id": "BIGINT",
    "customer_id": "VARCHAR",
    "product_name": "VARCHAR",
    "sale_date": "TIMESTAMP_NS",
    "quantity": "BIGINT",
    "unit_price": "DOUBLE",
    "total_amount": "DOUBLE",
}


@pytest.fixture
def steps(workspace, shared):
    """Run the pipeline once and return its steps."""
    return workspace.run("parquet_demo.yaml", data=shared / "data")


@pytest.mark.parametrize("report", REPORTS)
def test_parquet_reports_hold_the_expected_rows(workspace, shared, steps, report):
    """Sums and joins over what Parquet files hold are what plain SQL makes of them."""
    assert steps[f"report@{report}"]["status"] == "succeeded"
    workspace.agrees(f"{report}.csv", shared / "expected" / f"{report}.csv")


def test_parquet_files_of_a_pattern_are_one_table(workspace, steps):
    """A pattern loads every row of every file that it matches, once; files beside them are left alone."""
    assert steps["sales"]["rows"]["inserted"] == 100
    assert steps["first_quarter"]["rows"]["inserted"] == 91
    by_month = "select month(sale_date) as m, count(*) as n from raw.first_quarter group by m order by m"
    assert workspace.query("parquet_demo.yaml", by_month) == [
        {"m": 1, "n": 31},
        {"m": 2, "n": 29},
        {"m": 3, "n": 31},
    ]


def test_parquet_types_arrive_as_they_are_written(workspace, steps):
    """A table loaded from Parquet has the columns of the file, in their order and with their types."""
    assert steps["sales"]["status"] == "succeeded"
    assert workspace.types("parquet_demo.yaml", "raw.sales") == SALES
    assert workspace.types("parquet_demo.yaml", "raw.first_quarter") == SALES


def test_parquet_folders_give_back_what_was_written(workspace, steps):
    """Rows that one pipeline exports by month, another one reads with the same values and types and the month."""
    assert steps["sales_by_month"]["rows"]["read"] == 91
    folders = sorted(folder.name for folder in (workspace.folder / "out" / "sales_by_month").iterdir())
    assert folders == ["month=2024-01", "month=2024-02", "month=2024-03"]
    workspace.run("read_back.yaml")
    columns = ", ".join(SALES)
    rows = f"select {columns} from {{}} order by sale_id"
    read = workspace.query("read_back.yaml", rows.format("raw.sales"))
    assert read == workspace.query("parquet_demo.yaml", rows.format("raw.first_quarter"))
    types = workspace.types("read_back.yaml", "raw.sales")
    assert types.pop("month") == "VARCHAR"
    assert types == SALES
