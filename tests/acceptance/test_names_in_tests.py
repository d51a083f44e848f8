"""`sqlflow validate` tells what the tests of a document name that is not there, without running them."""

from __future__ import annotations

import pytest

PIPELINE = """\
version: 1
name: shop
vars: {least: 1}
steps:
  - id: orders
    type: load
    source: {connector: csv, path: orders.csv}
    target: raw.orders
    columns: {id: bigint, amount: double}
  - id: daily
    type: transform
    target: marts.daily
    sql: select sum(amount) as revenue from raw.orders where amount > $least
  - {id: report, type: export, source: marts.daily, target: {connector: csv, path: out.csv}}
tests:
  - name: one
"""
FAULTS = {
    "table given": ("given: {«raw.ordres»: [{id: 1}]}", "expect: {marts.daily: []}", "did you mean 'raw.orders'?"),
    "column given": ("given: {orders: [{«amuont»: 1}]}", "expect: {marts.daily: []}", "did you mean 'amount'?"),
    "file given": ("given: {«orders»: {csv: none.csv}}", "expect: {marts.daily: []}", "there is no file none.csv"),
    "table expected": ("given: {orders: []}", "expect: {«marts.dayly»: []}", "did you mean 'marts.daily'?"),
    "column expected": ("given: {orders: []}", "expect: {marts.daily: [{«revenu»: 1}]}", "did you mean 'revenue'?"),
    "export expected": ("given: {orders: []}", "expect: {«raport»: []}", "did you mean 'report'?"),
    "table of state": (
        "given: {orders: []}\n    state: {«marts.dayly»: []}",
        "expect: {marts.daily: []}",
        "did you mean",
    ),
    "value given": (
        "given: {orders: [{id: 1}, {«amount»: much}]}",
        "expect: {marts.daily: []}",
        "amount, which is double",
    ),
    "number given": ("given: {orders: [{id: 1}, {«id»: 1.5}]}", "expect: {marts.daily: []}", "id, which is bigint"),
    "code": ("given: {orders: []}", "«error»: SF999", "no problem has the code SF999"),
    "variable": ("vars: {«leest»: 2}\n    given: {orders: []}", "expect: {report: []}", "did you mean 'least'?"),
    "value": ("vars: {«least»: x}\n    given: {orders: []}", "expect: {report: []}", "not of type integer"),
}


@pytest.fixture
def shop(folder):
    """Return a folder with a pipeline whose source has two columns."""
    folder.write("orders.csv", "id,amount\n1,2.5\n")
    return folder


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("apart", [False, True], ids=["in the pipeline", "in a document of its own"])
def test_a_name_that_stands_for_nothing_is_told_at_its_place(shop, fault, apart):
    """Tables, columns, files and variables that a test names are looked up, wherever the test stands."""
    *lines, hint = FAULTS[fault]
    marked = "".join(f"    {line}\n" for line in lines)
    plain = marked.replace("«", "").replace("»", "")
    number, column = next((n, line.index("«")) for n, line in enumerate(marked.splitlines()) if "«" in line)
    if apart:
        shop.write("shop.yaml", PIPELINE.partition("tests:")[0])
        head = "version: 1\nkind: test\npipeline: shop.yaml\ntests:\n  - name: one\n"
        shop.write("tests.yaml", head + plain)
    else:
        head = PIPELINE
        shop.write("shop.yaml", head + plain)
    file = "tests.yaml" if apart else "shop.yaml"
    told = shop("validate", file, code=2)
    assert told.splitlines()[0].startswith(f"{file}:{head.count(chr(10)) + number + 1}:{column + 1}: SF")
    assert hint in told
    assert told.splitlines()[-1] == "1 document: 1 problem"


