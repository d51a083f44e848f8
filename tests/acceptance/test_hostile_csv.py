"""A log whose last line is one field short and ends in a space: refused in clear words, or read as it was meant."""

from __future__ import annotations

COLUMNS = {
    "transaction_id": "BIGINT",
    "customer_id": "BIGINT",
    "amount": "DOUBLE",
    "currency": "VARCHAR",
    "transaction_type": "VARCHAR",
    "operation_type": "VARCHAR",
    "cdc_timestamp": "TIMESTAMP",
    "processed_at": "VARCHAR",  # it has no value, and so no type of its own
}


def test_hostile_csv_is_refused_with_the_line_and_the_option_that_mends_it(workspace, shared):
    """A short line fails the step with its number, what was found and expected, and the option to write."""
    told = workspace.sqlflow("run", "as_it_comes.yaml", "--var", f"data={shared / 'data'}", code=1)
    assert "transaction_log.csv, line 11: 7 fields, expected 8" in told
    assert "null_padding: true" in told
    assert "upstream failed: transactions" in told


def test_hostile_csv_leaves_no_table_and_no_file_when_refused(workspace, shared):
    """A load that fails leaves nothing behind: no table to query, no export."""
    workspace.sqlflow("run", "as_it_comes.yaml", "--var", f"data={shared / 'data'}", code=1)
    tables = "select table_schema || '.' || table_name as name from information_schema.tables"
    found = {row["name"] for row in workspace.query("as_it_comes.yaml", tables)}
    assert {name for name in found if not name.startswith("_sqlflow")} == set()
    assert workspace.exports() == set()


def test_hostile_csv_is_read_whole_with_null_padding(workspace, shared):
    """With `null_padding: true` a short line is filled with NULL, and every column has the type of its values."""
    workspace.run("padded.yaml", data=shared / "data")
    assert workspace.types("padded.yaml", "transactions") == COLUMNS
    rows = workspace.query("padded.yaml", "select * from transactions order by transaction_id")
    assert [row["transaction_id"] for row in rows] == list(range(1001, 1011))
    assert rows[-1] == {
        "transaction_id": 1010,
        "customer_id": 4,
        "amount": 89.99,
        "currency": "USD",
        "transaction_type": "purchase",
        "operation_type": "I",
        "cdc_timestamp": "2025-01-21 10:15:00",
        "processed_at": None,
    }
    (total,) = workspace.query("padded.yaml", "select round(sum(amount), 2) as amount from transactions")
    assert abs(total["amount"] - 1366.49) < 1e-6


def test_hostile_csv_takes_declared_types(workspace, shared):
    """A column whose values tell nothing has the type that `columns` declares, in a padded line as well."""
    workspace.run("padded.yaml", data=shared / "data")
    declared = {**COLUMNS, "amount": "DECIMAL(12,2)", "processed_at": "TIMESTAMP"}
    assert workspace.types("padded.yaml", "declared") == declared
    (found,) = workspace.query("padded.yaml", "select count(*) as n, count(processed_at) as known from declared")
    assert found == {"n": 10, "known": 0}
