"""What is told of what the cursor is on: docs, types, values, and what a problem means."""

from __future__ import annotations

import pytest

from .conftest import ORDERS, PROJECT

NAME = "specs/orders.yaml"


def hover(editor, old, new, name=NAME, text=ORDERS):
    """Return what is told at the cursor that `new` holds, and the words that it is about."""
    assert old in text
    found = editor.here("hover", name, text.replace(old, new, 1))
    if found is None:
        return "", ""
    lines, span = text.split("\n"), found.get("range")
    return found["contents"]["value"], lines[span["start"]["line"]][
        span["start"]["character"] : span["end"]["character"]
    ] if span else ""


@pytest.mark.parametrize(
    ("old", "new", "wanted", "word"),
    [
        ("    checks:", "    che‸cks:", "What must hold of the rows.", "checks"),
        ("type: load", "type: lo‸ad", "Loads rows from a connector into a table.", "load"),
        ("type: load", "ty‸pe: load", "Kind of the step.", "type"),
        ("connector: csv", "connec‸tor: csv", "The connector to use", "connector"),
        ("unique:", "un‸ique:", "", "unique"),
        ("source: marts.daily", "source: marts.da‸ily", "| revenue | `DECIMAL(38,2)` |", "marts.daily"),
        ("from raw.orders o", "from raw.ord‸ers o", "written by step `orders`", "raw.orders"),
        ("order_id, placed_on as", "order_id, placed‸_on as", "**placed_on** `DATE` of `o`", "placed_on"),
        ("select day, sum", "select da‸y, sum", "**day** `DATE` of `paid`", "day"),
        ("      from paid", "      from pa‸id", "| amount | `decimal(10,2)` |", "paid"),
        ("sum(amount) as", "su‸m(amount) as", "sum(", "sum"),
        ("$since", "$sin‸ce", "`2024-06-01`, from profile dev", "$since"),
        ("  least:", "  lea‸st:", "`1.5`, from pipeline", "least"),
        ("unique: order_id", "unique: order‸_id", "**order_id** `BIGINT`", "order_id"),
        ("expression: amount > 0", "expression: amou‸nt > 0", "**amount** `decimal(10,2)`", "amount"),
    ],
)
def test_what_is_told(old, new, wanted, word, editor):
    """A key has its docs, a table its columns, a column its type, a variable its value and where that comes from."""
    editor.edit(NAME, ORDERS)
    text, about = hover(editor, old, new)
    assert wanted in text
    assert about == word


def test_a_secret_is_not_shown(editor):
    """The value of a variable that is secret is masked."""
    secret = ORDERS.replace("vars:\n", 'vars:\n  pin: {type: string, default: "${secret:env/HOME}"}\n')
    editor.edit(NAME, secret)
    text, _ = hover(editor, "  pin:", "  p‸in:", text=secret)
    assert "***" in text
    assert str(editor.folder.home()) not in text


def test_a_problem_is_explained(editor):
    """Where something is wrong, the code is explained as `sqlflow explain` does."""
    broken = ORDERS.replace("    target: raw.orders", "    targt: raw.orders")
    text, _ = hover(editor, "    targt: raw", "    tar‸gt: raw", text=broken)
    assert "**SF201**" in text
    assert "*Remedy:*" in text
    editor.edit(NAME, ORDERS)


def test_the_project_file(editor):
    """Keys of `sqlflow.yaml` have their docs."""
    editor.open("sqlflow.yaml")
    assert "Where tables are kept" in hover(editor, "storage:", "stor‸age:", "sqlflow.yaml", PROJECT)[0]
    editor.tell("textDocument/didClose", {"textDocument": {"uri": editor.uri("sqlflow.yaml")}})


def test_behind_wide_letters(editor):
    """The place is found, and told, behind letters of two units."""
    wide = ORDERS.replace("where status = 'paid'", "where status <> '🦆🦆' and amount > 1")
    found = editor.here("hover", NAME, wide.replace("amount > 1", "amo‸unt > 1"))
    line = next(line for line in wide.split("\n") if "amount > 1" in line)
    start = len(line.partition("amount")[0]) + 2
    assert "`decimal(10,2)`" in found["contents"]["value"]
    assert [found["range"][end]["character"] for end in ("start", "end")] == [start, start + 6]
    editor.edit(NAME, ORDERS)
