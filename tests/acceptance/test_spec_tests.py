"""Tests that stand in documents: run in memory on the rows they give, held against those they expect."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

PIPELINE = """\
version: 1
name: shop
vars:
  least: 0
steps:
  - id: orders
    type: load
    source: {connector: csv, path: not/there.csv}
    target: raw.orders
    mode: merge
    key: [order_id]
    cursor: updated_at
    columns: {order_id: bigint, status: varchar, amount: "decimal(10,2)", updated_at: timestamp}
    checks:
      - expression: amount >= 0
  - id: daily
    type: transform
    target: marts.daily
    sql: |
      select updated_at::date as day, count(*) as orders, sum(amount) as revenue
      from raw.orders where status = 'paid' and amount > $least
      group by day
  - id: report
    type: export
    source: marts.daily
    order_by: [day]
    target: {connector: csv, path: out/report.csv}
"""
GOOD = """\
tests:
  - name: only paid orders count
    given:
      orders:
        - {order_id: 1, status: paid, amount: 10, updated_at: 2024-03-01 10:00:00}
        - {order_id: 2, status: open, amount: 99, updated_at: 2024-03-01 11:00:00}
    expect:
      marts.daily:
        - {day: 2024-03-01, orders: 1, revenue: 10.00}
  - name: the table can be given as well
    vars: {least: 5}
    given:
      raw.orders:
        - {status: paid, amount: 10, updated_at: 2024-03-01 10:00:00}
        - {status: paid, amount: 1, updated_at: 2024-03-01 10:00:00}
    expect:
      report: [{day: 2024-03-01, orders: 1}]
  - name: a late order is merged
    state:
      raw.orders: [{order_id: 1, status: open, amount: 10, updated_at: 2024-03-01 10:00:00}]
    given:
      orders:
        - {order_id: 1, status: paid, amount: 12, updated_at: 2024-03-02 10:00:00}
        - {order_id: 2, status: paid, amount: 12, updated_at: 2024-02-01 10:00:00}
    expect:
      raw.orders: [{order_id: 1, status: paid, amount: 12}]
  - name: no orders
    given: {orders: []}
    expect: {marts.daily: []}
  - name: negative amounts are refused
    given: {orders: [{order_id: 1, amount: -1, updated_at: 2024-03-02 10:00:00}]}
    error: SF701
"""
BAD = """\
  - name: wrong on purpose
    given:
      orders:
        - {order_id: 1, status: paid, amount: 10, updated_at: 2024-03-01 10:00:00}
        - {order_id: 2, status: paid, amount: 7, updated_at: 2024-03-02 10:00:00}
    expect:
      marts.daily:
        - {day: 2024-03-01, orders: 1, revenue: 11}
        - {day: 2024-03-05, orders: 9, revenue: 11}
  - name: wrong column
    given: {orders: []}
    expect: {marts.daily: [{dya: 1}]}
  - name: not given
    expect: {marts.daily: [{day: 1}]}
  - name: unknown
    given: {ordrs: []}
    expect: {marts.daily: [{day: 1}]}
"""
HISTORY = """\
version: 1
name: history
steps:
  - id: customers
    type: load
    source: {connector: csv, path: customers.csv}
    target: core.customers
    mode: scd2
    key: [id]
    cursor: updated_at
    columns: {id: bigint, city: varchar, updated_at: timestamp}
  - id: sums
    type: transform
    target: marts.sums
    mode: merge
    key: [id]
    cursor: {column: seen, initial: "2000-01-01"}
    sql: |
      select id, count(*) as versions, max(updated_at) as seen from core.customers
      where updated_at >= $watermark group by id
