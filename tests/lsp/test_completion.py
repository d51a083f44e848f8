"""What may be typed: keys, values and names, in YAML and in the SQL within, however unfinished the text is."""

from __future__ import annotations

import pytest

from .conftest import ORDERS, PROJECT

NAME = "specs/orders.yaml"
HEAD = ORDERS.partition("steps:")[0] + "steps:\n"
BROKEN = "\n  - id: [unfinished\n  sql: 'oh\n"


def labels(editor, text, name=NAME):
    """Return what is offered at the cursor, written `‸`, in the order in which it is shown."""
    found = editor.here("completion", name, text)
    return [item["label"] for item in sorted(found["items"], key=lambda item: item["sortText"])] if found else []


def taken(editor, text, label, name=NAME):
    """Return the text of a document after an offer has been taken."""
    found = editor.here("completion", name, text)
    (chosen,) = [item for item in found["items"] if item["label"] == label]
    span, plain = chosen["textEdit"]["range"], text.replace("‸", "").split("\n")
    line = plain[span["start"]["line"]]
    return line[: span["start"]["character"]] + chosen["textEdit"]["newText"] + line[span["end"]["character"] :]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("‸", {"version", "steps", "vars"}),
        (f"{HEAD}  - ‸", {"id", "type", "when", "checks"}),
        (f"{HEAD}  - id: a\n    ‸", {"type", "depends_on"}),
        (f"{HEAD}  - id: a\n    type: ‸", {"load", "transform", "export", "check", "sql"}),
        (f"{HEAD}  - id: a\n    type: load\n    mo‸", {"mode", "source", "target", "cursor"}),
        (f"{HEAD}  - id: a\n    type: load\n    mode: ‸", {"replace", "append", "merge", "delete_insert", "scd2"}),
        (f"{HEAD}  - id: a\n    type: load\n    adopt: ‸", {"true", "false"}),
        (f"{HEAD}  - id: a\n    type: load\n    source: {{‸}}", {"connector", "connection"}),
        (f"{HEAD}  - id: a\n    type: load\n    source: {{connector: ‸}}", {"csv", "parquet", "json", "duckdb"}),
        (f"{HEAD}  - id: a\n    type: load\n    source: {{connector: csv, ‸}}", {"path", "delimiter", "header"}),
        (f"{HEAD}  - id: a\n    type: load\n    source:\n      connector: csv\n      ‸", {"path", "delimiter"}),
        (f"{HEAD}  - id: a\n    type: load\n    source:\n      ‸", {"connector", "connection"}),
        (f"{HEAD}  - id: a\n    type: load\n    source: {{connection: ‸", {"files"}),
        (f"{HEAD}  - id: a\n    type: load\n    retry: {{‸", {"attempts", "delay"}),
        (f"{HEAD}  - id: a\n    type: load\n    checks:\n      - ‸", {"unique", "not_null", "expression", "severity"}),
        (f"{HEAD}  - id: a\n    type: load\n    checks:\n      - unique: a\n        severity: ‸", {"error", "warn"}),
        ("version: 1\nvars:\n  since: {type: ‸}", {"date", "integer", "identifier"}),
        ("version: 1\nconnections:\n  shop: {connector: duckdb, ‸}", {"path", "max_connections"}),
        (f"{HEAD}  - id: a\n    ‸{BROKEN}", {"type", "when"}),
        (f"{HEAD}  - id: a\n    type: load\n    source: {{connector: csv, pa‸\n    target: x.y{BROKEN}", {"path"}),
    ],
)
def test_keys_and_values_of_yaml(text, wanted, editor):
    """What the models know is offered where it may stand, also in YAML that is none yet."""
    assert wanted <= set(labels(editor, text))


def test_keys_that_are_there_are_not_offered_again(editor):
    """A key may stand once; keys of other types and connectors are not offered."""
    found = labels(editor, f"{HEAD}  - id: a\n    type: load\n    ‸\n    target: raw.a\n")
    assert not {"id", "type", "target", "sql"} & set(found)
    assert found[0] == "source"  # what is required comes first


@pytest.mark.parametrize(
    ("text", "label", "line"),
    [
        (f"{HEAD}  - id: a\n    type: load\n    mo‸", "mode", "    mode: "),
        (f"{HEAD}  - id: a\n    type: load\n    mo‸: merge", "mode", "    mode: merge"),
        (f"{HEAD}  - id: a\n    type: load\n    mode: me‸", "merge", "    mode: merge"),
        (ORDERS.replace("from raw.orders o", "from raw.or‸"), "raw.orders", "        from raw.orders"),
        (ORDERS.replace("source: marts.daily", "source: ma‸"), "marts.daily", "    source: marts.daily"),
        (ORDERS.replace(">= $since", ">= $si‸"), "since", "        where status = 'paid' and placed_on >= $since"),
        (ORDERS.replace("path: out/daily.csv", "path: 'ü🦆 ${le‸}'"), "least",
         "    target: {connector: csv, path: 'ü🦆 ${least}'}"),
    ],
)  # fmt: skip
def test_an_offer_replaces_what_was_typed(text, label, line, editor):
    """Taking an offer leaves the line as one would have written it."""
    if "🦆" in text:
        found = editor.here("completion", NAME, text)
        (chosen,) = [item for item in found["items"] if item["label"] == label]
        start = chosen["textEdit"]["range"]["start"]["character"]
        written = text.replace("‸", "").split("\n")[chosen["textEdit"]["range"]["start"]["line"]]
        assert written.encode("utf-16-le")[: start * 2].decode("utf-16-le").endswith("${")
        return
    assert taken(editor, text, label) == line


