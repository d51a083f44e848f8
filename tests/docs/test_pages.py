"""The pages of docs/ say what is: their files are written, their commands run, and what these print is compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / f"{name}.md" for name in ("increments", "testing", "changes", "editors")]
ELSEWHERE = {ROOT / "docs" / "ci.md", ROOT / "docs" / "plugins.md"}
"""Pages that a test of their own runs."""
BLOCK = re.compile(
    r"(?:^\*\*(?P<file>[\w./-]+)\*\*\n\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL
)


def masked(text: str) -> str:
    """Return an output without run ids, commits, times and durations."""
    text = re.sub(r"\b[0-9a-f]{10}\b", "COMMIT", text)
    text = re.sub(r"\d{8}T\d{9}Z-\w{6}", "RUN", text)
    text = re.sub(r"20(?!24)\d\d-\d\d-\d\d \d\d:\d\d(:\d\d)?", "TIME", text)
    return re.sub(r" +$", "", re.sub(r"\d+(\.\d+)? m?s\b", "N ms", text), flags=re.MULTILINE).strip()


def shell(command: str, folder: Path) -> str:
    """Run a command in a folder and return all that it says."""
    environment = {**os.environ, "NO_COLOR": "1", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_shows_is_what_happens(page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Files and commands of a page, in its order, give the output that it shows."""
    text = page.read_text(encoding="utf-8")
    pieces, end = [], 0
    for block in BLOCK.finditer(text):
        if block["file"]:
            (tmp_path / block["file"]).parent.mkdir(exist_ok=True)
            (tmp_path / block["file"]).write_text(block["text"], encoding="utf-8")
        elif block["kind"] == "console":
            ran = ""
            for part in re.split(r"^\$ ", block["text"], flags=re.MULTILINE)[1:]:
                command = part.partition("\n")[0]
                ran += f"$ {command}\n{shell(command, tmp_path)}"
            ran = re.sub(r" +$", "", ran, flags=re.MULTILINE)
            if request.config.getoption("--regen"):
                pieces += [text[end : block.start("text")], ran]
                end = block.end("text")
            else:
                assert masked(block["text"]) == masked(ran)
    if pieces:
        page.write_text("".join(pieces) + text[end:], encoding="utf-8")


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.stem)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    """Every relative link names something that is there."""
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not link.startswith("http") and not (page.parent / link).exists()] == []


def test_every_page_that_shows_commands_is_run() -> None:
    """No page with a console block goes untested."""
    shown = {page for page in (ROOT / "docs").glob("*.md") if "```console" in page.read_text(encoding="utf-8")}
    assert shown <= {*PAGES, *ELSEWHERE}
