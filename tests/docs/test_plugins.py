"""The page for authors of plugins is followed step by step: what it says to write is written, what it shows is seen."""

from __future__ import annotations

import re
from pathlib import Path

from sqlflow.project import open_workspace

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?:^\*\*([\w./-]+)\*\*\n\n)?^(`{3,4})(\w+)\n(.*?)^\2$", re.MULTILINE | re.DOTALL)
BLOCKS = [(language, path, text) for path, _, language, text in BLOCK.findall(PAGE)]


def masked(text):
    """Return an output without what differs from run to run: times, and how many laws there are this year."""
    text = re.sub(r"\b\d+(\.\d+)?( ?ms|s\b)", "N s", text)
    text = re.sub(r"^[.s]+ +\[ *\d+%\]\n", "", text, flags=re.MULTILINE)
    return re.sub(r"\d+ (laws|passed|deselected)", r"N \1", text).strip()


def test_the_page_leads_from_nothing_to_a_published_plugin(machine):
    """Followed from top to bottom by somebody who has nothing, every block does what it says."""
    plugin = machine.folder / "sqlflow-weather"
    for language, path, text in BLOCKS:
        if language == "console":
            for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, _, expected = part.partition("\n")
                done = machine.shell(command)
                assert masked(done.stdout + done.stderr) == masked(expected), command
        elif language == "diff":
            lines = text.splitlines()
            old = "\n".join(line[1:] for line in lines if not line.startswith("+"))
            new = "\n".join(line[1:] for line in lines if not line.startswith("-"))
            assert old in (plugin / path).read_text()
            (plugin / path).write_text((plugin / path).read_text().replace(old, new))
        elif path:
            assert (plugin / path).exists(), path
            (plugin / path).write_text(text)
        elif language == "python":
            done = machine.call("python", "-W", "error", "-c", text.replace("'", "'\\''"))
            assert (done.returncode, done.stderr) == (0, ""), text
        elif language == "yaml":
            (machine.folder / "sqlflow.yaml").write_text(text)
            assert not open_workspace(machine.folder / "sqlflow.yaml").problems
    (machine.folder / "oslo.txt").write_text("2024-01-01;Oslo;-3.5\n")
    (example,) = re.findall(r"```yaml\n(.*?)```", (plugin / "README.md").read_text(), re.DOTALL)
    (machine.folder / "weather.yaml").write_text(example)
    assert "succeeded in" in machine.does("sqlflow", "run", "weather.yaml")


def test_the_page_knows_every_kind_and_exam():
    """The table of kinds names every hook that brings what a document names, and every exam that is shipped."""
    from sqlflow.inspection.exam import EXAMS
    from sqlflow.registry import HOOKS
    from sqlflow.scaffold import KINDS

    assert all(f"`{HOOKS[kind]}`" in PAGE and f"`{exam}`" in PAGE for kind, exam in EXAMS.items())
    assert all(f"`{kind}`" in PAGE for kind in KINDS)
