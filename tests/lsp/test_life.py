"""The life of a server: it starts, survives what it is sent, and ends when it is told, without a word on stderr."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from .conftest import ORDERS

NAME = "specs/orders.yaml"


def fifty() -> str:
    """Return a pipeline of 50 steps, each but the first reading the one before."""
    steps = ["  - {id: s0, type: transform, target: raw.t0, sql: select 1 as a}"]
    for n in range(1, 50):
        query = f"    sql: |\n      select a\n      from raw.t{n - 1}\n"
        steps.append(f"  - id: s{n}\n    type: transform\n    target: raw.t{n}\n{query}")
    return "version: 1\nname: many\nsteps:\n" + "\n".join(steps)


def test_goodbye_is_said_once(project, start):
    """After shutdown and exit the server ends with 0; without shutdown, or when the editor is gone, with 1."""
    first, second, third = start(project), start(project), start(project)
    first.open(NAME)
    assert first.quit() == 0
    second.start(NAME)
    second.tell("exit", None)
    assert second.left() == 1
    third.start(NAME)
    third.process.stdin.close()
    assert third.left() == 1
    assert b"".join([*first.stderr, *second.stderr, *third.stderr]) == b""


def test_whatever_is_sent_is_survived(project, start):
    """Requests that make no sense have no answer, or an error as one; the next that does is answered."""
    editor = start(project)
    editor.open(NAME)
    nowhere = {"textDocument": {"uri": "untitled:Untitled-1"}, "position": {"line": 0, "character": 0}}
    for method in ("completion", "hover", "definition"):
        assert editor.ask(f"textDocument/{method}", nowhere) is None
        assert editor.at(method, "no/such.yaml", 3, 3) is None
        assert editor.at(method, NAME, 9999, 9999) in (None, {"isIncomplete": False, "items": []}, [])
        editor.at(method, NAME, 3, 9999)
        editor.send({"id": f"half a {method}", "method": f"textDocument/{method}", "params": {"textDocument": {}}})
    assert "error" in editor.reply("textDocument/nothing", {})
    editor.tell("textDocument/nothing", {})
    editor.tell("$/setTrace", {"value": "off"})
    editor.tell("workspace/didChangeConfiguration", {"settings": {}})
    editor.tell(
        "textDocument/didChange", {"textDocument": {"uri": "file:///none.yaml", "version": 2}, "contentChanges": []}
    )
    editor.tell("textDocument/didClose", {"textDocument": {"uri": editor.uri("never.yaml")}})
    for text in (
        "",
        "\x00",
        "\t",
        "&a [*a, *a]",
        "a: &a {b: *a}",
        "steps: " + "[" * 5000,
        "\ue000",
        "- " * 3000,
        "? [a]\n: b\n",
    ):
        editor.edit(NAME, f"version: 1\nname: x\nsteps:\n{text}")
        for method in ("completion", "hover", "definition"):
            editor.at(method, NAME, 3, len(text) // 2)
    assert (
        "What must hold"
        in editor.here("hover", NAME, ORDERS.replace("    checks:", "    che‸cks:"))["contents"]["value"]
    )
    assert editor.quit() == 0
    assert b"".join(editor.stderr) == b""


@pytest.mark.parametrize("part", ["load", "sql", "source", "$since"])
def test_every_prefix_of_a_document_is_read(part, editor):
    """A document that is typed letter by letter is never too broken to be read and asked about."""
    name = "specs/typed.yaml"
    editor.start(name, "version: 1\nsteps:\n")
    begin = ORDERS.index(part)
    for size in range(begin, begin + 40):
        text = ORDERS[:size]
        editor.here("completion", name, f"{text}‸")
        editor.at("hover", name, text.count("\n"), 0)
    editor.tell("textDocument/didClose", {"textDocument": {"uri": editor.uri(name)}})
    assert editor.log == []


def test_changes_in_a_row_end_with_the_last(project, start):
    """Of many changes at once the last one counts: what is shown in the end are its problems."""
    editor = start(project)
    editor.open(NAME)
    for number in range(30):
        editor.change(NAME, ORDERS.replace("status = 'paid'", f"statu{number} = 'paid'"))
    editor.change(NAME, ORDERS)
    editor.at("hover", NAME, 0, 0)
    assert all(p["severity"] > 1 for p in editor.published[editor.uri(NAME)][-1])
    assert editor.quit() == 0


def test_many_steps_and_many_documents(project, start):
    """A document of 50 steps and ten documents beside each other are kept apart, each with its own problems."""
    editor = start(project)
    assert not [p for p in editor.open("specs/many.yaml", fifty()) if p["severity"] == 1]
    wrong = fifty().replace("select a\n      from raw.t30", "select b\n      from raw.t30")
    assert [p["code"] for p in editor.edit("specs/many.yaml", wrong) if p["severity"] == 1] == ["SF421"]
    for number in range(10):
        text = ORDERS.replace("from raw.orders o", f"from raw.orders o where wrong{number} = 1")
        found = [
            p
            for p in editor.open(f"specs/o{number}.yaml", text.replace("        where status", "        and status"))
            if p["severity"] == 1
        ]
        assert [f"wrong{number}" in p["message"] for p in found] == [True]
    place = editor.here("definition", "specs/many.yaml", fifty().replace("from raw.t44", "from raw.t‸44"))
    assert place[0]["uri"] == editor.uri("specs/many.yaml")
    assert editor.quit() == 0


def test_the_outline(editor):
    """The outline holds the steps and the variables, with the lines that belong to them."""
    editor.edit(NAME, ORDERS)
    found = editor.ask("textDocument/documentSymbol", {"textDocument": {"uri": editor.uri(NAME)}})
    parts = {part["name"]: part.get("children") or [] for part in found}
    assert [child["name"] for child in parts["steps"]] == ["orders", "daily", "report"]
    assert [child["name"] for child in parts["vars"]] == ["least", "tab"]
    daily = parts["steps"][1]
    lines = ORDERS.split("\n")
    assert lines[daily["range"]["start"]["line"]] == "  - id: daily"
    assert lines[daily["range"]["end"]["line"]] == "      group by day"


def test_what_others_print_does_not_disturb(project, start):
    """Standard output belongs to the protocol, whoever prints."""
    (project / "sitecustomize.py").write_text("import atexit\natexit.register(print, 'bye')\n", encoding="utf-8")
    editor = start(project)
    editor.open(NAME)
    assert editor.quit() == 0


def test_without_the_extra_the_verb_says_what_to_install(tmp_path):
    """Where pygls is not installed, `sqlflow lsp` names the extra and ends with 1."""
    program = (
        "import sys; sys.modules['pygls'] = None; sys.argv = ['sqlflow', 'lsp'];"
        "from sqlflow.cli.main import main; main()"
    )
    environment = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "SF640" in done.stderr
    assert 'pip install "sqlflow-pipelines[lsp]"' in done.stderr