tests:
  - name: a change closes a version
    state:
      core.customers:
        - {id: 1, city: Rome, updated_at: 2024-01-01, valid_from: 2024-01-01, valid_to: null, is_current: true}
    given:
      customers: [{id: 1, city: Oslo, updated_at: 2024-02-01}]
    expect:
      core.customers:
        ordered: false
        rows:
          - {city: Rome, valid_to: 2024-02-01, is_current: false}
          - {city: Oslo, valid_to: null, is_current: true}
  - name: only what is new is summed
    state:
      marts.sums:
        rows: [{id: 1, versions: 7, seen: 2024-01-01 00:00:00}]
        watermark: "2024-01-15"
    given:
      core.customers:
        - {id: 1, updated_at: 2024-01-10 00:00:00}
        - {id: 2, updated_at: 2024-02-10 00:00:00}
    expect:
      marts.sums: {match: subset, rows: [{id: 1, versions: 7}, {id: 2, versions: 1}]}
"""


def test_given_rows_stand_in_for_sources_and_tables(folder):
    """No source is needed and nothing is left: rows that are given go through modes, checks and exports in memory."""
    folder.write("shop.yaml", PIPELINE + GOOD)
    told = folder("test", "shop.yaml")
    assert told.count("ok ") == 5
    assert "5 tests: passed" in told
    assert [path.name for path in folder.path.iterdir()] == ["shop.yaml"]


def test_what_differs_is_shown_row_by_row(folder):
    """A failed test shows expected and found rows, the cells that differ, and says what is wrong with a test itself."""
    folder.write("shop.yaml", PIPELINE + GOOD + BAD)
    told = folder("test", "shop.yaml", code=1)
    for line in ("-  2024-03-01  1       11", "+  2024-03-01  1       10.00 <", "it has no column 'dya'",
                 "step 'orders' would read not/there.csv", "did you mean 'orders'?", "9 tests: 4 failed"):  # fmt: skip
        assert line in told
    data = json.loads(folder("test", "shop.yaml", "--select", "wrong*", "--output", "json", code=1))
    assert [one["name"] for one in data] == ["wrong on purpose", "wrong column"]
    assert data[0]["differences"][0]["changed"][0]["found"]["revenue"] == "10.00"


def test_state_is_what_an_earlier_run_has_left(folder):
    """Histories and increments are tested on their final table: rows and watermark of before count."""
    folder.write("history.yaml", HISTORY)
    assert "2 tests: passed" in folder("test", "history.yaml")
    folder.write("history.yaml", HISTORY.replace('watermark: "2024-01-15"', 'watermark: "2024-01-01"'))
    assert "1 failed" in folder("test", "history.yaml", code=1)


def test_rows_may_stand_in_files(folder):
    """CSV and Parquet beside the document are as good as rows in it, given or expected."""
    folder.write("given.csv", "order_id,status,amount,updated_at\n1,paid,5,2024-03-01 10:00:00\n")
    folder.write("wanted.csv", "day,revenue\n2024-03-01,5\n")
    tests = "tests: [{name: files, given: {orders: {csv: given.csv}}, expect: {marts.daily: {csv: wanted.csv}}}]\n"
    folder.write("shop.yaml", PIPELINE + tests)
    folder("test", "shop.yaml")
    folder.write("wanted.csv", "day,revenue\n2024-03-01,6\n")
    folder("test", "shop.yaml", code=1)
    assert "there is no file" in _without(folder, "given.csv")


def _without(folder, name):
    (folder.path / name).unlink()
    return folder("test", "shop.yaml", code=1)


@pytest.mark.parametrize(
    ("tests", "told"),
    [
        ("[{name: x, given: {orders: {}}, error: SF701}]", "one of rows, csv, parquet"),
        ("[{name: x, exepct: {}}]", "did you mean 'expect'?"),
        ("[{name: x, error: nonsense}]", "error"),
    ],
)
def test_a_test_that_is_none_is_told_by_validate(folder, tests, told):
    """The shape of tests is checked with the document."""
    folder.write("shop.yaml", PIPELINE + f"tests: {tests}\n")
    assert told in folder("validate", "shop.yaml", code=2)


def test_a_test_that_expects_nothing_yet_fails(folder):
    """A test without an expectation may stand in a document that is being written, but it never passes."""
    folder.write("shop.yaml", PIPELINE + "tests: [{name: x}, {name: y, expect: {marts.daily: }}]\n")
    folder.write("not/there.csv", "order_id,status,amount,updated_at\n1,paid,1,2024-03-01 10:00:00\n")
    assert folder("validate", "shop.yaml").count("SF760 warning: test ") == 2
    assert folder("test", "shop.yaml", code=1).count("does not say what it expects") == 2


def test_selecting_nothing_is_an_error(folder):
    """A name that no test has is told with those that are there."""
    folder.write("shop.yaml", PIPELINE + GOOD)
    assert "only paid orders count" in folder("test", "shop.yaml", "-s", "nothing", code=2)
    folder.write("empty.yaml", PIPELINE)
    assert "no tests" in folder("test", "empty.yaml")


def test_every_format_tells_of_failed_tests(folder):
    """CI servers get a case for each test, and annotations at the line of the test."""
    folder.write("shop.yaml", PIPELINE + GOOD + BAD)
    suite = ET.fromstring(folder("test", "shop.yaml", "-o", "junit", code=1).encode()).find("testsuite")  # noqa: S314 - our own
    assert (suite.get("tests"), suite.get("failures")) == ("9", "4")
    assert "::error file=shop.yaml,line=" in folder("test", "shop.yaml", "-o", "github", code=1)
    assert "SF761" in folder("test", "shop.yaml", "-o", "markdown", code=1)
    results = json.loads(folder("test", "shop.yaml", "-o", "sarif", code=1))["runs"][0]["results"]
    assert len(results) == 4


FILES = """\
version: 1
name: files
steps:
  - id: orders
    type: load
    source: {connector: csv, path: orders.csv}
    target: raw.orders
  - id: late
    type: transform
    target: raw.late
    sql: select *, ordered_at > timestamp '2024-06-01' as late from raw.orders
  - id: sums
    type: transform
    target: marts.sums
    sql: |
      select code, sum(amount) as amount, count(note) as notes, bool_or(late) as late from raw.late group by code
