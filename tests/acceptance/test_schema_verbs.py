"""`sqlflow schema`: a change of a source's columns is seen before the run, taken over, and pinned in the document."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys

import duckdb
import pytest

SPEC = """\
version: 1
name: 'shop'   # the shop

steps:
  # orders come first
  - id: orders
    type: load
    source: {connector: csv, path: orders.csv}
    target: raw.orders   # as they come
    mode:  merge
    key: [id]

  - {id: flat, type: load, source: {connector: csv, path: orders.csv}, target: raw.flat, columns: {id: bigint}}
  - id: slow
    type: transform
    target: marts.slow
    mode: append
    sql: |
      select id, amount from raw.orders
  - {id: sheet, type: export, source: marts.slow, target: {connector: csv, path: out.csv}}
"""
OLD, NEW = "id,amount\n1,2\n", "id,amount,note\n1,much,x\n"


class Shop:
    """A folder with a pipeline and its source."""

    def __init__(self, folder):
        self.folder = folder
        self.file = folder / "shop.yaml"
        self.file.write_text(SPEC)
        self.source(OLD)

    def source(self, text):
        """Let the source be another one."""
        (self.folder / "orders.csv").write_text(text)

    def __call__(self, *arguments, code=0):
        """Run the command and return all that it printed."""
        command = [sys.executable, "-m", "sqlflow.cli.main", *arguments]
        env = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200"}
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def schema(self, verb, step="orders", *arguments, code=0):
        """Run a verb of schema on the pipeline."""
        return self("schema", verb, "shop.yaml", step, *arguments, code=code)

    def run(self, *arguments, code=0):
        """Run the pipeline."""
        return self("run", "shop.yaml", *arguments, code=code)

    def rows(self, query):
        """Return the rows of a query."""
        with duckdb.connect(str(self.folder / "shop.duckdb"), read_only=True) as db:
            return db.sql(query).fetchall()


@pytest.fixture
def shop(tmp_path):
    """Return a pipeline that has been run once."""
    shop = Shop(tmp_path)
    shop.run()
    return shop


def test_show_and_history(shop):
    """The recorded columns are shown with the run since which they are so, and every change of them is kept."""
    first = json.loads(shop("runs", "list", "-o", "json"))[0]["run_id"]
    assert [line.split()[:4] for line in shop.schema("show").splitlines()[2:]] == [
        ["id", "BIGINT", "unknown", first], ["amount", "BIGINT", "unknown", first],
    ]  # fmt: skip
    shop.source("id,amount,note\n1,2,x\n")
    shop.schema("accept")
    shop.run("-s", "orders")
    shown = json.loads(shop.schema("show", "orders", "-o", "json"))
    assert {c["name"]: c["run"] for c in shown["columns"]} == {"id": first, "amount": first, "note": "schema accept"}
    told = json.loads(shop.schema("history", "orders", "-o", "json"))
    assert [(r["note"], [c["column"] for c in r["changes"]]) for r in told] == [
        ("recorded, 2 columns", []), ("accepted by hand", ["note"]), ("columns as before", []),
    ]  # fmt: skip
    assert "note    -    VARCHAR  new nullable column" in shop.schema("history")


def test_compare_says_what_the_next_run_will_do(shop):
    """Every change is told with what each policy does about it; the exit code is that of the next run."""
    assert "2 columns as at the last good run" in shop.schema("compare")
    shop.source("id,amount,note\n1,2,x\n")
    told = shop.schema("compare", code=1)
    assert "note    -    VARCHAR  new nullable column  stop   accept" in told
    assert "stops at 1 of 1 change (on_schema_change: alert)" in told
    shop.run("-s", "orders", code=1)
    shop.file.write_text(SPEC.replace("    key: [id]\n", "    key: [id]\n    on_schema_change: permissive\n"))
    assert "takes them over (on_schema_change: permissive)" in shop.schema("compare")
    shop.source(NEW)
    data = json.loads(shop.schema("compare", "orders", "-o", "json", code=1))
    assert {c["column"]: (c["change"], c["alert"], c["permissive"]) for c in data["changes"]} == {
        "amount": ("incompatible type change", "stop", "stop"), "note": ("new nullable column", "stop", "accept"),
    }  # fmt: skip
    shop.run("-s", "orders", code=1)


@pytest.mark.parametrize("text", ["id,amount\n2,\n", "AMOUNT,ID\n5,2\n", "id,amount\n"])
def test_compare_finds_no_change_where_a_run_finds_none(shop, text):
    """What the last good run's types still fit, what holds no value and what is ordered otherwise is no change."""
    shop.source(text)
    shop.schema("compare")
    shop.run("-s", "orders")


def test_an_edited_query_is_a_wish(shop):
    """A query that was edited may bring columns and leave them out; compare says so as the run does."""
    shop.file.write_text(SPEC.replace("select id, amount", "select id, 1 as more"))
    told = shop.schema("compare", "slow")
    assert "the query was edited" in told
    shop.run("-s", "slow")
    shop.file.write_text(SPEC.replace("select id, amount", "select 'x' as id"))
    shop.schema("compare", "slow", code=1)
    shop.run("-s", "slow", code=1)


def test_accept_lets_the_next_run_take_over(shop):
    """After accept the run goes through and the table has the new columns; nothing else is accepted with it."""
    shop.source(NEW)
    assert "SF732" in shop.run("-s", "orders", code=1)
    assert "amount  BIGINT  VARCHAR  incompatible type change" in shop.schema("accept")
    shop.schema("compare")
    shop.run("-s", "orders")
    assert shop.rows("from raw.orders") == [(1, "much", "x")]
    shop.source("id,amount,note,more\n1,much,x,1\n")
    shop.schema("compare", code=1)


