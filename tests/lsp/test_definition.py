"""Where something is declared: within the document, from SQL to YAML, and from the pipeline to the project."""

from __future__ import annotations

import pytest

from .conftest import ORDERS, PROJECT

NAME = "specs/orders.yaml"


def declared(editor, old, new, text=ORDERS, name=NAME):
    """Return where the definition is of what the cursor in `new` is on: file, and the line from there on."""
    assert old in text
    found = editor.here("definition", name, text.replace(old, new, 1))
    told = []
    for place in found or ():
        file = place["uri"].removeprefix(f"{editor.folder.as_uri()}/")
        written = text if file == name else (editor.folder / file).read_text(encoding="utf-8")
        start = place["range"]["start"]
        told.append((file, written.split("\n")[start["line"]][start["character"] :]))
    return told


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("from raw.orders o", "from raw.ord‸ers o", [(NAME, "orders")]),
        ("source: marts.daily", "source: marts.da‸ily", [(NAME, "daily")]),
        ("$since", "$sin‸ce", [
            ("sqlflow.yaml", "since: {type: date, default: 2024-01-01, description: First day to load.}"),
            ("sqlflow.yaml", "since: 2024-06-01}"),
        ]),
        ("connection: files", "connection: fi‸les", [("sqlflow.yaml", "files: {connector: csv, folder: data}")]),
        ("depends_on: [orders]", "depends_on: [ord‸ers]", [(NAME, "orders")]),
        ("      from paid", "      from pa‸id", [(NAME, "paid as (")]),
        ("raw.orders o\n", "raw.${ta‸b} o\n", [(NAME, "tab: {type: identifier, default: orders}")]),
        ("path: out/daily.csv", 'path: "${lea‸st}"', [(NAME, "least: {type: number, default: 1.5}")]),
        ("expression: amount > 0", "expression: amount > $lea‸st", [(NAME, "least: {type: number, default: 1.5}")]),
        ("select day, sum", "select no‸thing, sum", []),
        ("type: load", "type: lo‸ad", []),
    ],
)  # fmt: skip
def test_where_it_is_declared(old, new, wanted, editor):
    """Tables lead to their writers, variables and connections to every declaration, CTEs to their names."""
    editor.edit(NAME, ORDERS)
    assert declared(editor, old, new) == wanted


def test_an_alias_leads_to_its_table(editor):
    """What stands before a dot leads where the table leads."""
    assert declared(editor, "select order_id,", "select o‸.order_id,") == [(NAME, "orders")]


def test_a_broken_text_still_has_definitions(editor):
    """Places are those of the text as it is now, finished or not, even when it never was."""
    broken = ORDERS.replace("version: 1", "version: [1").replace("{connector: csv, path", "{connector: csv, 'path")
    assert declared(editor, "from raw.orders o", "from raw.ord‸ers o", broken) == [(NAME, "orders")]
    moved = broken.replace("steps:\n", "steps:\n\n\n")
    assert declared(editor, "source: marts.daily", "source: marts.da‸ily", moved) == [(NAME, "daily")]
    editor.edit(NAME, ORDERS)


def test_tables_of_scripts_lead_to_their_steps(editor):
    """A table that statements write leads to the step of the statements."""
    script = "  - id: make\n    type: sql\n    sql: create table raw.made as select 1 as a\n"
    reader = "  - id: use\n    type: transform\n    target: raw.used\n    sql: from raw.made\n"
    editor.edit(NAME, ORDERS + script + reader)
    assert declared(editor, "from raw.made", "from raw.ma‸de", ORDERS + script + reader) == [(NAME, "make")]
    editor.edit(NAME, ORDERS)


def test_variables_of_for_each_lead_to_it(editor):
    """A variable that `for_each` makes is declared there."""
    step = "  - id: each\n    type: transform\n    target: raw.each\n    for_each: {region: [EU, US]}\n"
    step += "    sql: select $region as r\n"
    assert declared(editor, "$region", "$reg‸ion", ORDERS + step) == [(NAME, "region: [EU, US]}")]
    editor.edit(NAME, ORDERS)


def test_a_file_of_sql_is_opened(editor):
    """The name of a file leads to the file."""
    editor.open("specs/weekly.yaml")
    text = (editor.folder / "specs" / "weekly.yaml").read_text(encoding="utf-8")
    assert declared(editor, "weekly.sql", "wee‸kly.sql", text, "specs/weekly.yaml") == [
        ("weekly.sql", "select 1 as week")
    ]
    editor.tell("textDocument/didClose", {"textDocument": {"uri": editor.uri("specs/weekly.yaml")}})


def test_the_default_profile(editor):
    """Within the project, the profile that is named leads to the profile."""
    editor.open("sqlflow.yaml")
    found = declared(editor, "default_profile: dev", "default_profile: d‸ev", PROJECT, "sqlflow.yaml")
    assert found == [("sqlflow.yaml", "dev:")]
    editor.tell("textDocument/didClose", {"textDocument": {"uri": editor.uri("sqlflow.yaml")}})