tests:
  - name: a source has the columns of its file
    given: {orders: [{code: "007", amount: 1}, {code: "007", amount: 2.5, ordered_at: 2024-07-01 00:00:00}]}
    expect:
      marts.sums: [{code: "007", amount: 3.5, notes: 0, late: true}]
      raw.late: [{code: "007", late: null, note: null}, {code: "007", late: true, note: null}]
  - name: a table has the columns that the steps above make
    given: {raw.late: [{code: "1"}, {code: "1", amount: 0.1}, {CODE: "1", Amount: 0.2}]}
    expect: {marts.sums: [{code: "1", amount: 0.3, notes: 0, late: null}]}
  - name: no row at all
    given: {raw.late: []}
    expect: {marts.sums: []}
  - name: one empty row
    given: {raw.late: [{}]}
    expect: {marts.sums: [{code: null, amount: null, notes: 0}]}
"""
ORDERS = 'code,amount,ordered_at,note\n"A1",1.5,2024-01-01 10:00:00,hello\n'


def test_given_rows_have_the_columns_of_their_table(folder):
    """A fixture names what it cares about: types and all other columns are those that the compile check knows."""
    folder.write("orders.csv", ORDERS)
    folder.write("files.yaml", FILES)
    assert "4 tests: passed" in folder("test", "files.yaml")


def test_given_files_have_the_columns_of_their_table(folder):
    """A file of rows may leave out columns as well, and its texts are read by the table's types, not by guessing."""
    folder.write("orders.csv", ORDERS)
    folder.write("given.csv", "CODE,amount\n007,1\n")
    folder.write("wanted.csv", "amount,code\n1.0,007\n")
    tests = FILES.partition("tests:")[0] + (
        "tests: [{name: files, given: {orders: {csv: given.csv}}, expect: {marts.sums: {csv: wanted.csv}}}]\n"
    )
    folder.write("files.yaml", tests)
    folder("test", "files.yaml")
    folder.write("wanted.csv", "amount,code\n1.0,7\n")
    assert "+  1.0     007 <" in folder("test", "files.yaml", code=1)


