"""Documents of one project side by side: what one makes is known in the others, on disk, open, edited and gone."""

from __future__ import annotations

import pytest

from .editor import Editor

MAKER = """\
version: 1
name: maker
steps:
  - id: orders
    type: transform
    target: raw.orders
    sql: select 1 as order_id, 9.50 as amount
"""
READER = """\
version: 1
name: reader
steps:
  - id: daily
    type: transform
    target: marts.daily
    sql: |
      select order_id, amount
      from raw.orders
"""
LAST = """\
version: 1
name: last
steps:
  - id: top
    type: transform
    target: marts.top
    sql: select amount from marts.daily
"""


@pytest.fixture
def editor(tmp_path):
    """Bring an editor on a project of three documents that need each other's tables."""
    (tmp_path / "sqlflow.yaml").write_text("version: 1\nname: shop\nspecs: ['*.yaml']\n")
    for name, text in (("maker", MAKER), ("reader", READER), ("last", LAST)):
        (tmp_path / f"{name}.yaml").write_text(text)
    found = Editor(tmp_path)
    yield found
    found.kill()


def codes(problems):
    """Return what is told, without what lint finds."""
    return [(p["code"], p["range"]["start"]["line"]) for p in problems if not p["code"].startswith("SF8")]


def test_tables_of_other_documents_are_known(editor):
    """A document that reads what another makes has no problems; a wrong name has one, with its hint."""
    assert codes(editor.open("reader.yaml")) == []
    found = editor.edit("reader.yaml", READER.replace("amount\n", "amuont\n"))
    assert codes(found) == [("SF421", 7)]
    assert "did you mean 'amount'?" in found[0]["message"]


def test_they_are_offered_and_described(editor):
    """Completion offers their tables and columns, hover shows them, and the definition leads into the other file."""
    editor.open("reader.yaml")
    offered = editor.here("completion", "reader.yaml", READER.replace("raw.orders", "raw.o‸"))["items"]
    assert "maker.yaml" in next(one for one in offered if one["label"] == "raw.orders")["detail"]
    columns = editor.here("completion", "reader.yaml", READER.replace("order_id, amount", "order_id, am‸"))["items"]
    assert "amount" in [one["label"] for one in columns]
    hover = editor.here("hover", "reader.yaml", READER.replace("raw.orders", "raw.ord‸ers"))
    assert "amount" in hover["contents"]["value"]
    places = editor.here("definition", "reader.yaml", READER.replace("raw.orders", "raw.ord‸ers"))
    assert [(p["uri"], p["range"]["start"]["line"]) for p in places] == [(editor.uri("maker.yaml"), 3)]


def test_an_edit_reaches_what_is_open_beside_it(editor):
    """A column that is renamed in one document, saved or not, is missing at once in another; and is there again."""
    editor.open("maker.yaml")
    assert codes(editor.open("reader.yaml")) == []
    editor.edit("maker.yaml", MAKER.replace("as amount", "as total"))
    assert codes(editor.news("reader.yaml")) == [("SF421", 7)]
    editor.edit("maker.yaml", MAKER)
    assert codes(editor.news("reader.yaml")) == []


def test_files_that_change_are_looked_at_again(editor):
    """What is saved elsewhere counts, through documents that nobody has opened; so does a file that is gone."""
    assert codes(editor.open("last.yaml")) == []
    (editor.folder / "maker.yaml").write_text(MAKER.replace("9.50 as amount", "true as amount"))
    (editor.folder / "reader.yaml").write_text(READER.replace("order_id, amount", "order_id as amount"))
    editor.tell("textDocument/didSave", {"textDocument": {"uri": editor.uri("last.yaml")}})
    assert codes(editor.news("last.yaml")) == []
    (editor.folder / "reader.yaml").write_text(READER.replace("order_id, amount", "order_id"))
    editor.tell("textDocument/didSave", {"textDocument": {"uri": editor.uri("last.yaml")}})
    assert codes(editor.news("last.yaml")) == [("SF421", 6)]
    (editor.folder / "reader.yaml").unlink()
    editor.tell("textDocument/didSave", {"textDocument": {"uri": editor.uri("last.yaml")}})
    assert codes(editor.news("last.yaml")) == [("SF426", 6)]


def test_a_document_that_is_closed_is_taken_from_disk(editor):
    """What was typed and never saved is forgotten with it."""
    editor.open("maker.yaml")
    editor.open("reader.yaml")
    editor.edit("maker.yaml", MAKER.replace("as amount", "as total"))
    assert codes(editor.news("reader.yaml")) == [("SF421", 7)]
    editor.tell("textDocument/didClose", {"textDocument": {"uri": editor.uri("maker.yaml")}})
    assert codes(editor.edit("reader.yaml", f"{READER}\n")) == []


def test_without_a_project_nobody_is_a_neighbour(tmp_path):
    """Documents beside each other that share no project keep their tables apart."""
    for name, text in (("maker", MAKER), ("reader", READER)):
        (tmp_path / f"{name}.yaml").write_text(text)
    editor = Editor(tmp_path)
    assert codes(editor.open("reader.yaml")) == [("SF426", 8)]
    editor.kill()


def test_a_ring_of_documents_comes_to_rest(editor):
    """Two documents that read each other's tables are read and told about like any others."""
    (editor.folder / "maker.yaml").write_text(
        MAKER.replace("select 1", "select (select min(order_id) from marts.daily)")
    )
    assert codes(editor.open("reader.yaml")) == [("SF426", 8)]
    assert codes(editor.open("maker.yaml")) == [("SF426", 6)]
    assert codes(editor.edit("maker.yaml", MAKER)) == []
    assert codes(editor.news("reader.yaml")) == []