@pytest.mark.parametrize("apart", [False, True], ids=["in the pipeline", "in a document of its own"])
def test_tables_of_other_documents_are_known(shop, apart):
    """What another document of the project makes has its columns, and their types, where a test gives its rows."""
    shop.write("sqlflow.yaml", "version: 1\nname: shop\nspecs: ['*.yaml']\n")
    shop.write("shop.yaml", PIPELINE.partition("tests:")[0])
    marts = """\
version: 1
name: marts
steps:
  - id: yearly
    type: transform
    target: marts.yearly
    sql: select sum(revenue) as revenue, typeof(any_value(revenue)) as type from marts.daily
"""
    tests = """\
tests:
  - name: sums
    given: {marts.daily: [{revenue: 1}]}
    expect: {marts.yearly: [{revenue: 1, type: DOUBLE}]}
"""
    head = "version: 1\nkind: test\npipeline: marts.yaml\n"
    file = "tests.yaml" if apart else "marts.yaml"
    shop.write("marts.yaml", marts if apart else marts + tests)
    before = (head if apart else marts) + tests
    shop.write(file, before)
    assert "1 test: passed" in shop("test", file)
    assert "valid" in shop("validate", file)
    shop.write(file, before.replace("[{revenue", "[{revenu"))
    assert "marts.daily has no column 'revenu'" in shop("validate", file, code=2)
    assert "did you mean 'revenue'?" in shop("test", file, code=1)


def test_what_is_not_known_is_not_held_against_a_test(shop):
    """Tests of tables whose columns are not known here, and those that expect an error, are left to `sqlflow test`."""
    text = PIPELINE.replace("    columns: {id: bigint, amount: double}\n", "").replace("orders.csv", "'${env:NOWHERE}'")
    shop.write("shop.yaml", text + "    given: {orders: [{a: 1}]}\n    expect: {marts.daily: [{b: 1}]}\n")
    assert "SF760" not in shop("validate", "shop.yaml")
    shop.write("shop.yaml", PIPELINE + "    vars: {least: x}\n    given: {orders: []}\n    error: SF302\n")
    assert "valid" in shop("validate", "shop.yaml")


@pytest.mark.parametrize("apart", [False, True], ids=["in the pipeline", "in a document of its own"])
def test_a_fault_in_a_query_hides_no_other(shop, apart):
    """What a test names of sources and tables that are right is told, though another step is wrong."""
    tests = """\
tests:
  - name: one
    vars: {least: 2}
    given: {orders: [{amuont: 1}]}
    expect: {marts.dayly: []}
"""
    wrong = PIPELINE.partition("tests:")[0].replace("sum(amount)", "sum(amonut)")
    shop.write("shop.yaml", wrong if apart else wrong + tests)
    shop.write("tests.yaml", f"version: 1\nkind: test\npipeline: shop.yaml\n{tests}")
    told = shop("validate", "tests.yaml" if apart else "shop.yaml", code=2)
    assert told.count("SF760") == 2
    assert ("SF421" in told) != apart
    assert ("SF426 unchecked: shop.yaml, which these tests are about, has problems" in told) == apart


def test_what_follows_from_a_fault_is_not_told_again(shop):
    """What follows from a fault of the pipeline itself is not told of its tests as well."""
    test = "    given: {orders: []}\n    expect: {marts.daily: [{x: 1}]}\n"
    shop.write("shop.yaml", PIPELINE.replace("sum(amount)", "sum(amonut)") + test)
    told = shop("validate", "shop.yaml", code=2)
    assert "SF421" in told
    assert "SF760" not in told


def test_a_file_of_rows_that_changes_is_looked_at_again(shop, monkeypatch, tmp_path_factory):
    """What is known of a document rests on the files of its tests, too."""
    monkeypatch.setenv("SQLFLOW_CACHE", str(tmp_path_factory.mktemp("cache")))
    shop.write("given.csv", "id,amount\n1,2\n")
    shop.write("shop.yaml", PIPELINE + "    given: {orders: {csv: given.csv}}\n    expect: {marts.daily: []}\n")
    assert "valid" in shop("validate", "shop.yaml")
    shop.write("given.csv", "id,amuont\n1,2\n")
    assert "did you mean 'amount'?" in shop("validate", "shop.yaml", code=2)
    shop.write("given.csv", "id,amount\n1,2\n")
    assert "valid" in shop("validate", "shop.yaml")