def test_accept_mends_a_damaged_baseline(shop):
    """A baseline that cannot be read stops the run; accept replaces it."""
    with duckdb.connect(str(shop.folder / "shop.duckdb")) as db:
        db.execute("update _sqlflow.state set value = '{' where step = 'orders'")
    assert "damaged" in shop.schema("show")
    assert "SF730" in shop.schema("compare", code=1)
    assert "none were recorded before" in shop.schema("accept")
    shop.run()


def test_write_changes_the_lines_of_columns_only(shop):
    """Columns go below the target; every other byte of the file stays, and its mode."""
    shop.source(NEW)
    shop.file.chmod(0o640)
    shop.schema("accept", "orders", "--write")
    lines = "    columns:\n      id: BIGINT\n      amount: VARCHAR\n      note: VARCHAR\n"
    target = "    target: raw.orders   # as they come\n"
    assert shop.file.read_text() == SPEC.replace(target, target + lines)
    assert stat.S_IMODE(shop.file.stat().st_mode) == 0o640
    assert "already" in shop.schema("accept", "orders", "--write")
    shop.schema("accept", "flat", "--write")
    assert "columns: {id: bigint, amount: VARCHAR, note: VARCHAR}}\n" in shop.file.read_text()
    shop.run("-s", "orders", "-s", "flat")
    assert [path.name for path in shop.folder.glob(".*")] == []


def test_a_declared_column_that_fits_keeps_its_words(shop):
    """A pin changes a declared type only when values do not fit it, and takes out what is gone."""
    block = "    columns:\n      # the key\n      ID: integer not null   # never empty\n      %s\n"
    spec = SPEC.replace(
        "    mode:  merge\n", block % "amount: {type: bigint, description: how much}" + "    mode:  merge\n"
    )
    shop.file.write_text(spec)
    assert "already" in shop.schema("pin")
    shop.source("id,amount\n1,1.5\n2,much\n")
    shop.schema("pin")
    assert shop.file.read_text() == spec.replace("{type: bigint", "{type: VARCHAR")
    shop.source("id,price\n1,1.5\n")
    shop.schema("pin")
    assert shop.file.read_text() == SPEC.replace("    mode:  merge\n", block % "price: DOUBLE" + "    mode:  merge\n")


def test_pin_needs_no_warehouse(tmp_path):
    """The columns of a source can be written down before the first run; nothing is left behind."""
    shop = Shop(tmp_path)
    shop.file.write_bytes(b"\xef\xbb\xbf" + SPEC.replace("\n", "\r\n").encode())
    done = json.loads(shop.schema("pin", "orders", "-o", "json"))
    assert (done["written"], done["columns"]["id"]["type"]) == (True, "BIGINT")
    target = "target: raw.orders   # as they come\r\n"
    text = SPEC.replace("\n", "\r\n").replace(
        target, f"{target}    columns:\r\n      id: BIGINT\r\n      amount: BIGINT\r\n"
    )
    assert shop.file.read_bytes() == b"\xef\xbb\xbf" + text.encode()
    assert not (tmp_path / "shop.duckdb").exists()
    assert "no recorded columns" in shop.schema("compare")
    assert "no warehouse yet" in shop.schema("accept", code=1)


def test_what_cannot_be_edited_is_printed_to_be_pasted(shop):
    """A mapping that steps share is left alone, nothing is accepted, and the block is printed."""
    spec = SPEC.replace("    mode:  merge\n", "    columns: &c {id: bigint}\n    mode:  merge\n")
    spec = spec.replace("columns: {id: bigint}}", "columns: *c}")
    shop.file.write_text(spec)
    shop.source(NEW)
    told = shop.schema("accept", "orders", "--write", code=1)
    assert "SF743" in told
    assert "columns:\n  id: bigint\n  amount: VARCHAR\n  note: VARCHAR\n" in told
    assert shop.file.read_text() == spec
    shop.schema("compare", code=1)


@pytest.mark.parametrize(
    ("verb", "step", "told"),
    [
        ("compare", "ordes", "did you mean 'orders'?"),
        ("show", "sheet", "keeps no columns from run to run"),
        ("accept", "sheet", "SF744"),
        ("pin", "sheet", "SF744"),
    ],
)
def test_a_step_without_columns(shop, verb, step, told):
    """A step that is not there, or that records no columns, is told."""
    assert told in shop.schema(verb, step, code=2)


def test_before_the_first_run_there_is_nothing_to_accept(shop):
    """Columns of a table that is gone are of no account, and all verbs say so."""
    with duckdb.connect(str(shop.folder / "shop.duckdb")) as db:
        db.execute("drop table raw.orders")
    assert "raw.orders is gone" in shop.schema("show")
    assert "no recorded columns" in shop.schema("compare")
    assert "has not written raw.orders yet" in shop.schema("accept", code=2)


def test_a_schema_stop_names_whom_it_concerns(shop):
    """The alert of a run names the steps further down whose SQL names a changed column."""
    shop.source(NEW)
    assert "step slow may use amount" in shop.run(code=1)


@pytest.mark.parametrize(
    "verb",
    ["state list", "state show", "state set", "state reset", "state export", "state import", "schema show",
     "schema history", "schema compare", "schema accept", "schema pin"],
)  # fmt: skip
def test_help_shows_an_example(shop, verb):
    """Every verb's help ends in a line that one can type."""
    assert f"Example: sqlflow {verb} " in shop(*verb.split(), "--help")
