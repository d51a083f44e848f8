"""Every small change of every example is told of at its place, or makes another good document; none goes unseen."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from .changing import Mutant, mutants
from .judging import Court

ROOT = Path(__file__).parents[2]
SLOW = os.environ.get("SQLFLOW_SLOW") == "1"
FEW = 16
"""Mutants of a document that are looked at where there is little time; with SQLFLOW_SLOW=1 it is all of them."""
LEFT_BY_RUNS = shutil.ignore_patterns("out", "target", "*.duckdb", "*.duckdb.*", "__pycache__", "expected")
#: Every example that runs by itself; those of servers are run by their plugins, and tests are no pipelines.
SPECS = sorted(
    path
    for path in ROOT.glob("specs/**/*.yaml")
    if path.name != "tests.yaml"
    and not (ROOT / "specs" / path.relative_to(ROOT / "specs").parts[0] / "server").exists()
)
#: Pages with documents, and the folder that has the files that these read.
PAGES = {
    "README.md": ROOT / "specs" / "01-quickstart",
    "docs/increments.md": None,
    "docs/testing.md": None,
    **{f"plugins/{p.parent.name}/README.md": None for p in sorted(ROOT.glob("plugins/*/README.md"))},
}
HEADER = "order_id,status,amount,updated_at\n1,paid,9.50,2024-03-01 10:00:00\n"
BLOCK = re.compile(
    r"(?:^\*\*(?P<file>[\w./-]+)\*\*\n\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return an empty folder, with nothing of this machine's settings."""
    for name in [name for name in os.environ if name.startswith(("SQLFLOW_", "OTEL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "example"


def chosen(text: str) -> list[Mutant]:
    """Return the mutants to look at: all, or some of each kind, the same on every machine."""
    found = list(mutants(text))
    return found if SLOW else sorted(found, key=lambda m: zlib.crc32(f"{m}{m.kind}".encode()))[:FEW]


def survivors(court: Court) -> list[str]:
    """Return the changes whose answer is wrong, each with what is wrong about it."""
    with closing(court):
        judged = ((mutant, court.judge(mutant)) for mutant in chosen(court.original))
        return [f"{mutant}\n    {wrong}" for mutant, wrong in judged if wrong is not None]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.relative_to(ROOT / "specs").as_posix())
def test_every_change_of_an_example_is_told_or_harmless(spec: Path, folder: Path) -> None:
    """A key left out or misspelt, a value of another type, names changed over: told of where it is, or proven fine."""
    example = ROOT / "specs" / spec.relative_to(ROOT / "specs").parts[0]
    shutil.copytree(example, folder, ignore=LEFT_BY_RUNS)
    document = folder / spec.relative_to(example)
    is_project = (folder / "sqlflow.yaml").exists()
    pipelines = sorted(folder.glob("pipelines/*.yaml")) if document.name == "sqlflow.yaml" else [document]
    alone = not is_project or document.name in ("sqlflow.yaml", "intake.yaml")  # others read what that one has made
    found = survivors(Court(folder, document, pipelines, (None, "prod") if is_project else (None,), alone))
    assert not found, f"{len(found)} changes of {spec.name} are answered wrongly:\n" + "\n".join(found)


@pytest.mark.parametrize("page", PAGES)
def test_every_change_of_a_document_in_the_docs_is_told_or_harmless(page: str, folder: Path) -> None:
    """What the pages show is held to the same; where a server would be needed, nothing is run."""
    beside = PAGES[page]
    if beside is not None:
        shutil.copytree(beside, folder, ignore=LEFT_BY_RUNS)
    folder.mkdir(exist_ok=True)
    (folder / "orders.csv").write_text(HEADER, encoding="utf-8")
    with closing(sqlite3.connect(folder / "shop.db")) as shop:
        shop.execute("create table orders (id integer primary key, day text, amount real, updated_at text)")
    blocks = list(BLOCK.finditer((ROOT / page).read_text(encoding="utf-8")))
    for block in blocks:
        if block["file"]:
            (folder / block["file"]).write_text(block["text"], encoding="utf-8")
    found = []
    for block in blocks:
        if block["kind"] == "yaml" and "\nsteps:\n" in block["text"]:
            document = folder / "document.yaml"
            document.write_text(block["text"], encoding="utf-8")
            found += survivors(Court(folder, document, [document], runs=not page.startswith("plugins")))
    assert not found, f"{len(found)} changes of documents in {page} are answered wrongly:\n" + "\n".join(found)
