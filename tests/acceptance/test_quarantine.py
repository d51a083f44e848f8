"""Rows that are set aside: seen, tried again, given up; none is lost and none comes twice."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

SPEC = """\
version: 1
name: shop
steps:
  - id: orders
    type: load
    source: {{connector: csv, path: orders.csv}}
    target: raw.orders
    mode: {mode}
    {key}
    cursor: updated_at
    on_bad_row: quarantine
    columns: {{id: BIGINT, amount: DOUBLE, updated_at: TIMESTAMP}}
    checks:
      - {check}
        quarantine: true
"""
ROWS = ["1,10,2024-01-01", "2,,2024-01-02", "3,5000,2024-01-03", "x,3,2024-01-04", "4,,2024-01-05"]


class Shop:
    """A folder with one pipeline, in which the command is run."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.rows(ROWS)
        self.spec()

    def rows(self, rows):
        """Write the source."""
        (self.folder / "orders.csv").write_text("id,amount,updated_at\n" + "".join(f"{row}\n" for row in rows))

    def spec(self, check="not_null: amount", mode="merge", key="key: [id]"):
        """Write the document."""
        (self.folder / "shop.yaml").write_text(SPEC.format(check=check, mode=mode, key=key))

    def __call__(self, *words, code=0):
        """Run the command and return all that it said."""
        done = subprocess.run(
            [sys.executable, "-m", "sqlflow.cli.main", *words],
            cwd=self.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def query(self, sql):
        """Return the rows of a query."""
        return [tuple(row.values()) for row in json.loads(self("query", "--spec", "shop.yaml", sql, "-o", "json"))]

    def aside(self):
        """Return how many rows are set aside for each reason."""
        return {h["check"]: h["rows"] for h in json.loads(self("quarantine", "list", "shop.yaml", "-o", "json"))}

    def retry(self, code=0):
        """Try the rows again."""
        return self("quarantine", "retry", "shop.yaml", "orders", code=code)


@pytest.fixture
def shop(tmp_path):
    """Return a shop whose first run has set three rows aside."""
    shop = Shop(tmp_path)
    shop("run", "shop.yaml")
    return shop


def test_list_and_show_tell_what_is_aside(shop):
    """Every row that did not go on is listed with its reason, its run and itself."""
    listed = shop("quarantine", "list", "shop.yaml")
    assert "not_null(amount)" in listed
    assert "quarantine.raw__orders" in listed
    heaps = json.loads(shop("quarantine", "list", "shop.yaml", "--all", "-o", "json"))
    assert [(h["pipeline"], h["step"], h["rows"], h["unread"]) for h in heaps] == [
        ("shop", "orders", 1, 1), ("shop", "orders", 2, 0),
    ]  # fmt: skip
    shown = shop("quarantine", "show", "shop.yaml", "orders")
    assert "x,3,2024-01-04" in shown
    assert "(3 rows)" in shown
    assert "(first 1 row" in shop("quarantine", "show", "shop.yaml", "orders", "--limit", "1")
    rows = json.loads(shop("quarantine", "show", "shop.yaml", "orders", "-o", "json"))
    assert sorted(row["id"] or 0 for row in rows) == [0, 2, 4]


def test_rows_that_pass_now_are_written_and_the_others_stay(shop):
    """A retry is one commit: what passes leaves the quarantine for the target, what does not stays."""
    assert "0 of 2 rows pass now; 1 that could not be read stays" in shop.retry()
    shop.spec("expression: coalesce(amount, 0) >= 0 AND id <> 4")
    assert "1 of 2 rows pass now" in shop.retry()
    assert shop.query("select id, amount from raw.orders order by 1") == [(1, 10), (2, None), (3, 5000)]
    assert shop.query("select id from quarantine.raw__orders where sqlflow_raw is null") == [(4,)]
    assert "1 inserted" not in shop("run", "shop.yaml")


def test_a_retry_moves_no_watermark(shop):
    """What is read next depends on the source alone."""
    before = shop("state", "show", "shop.yaml", "orders", "-o", "json")
    shop.spec("not_null: id")
    shop.retry()
    assert shop("state", "show", "shop.yaml", "orders", "-o", "json") == before


def test_newer_rows_are_not_overwritten(shop):
    """A row that came right in the source meanwhile takes the place of its old form."""
    shop.rows([*ROWS, "2,77,2024-02-01"])
    shop("run", "shop.yaml")
    shop.spec("not_null: id")
    assert "1 of 1 rows pass now" in shop.retry()
    assert shop.query("select id, amount from raw.orders order by 1") == [(1, 10), (2, 77), (3, 5000), (4, None)]


def test_append_takes_each_row_once(tmp_path):
    """Without a key rows are appended once, however often the retry is called."""
    shop = Shop(tmp_path)
    shop.spec(mode="append", key="")
    shop("run", "shop.yaml")
    shop.spec("not_null: id", mode="append", key="")
    assert "2 of 2 rows pass now" in shop.retry()
    assert "no row to try again; 1 that could not be read stays" in shop.retry()
    assert shop.query("select count(*), count(distinct id) from raw.orders") == [(4, 4)]


def test_without_its_check_a_row_still_comes_once(tmp_path):
    """Rows are taken before their place is emptied, whether or not a check is left that needs them staged."""
    shop = Shop(tmp_path)
    shop.spec(mode="append", key="")
    shop("run", "shop.yaml")
    text = (tmp_path / "shop.yaml").read_text()
    (tmp_path / "shop.yaml").write_text(text[: text.index("    checks:")])
    assert "2 of 2 rows pass now" in shop.retry()
    assert shop.query("select id from raw.orders order by 1") == [(1,), (2,), (3,), (4,)]


def test_a_failed_retry_changes_nothing(shop):
    """When rows do not fit the target any more, they stay where they are."""
    shop.spec("sql: select 1\n      - not_null: id")
    assert "SF701" in shop.retry(code=1)
    assert shop.aside() == {"not_null(amount)": 2, next(k for k in shop.aside() if k.startswith("line 5")): 1}
    assert shop.query("select count(*) from raw.orders") == [(2,)]


def test_drop_gives_rows_up(shop):
    """What was dropped is gone; the target keeps what it has."""
    assert "deleted 3 rows" in shop("quarantine", "drop", "shop.yaml", "orders")
    assert "nothing is set aside" in shop("quarantine", "list", "shop.yaml")
    assert "nothing set aside" in shop("quarantine", "drop", "shop.yaml", "orders")
    assert "nothing set aside" in shop("quarantine", "show", "shop.yaml", "orders")
    assert shop.query("select count(*) from raw.orders") == [(2,)]


@pytest.mark.parametrize(("mode", "key"), [("replace", ""), ("delete_insert", "key: [updated_at]")])
def test_modes_that_put_out_other_rows_are_refused(shop, mode, key):
    """A single row never replaces a table or a group."""
    shop.spec(mode=mode, key=key)
    if mode == "replace":
        text = (shop.folder / "shop.yaml").read_text()
        (shop.folder / "shop.yaml").write_text(text.replace("    cursor: updated_at\n", ""))
    assert "SF745" in shop.retry(code=2)


def test_names_are_looked_up(shop):
    """An unknown step is told with the nearest name; a run that was a retry is not gone on with."""
    assert "did you mean 'orders'?" in shop("quarantine", "retry", "shop.yaml", "ordes", code=2)
    shop.retry()
    run = json.loads(shop("runs", "list", "-o", "json"))[0]["run_id"]
    assert "still set aside" in shop("run", "shop.yaml", "--resume", run, code=1)
    assert "committed before" in shop("run", "shop.yaml", "--resume")


def test_lines_whose_values_do_not_fit_are_set_aside_and_nothing_is_rounded(tmp_path):
    """A fraction, a number out of range, the time of a date, text: each line is kept beside, with its reason."""
    shop = Shop(tmp_path)
    shop.spec(mode="append", key="")
    text = (tmp_path / "shop.yaml").read_text().replace("    cursor: updated_at\n", "")
    columns = "columns: {id: TINYINT, amount: DOUBLE, updated_at: DATE}"
    (tmp_path / "shop.yaml").write_text(re.sub("columns: .*", columns, text[: text.index("    checks:")]))
    bad = ["1.5,1,2024-01-01", "5000,1,2024-01-01", "x,1,2024-01-01", "2,1,2024-01-01 10:00:00"]
    shop.rows(["1,1,2024-01-01", ",1,2024-01-02", *bad, "9,1,2024-01-09"])
    shop("run", "shop.yaml")
    assert shop.query("select id from raw.orders order by id") == [(1,), (9,), (None,)]
    reasons = [row[0] for row in shop.query("select sqlflow_check from quarantine.raw__orders")]
    assert len(reasons) == 4
    for told in ("1.5 in column id", "5000", 'convert string "x"', "2024-01-01 10:00:00 in column updated_at"):
        assert any(told in reason for reason in reasons), reasons