@pytest.mark.parametrize(
    ("old", "new", "wanted", "unwanted"),
    [
        ("from raw.orders o", "from ‸", {"raw.orders", "marts.daily"}, {"sum", "amount"}),
        ("select order_id, placed_on", "select ‸, placed_on", {"order_id", "amount", "status", "customer"}, set()),
        ("select order_id, placed_on", "select o.‸, placed_on", {"order_id", "amount"}, {"sum", "raw.orders"}),
        ("where status = 'paid' and", "where o.st‸ and", {"status"}, set()),
        ("select day, sum(amount)", "select day, su‸", {"sum", "with_tax"} - {"with_tax"}, {"avg"}),
        ("select day, sum(amount)", "select day, wi‸", {"with_tax", "with"}, set()),
        ("select day, sum(amount)", "select paid.‸", {"day", "amount", "order_id"}, {"status"}),
        ("from paid", "from ‸", {"paid", "raw.orders"}, set()),
        (">= $since", ">= $‸", {"since", "least", "tab"}, set()),
        ("from raw.orders o", "from raw.${‸} o", {"tab"}, {"since", "least"}),
        ("status = 'paid'", "status = 'pa‸id'", set(), {"amount"}),
    ],
)
def test_names_within_sql(old, new, wanted, unwanted, editor):
    """Tables stand behind FROM, columns elsewhere, those of an alias behind its dot; variables behind a dollar."""
    editor.edit(NAME, ORDERS)
    found = set(labels(editor, ORDERS.replace(old, new)))
    assert wanted <= found
    assert not unwanted & found


def test_columns_of_yaml(editor):
    """Checks and options that take columns are offered those of the step's own table."""
    editor.edit(NAME, ORDERS)
    assert {"order_id", "amount"} <= set(labels(editor, ORDERS.replace("unique: order_id", "unique: [‸]")))
    assert {"order_id", "amount"} <= set(labels(editor, ORDERS.replace("expression: amount > 0", "expression: ‸")))
    assert {"order_id"} <= set(labels(editor, ORDERS.replace("    checks:", "    key: [‸]\n    checks:", 1)))


def test_names_of_steps_connections_and_profiles(editor):
    """Names that are declared somewhere are offered where they are used."""
    editor.edit(NAME, ORDERS)
    assert set(labels(editor, ORDERS.replace("depends_on: [orders]", "depends_on: [‸]"))) == {"orders", "daily"}
    assert labels(editor, ORDERS.replace("connection: files", "connection: ‸")) == ["files"]
    editor.open("sqlflow.yaml")
    assert labels(editor, PROJECT.replace("default_profile: dev", "default_profile: ‸"), "sqlflow.yaml") == [
        "dev",
        "prod",
    ]
    assert {"SF801", "SF806"} <= set(labels(editor, f"{PROJECT}lint:\n  ‸", "sqlflow.yaml"))
    assert {"off", "warn", "error"} == set(labels(editor, f"{PROJECT}lint:\n  SF801: ‸", "sqlflow.yaml"))
    assert {"engine", "storage", "concurrency"} <= set(
        labels(editor, f"{PROJECT}".replace("  dev:\n", "  dev:\n    ‸\n"), "sqlflow.yaml")
    )
    editor.tell("textDocument/didClose", {"textDocument": {"uri": editor.uri("sqlflow.yaml")}})


def test_offers_say_what_they_are(editor):
    """An offer carries the docs of its field, its type, or what a connector says of itself."""
    found = editor.here("completion", NAME, f"{HEAD}  - id: a\n    type: load\n    mo‸")
    (mode,) = [item for item in found["items"] if item["label"] == "mode"]
    assert "How rows meet what is there" in mode["documentation"]["value"]
    found = editor.here("completion", NAME, f"{HEAD}  - id: a\n    type: load\n    source: {{connector: ‸")
    assert all(item["documentation"]["value"] for item in found["items"])
    editor.edit(NAME, ORDERS)
    found = editor.here("completion", NAME, ORDERS.replace("select order_id, placed_on", "select o.‸, placed_on"))
    (amount,) = [item for item in found["items"] if item["label"] == "amount"]
    assert amount["detail"].startswith("decimal(10,2)")


def test_nothing_is_offered_in_comments(editor):
    """A comment is the writer's own, in YAML and in SQL."""
    assert labels(editor, "# hel‸") == []
    assert labels(editor, ORDERS.replace("      from paid", "      -- am‸\n      from paid")) == []