def test_a_column_that_the_table_does_not_have_is_told_at_its_place(folder):
    """Every misspelt column and name of a test is told in one go, each with what may have been meant."""
    folder.write("orders.csv", ORDERS)
    tests = """\
tests:
  - name: misspelt
    given:
      orders: [{code: x}, {code: x, amuont: 1}]
      raw.lat: [{code: x}]
    state: {marts.sums: {rows: [{codes: x}]}}
    expect: {marts.summs: []}
"""
    folder.write("files.yaml", FILES.partition("tests:")[0] + tests)
    told = folder("test", "files.yaml", code=1)
    for line in (
        "files.yaml:20:37: SF760 test 'misspelt': orders has no column 'amuont'",
        "did you mean 'amount'?",
        "files.yaml:21:7: SF760",
        "did you mean 'raw.late'?",
        "files.yaml:22:34: SF760",
        "did you mean 'code'?",
        "files.yaml:23:14: SF760",
        "did you mean 'marts.sums'?",
    ):
        assert line in told, (line, told)


def test_a_value_that_the_column_cannot_hold_is_told_with_its_row(folder):
    """A given value that is none of its column's type fails the test, and says which row it is."""
    folder.write("orders.csv", ORDERS)
    tests = "tests: [{name: bad, given: {orders: [{amount: 1}, {amount: much}]}, expect: {marts.sums: []}}]\n"
    folder.write("files.yaml", FILES.partition("tests:")[0] + tests)
    assert 'given orders, row 2: Failed to cast value to numerical: "much"' in folder("test", "files.yaml", code=1)


DRAFTS = """\
tests:
  # the first
  - name: nothing is said yet
    given:
      orders:   # as they come
        - {order_id: 1, status: paid, amount: 10, updated_at: 2024-03-01 10:00:00}

  - name: a table is named
    given: {orders: [{order_id: 2, amount: 0.5, updated_at: 2024-03-01 10:00:00}]}
    expect:
      raw.orders:
      report: []   # no order is paid

  - name: all is said
    given: {orders: []}
    expect: {marts.daily: []}
"""


def test_first_expectations_are_recorded(folder):
    """--record writes the rows that come where a test says nothing yet, and such a test passes from then on."""
    folder.write("shop.yaml", PIPELINE + DRAFTS)
    told = folder("test", "shop.yaml", "--record")
    assert told.count("1 row written under expect") == 2
    want = DRAFTS.replace(
        "\n  - name: a table",
        "    expect:\n      marts.daily:\n        - {day: 2024-03-01, orders: 1, revenue: 10.00}\n\n  - name: a table",
    ).replace(
        "      raw.orders:\n",
        '      raw.orders:\n        - {order_id: 2, status: null, amount: 0.50, updated_at: "2024-03-01 10:00:00"}\n',
    )
    assert (folder.path / "shop.yaml").read_text() == PIPELINE + want
    assert "3 tests: passed" in folder("test", "shop.yaml")
    folder("validate", "shop.yaml", code=2)  # the file of the source is not there
    assert "written" not in folder("test", "shop.yaml", "--record")
    assert (folder.path / "shop.yaml").read_text() == PIPELINE + want


def test_nothing_is_recorded_of_a_test_that_fails(folder):
    """An expectation that is not met is never replaced, and a run that fails expects nothing."""
    tests = """\
tests:
  - {name: wrong, given: {orders: []}, expect: {marts.daily: [{orders: 1}], raw.orders: }}
  - {name: fails, given: {orders: [{amount: -1}]}}
  - {name: no way, given: {}}
"""
    folder.write("shop.yaml", PIPELINE + tests)
    told = folder("test", "shop.yaml", "--record", code=1)
    assert "3 tests: 3 failed" in told
    assert "nothing is made of what it gives alone" in told
    assert (folder.path / "shop.yaml").read_text() == PIPELINE + tests


