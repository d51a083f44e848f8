"""docs/editors.md says what is: its set-ups parse and start the server, and the server does what the table says."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from tests.lsp.editor import Editor

PAGE = (Path(__file__).parents[2] / "docs" / "editors.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))


def test_every_set_up_starts_the_server():
    """Each editor is told the same command: `sqlflow lsp`."""
    code, helix = json.loads(BLOCKS["json"]), tomllib.loads(BLOCKS["toml"])
    assert [code["glspc.server.command"], *code["glspc.server.commandArguments"]] == ["sqlflow", "lsp"]
    server = helix["language-server"]["sqlflow"]
    assert [server["command"], *server["args"]] == ["sqlflow", "lsp"]
    assert "sqlflow" in helix["language"][0]["language-servers"]
    assert 'cmd = { "sqlflow", "lsp" }' in BLOCKS["lua"]


def test_the_server_does_what_the_table_says(tmp_path):
    """Each row of the table is a capability, and the document of the page has none but good answers."""
    rows = set(re.findall(r"^\| (\w+) \| ", PAGE.partition("|---|")[2], re.MULTILINE))
    editor = Editor(tmp_path)
    try:
        offered = {name.removesuffix("Provider").removeprefix("documentS") for name in editor.capabilities}
        assert {"problems", "completion", "hover", "definition", "outline"} == rows
        assert {"completion", "hover", "definition", "ymbol"} <= offered
        assert {p["severity"] for p in editor.open("orders.yaml", BLOCKS["yaml"])} <= {2}
        place = editor.here("definition", "orders.yaml", BLOCKS["yaml"].replace("from raw.orders", "from raw.o‸rders"))
        assert [one["range"]["start"]["line"] for one in place] == [7]
        assert editor.quit() == 0
    finally:
        editor.kill()
