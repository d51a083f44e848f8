"""Documents held together: each says what it says alone, and knows the tables that the others make."""

from __future__ import annotations

from sqlflow import Pipeline
from sqlflow.pipeline import installed
from sqlflow.validation import hold_all

PROJECT = "version: 1\nname: shop\n"
ORDERS = """
version: 1
name: orders
steps:
  - id: orders
    type: transform
    target: raw.orders
    sql: select 1 as order_id, 2.5 as amount
"""
MARTS = """
version: 1
name: marts
steps:
  - id: daily
    type: transform
    target: marts.daily
    sql: select sum(amuont) as revenue from raw.orders
"""


def told(folder, *names):
    """Hold documents of a folder together and return what is told of each."""
    paths = [folder / name for name in names]
    return [[(p.code, p.mark.line, p.severity) for p in one.compiled.problems] for one in hold_all(paths, installed())]


def test_documents_held_together_say_what_each_says_alone(tmp_path):
    """What documents of a project share is read once; no problem of one is told of another, and none is lost."""
    (tmp_path / "sqlflow.yaml").write_text(f"{PROJECT}default_profile: staging\nprofiles: {{dev: {{}}}}\n")
    paths = []
    for number, sql in enumerate(["from raw.a", "selec 1", "select $nobody", "from raw.b"]):
        path = tmp_path / f"{number}.yaml"
        path.write_text(
            f"version: 1\nname: p{number}\nsteps: [{{id: s, type: transform, target: m.t{number}, sql: '{sql}'}}]\n"
        )
        paths.append(path)
    (tmp_path / "broken.yaml").write_text("version: [1\n")
    paths += [tmp_path / "broken.yaml", tmp_path / "absent.yaml"]
    together = [problem for one in hold_all(paths, installed()) for problem in one.compiled.problems]
    alone = [problem for path in paths for problem in Pipeline(path).validate()]
    assert together == alone
    assert {p.code for p in together} >= {"SF101", "SF103", "SF301", "SF304", "SF401"}


def test_a_table_of_another_document_is_known(tmp_path):
    """What one document of a project makes is known where another reads it, in whatever order they are given."""
    (tmp_path / "sqlflow.yaml").write_text(PROJECT)
    (tmp_path / "orders.yaml").write_text(ORDERS)
    (tmp_path / "marts.yaml").write_text(MARTS)
    wrong = [("SF421", 8, "error")]
    assert told(tmp_path, "marts.yaml", "orders.yaml") == [wrong, []]
    assert told(tmp_path, "orders.yaml", "marts.yaml") == [[], wrong]
    (tmp_path / "marts.yaml").write_text(MARTS.replace("amuont", "amount"))
    assert told(tmp_path, "marts.yaml", "orders.yaml") == [[], []]
    assert told(tmp_path, "marts.yaml") == [[("SF426", 8, "unchecked")]]


def test_another_warehouse_is_not_looked_through(tmp_path):
    """Documents that keep their tables in other files know nothing of each other."""
    (tmp_path / "orders.yaml").write_text(ORDERS)
    (tmp_path / "marts.yaml").write_text(MARTS)
    assert told(tmp_path, "orders.yaml", "marts.yaml") == [[], [("SF426", 8, "unchecked")]]


def test_documents_that_need_each_other_are_held_all_the_same(tmp_path):
    """Two documents may read each other's tables; what cannot be known then is unchecked, and nothing hangs."""
    (tmp_path / "sqlflow.yaml").write_text(PROJECT)
    (tmp_path / "orders.yaml").write_text(
        f"{ORDERS}  - {{id: back, type: check, table: marts.daily, checks: [not_null: [revenue]]}}\n"
    )
    (tmp_path / "marts.yaml").write_text(MARTS.replace("amuont", "amount"))
    found = told(tmp_path, "orders.yaml", "marts.yaml")
    assert found == [[("SF426", 9, "unchecked")], []]


def test_two_writers_who_disagree_leave_a_table_unknown(tmp_path):
    """A table that two documents make with other columns is unchecked where a third reads it."""
    (tmp_path / "sqlflow.yaml").write_text(PROJECT)
    (tmp_path / "orders.yaml").write_text(ORDERS)
    (tmp_path / "more.yaml").write_text(ORDERS.replace("name: orders", "name: more").replace("order_id", "id"))
    (tmp_path / "marts.yaml").write_text(MARTS)
    assert told(tmp_path, "orders.yaml", "more.yaml", "marts.yaml")[2] == [("SF426", 8, "unchecked")]


def test_a_ring_does_not_let_one_writer_speak_for_two(tmp_path):
    """Where two documents make a table and one of them waits in a ring, its columns are not known to the other."""
    (tmp_path / "sqlflow.yaml").write_text(PROJECT)
    other = ORDERS.replace("name: orders", "name: other").replace("raw.orders", "marts.daily")
    (tmp_path / "other.yaml").write_text(other)
    (tmp_path / "orders.yaml").write_text(ORDERS.replace("2.5 as amount", "revenue from marts.daily"))
    (tmp_path / "marts.yaml").write_text(MARTS.replace("sum(amuont)", "order_id"))
    assert [code for code, *_ in told(tmp_path, "orders.yaml", "marts.yaml", "other.yaml")[0]] == ["SF426"]


def test_a_document_with_faults_speaks_for_what_is_right(tmp_path):
    """Tables of steps that are right are known to others; of a step that is wrong, that somebody makes its table."""
    (tmp_path / "sqlflow.yaml").write_text(PROJECT)
    wrong = "  - {id: wrong, type: transform, target: raw.wrong, sqll: select 1}\n"
    (tmp_path / "orders.yaml").write_text(f"owner: me{ORDERS}{wrong}")
    (tmp_path / "marts.yaml").write_text(MARTS)
    reader = "  - {id: reader, type: transform, target: marts.wrong, sql: from raw.wrong}\n"
    (tmp_path / "more.yaml").write_text(MARTS.replace("marts.daily", "marts.more").replace("amuont", "amount") + reader)
    paths = [tmp_path / name for name in ("orders.yaml", "marts.yaml", "more.yaml")]
    orders, marts, more = (one.compiled.problems for one in hold_all(paths, installed()))
    assert [p.code for p in orders] == ["SF201", "SF201"]
    assert [p.code for p in marts] == ["SF421"]
    assert [(p.code, p.message.partition(",")[0]) for p in more] == [("SF426", "another document makes raw.wrong")]