def test_documents_of_tests_are_recorded_as_well(folder):
    """The rows go into the document in which the test stands, and its pipeline is left alone."""
    folder.write("shop.yaml", PIPELINE)
    tests = "version: 1\nkind: test\npipeline: ../shop.yaml\ntests:\n  - name: x\n    given: {orders: []}\n"
    folder.write("t/tests.yaml", tests)
    assert json.loads(folder("test", "t", "--record", "-o", "json"))[0]["recorded"] == {"marts.daily": 0}
    assert (folder.path / "t/tests.yaml").read_text() == tests + "    expect:\n      marts.daily: []\n"
    assert (folder.path / "shop.yaml").read_text() == PIPELINE


MEETING = """\
version: 1
name: meeting
steps:
  - {id: a, type: transform, target: a, sql: "select i from range(1) t(i)"}
  - {id: b, type: transform, target: b, sql: "select meet($me, $other) as met from a"}
vars: {me: "1", other: "2"}
tests:
  - {name: first, given: {a: [{i: 1}]}, expect: {b: [{met: true}]}}
  - {name: second, vars: {me: "2", other: "1"}, given: {a: [{i: 1}]}, expect: {b: [{met: true}]}}
"""
MEET = """\
import time
from pathlib import Path

from sqlflow import udf

HERE = Path(__file__).parent


@udf
def meet(me: str, other: str) -> bool:
    (HERE / me).touch()
    for _ in range(int((HERE / "patience").read_text())):
        if (HERE / other).exists():
            return True
        time.sleep(0.01)
    return False
"""


def test_tests_run_at_the_same_time_and_are_told_in_order(folder):
    """Two tests that wait for each other pass when two run at once, and the first of them fails when one does."""
    folder.write("meeting.yaml", MEETING)
    folder.write("udfs/meet.py", MEET)
    folder.write("udfs/patience", "6000")
    told = folder("test", "meeting.yaml", "--jobs", "2")
    assert told.index("first") < told.index("second")
    for name in ("1", "2"):
        (folder.path / "udfs" / name).unlink()
    folder.write("udfs/patience", "5")
    assert "FAIL  meeting.yaml:8  first" in folder("test", "meeting.yaml", "-j", "1", code=1)


def test_what_differs_is_limited(folder):
    """A thousand rows that are wrong do not hide what else is told."""
    rows = ", ".join(f"{{order_id: {n}, updated_at: 2024-03-01}}" for n in range(200))
    tests = f"tests: [{{name: many, given: {{orders: [{rows}]}}, expect: {{raw.orders: []}}}}]\n"
    folder.write("shop.yaml", PIPELINE + tests)
    told = folder("test", "shop.yaml", code=1)
    assert "raw.orders: 200 rows unexpected" in told
    assert "… and 190 more" in told
    assert len(told.splitlines()) < 20
    assert len(json.loads(folder("test", "shop.yaml", "-o", "json", code=1))[0]["differences"][0]["unexpected"]) == 200


def test_given_amounts_are_kept_as_sources_are(folder):
    """A number for a column of exact decimals is read as it is written, and never as a double; none is rounded."""
    step = "  - {id: o, type: load, source: {connector: csv, path: o.csv}, target: o, columns: {a: 'decimal(18,3)'}}\n"
    tests = """\
tests:
  - name: keeps
    given: {o: [{a: 1.005}, {a: "2.345"}, {a: 7}, {a: "123456789012345.125"}]}
    expect: {o: [{a: 1.005}, {a: 2.345}, {a: 7}, {a: "123456789012345.125"}]}
"""
    folder.write("o.csv", "a\n1.005\n123456789012345.125\n")
    folder.write("o.yaml", f"version: 1\nname: o\nsteps:\n{step}{tests}")
    assert "1 test: passed" in folder("test", "o.yaml")
    folder("run", "o.yaml")
    assert "123456789012345.125" in folder("query", "--spec", "o.yaml", "from o")
    folder.write("o.yaml", f"version: 1\nname: o\nsteps:\n{step}{tests}".replace("1.005}, {", "1.0005}, {"))
    assert "1.0005 does not fit a, which is decimal(18,3)" in folder("validate", "o.yaml", code=2)
