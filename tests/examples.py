"""The examples under specs/: running one as a user would run it, and holding its files against expected/.

Where an example has a folder `server/`, somebody else puts that on a server and says where it is.
"""

from __future__ import annotations

import csv
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
SPECS = ROOT / "specs"
LEFT_BY_RUNS = shutil.ignore_patterns("out", "target", "*.duckdb", "*.duckdb.*", "__pycache__")


def documents(folder: Path) -> list[Path]:
    """Return the pipelines of an example in the order they are run: its one document, or those of its project."""
    return (
        [folder / "pipeline.yaml"] if (folder / "pipeline.yaml").exists() else sorted(folder.glob("pipelines/*.yaml"))
    )


def examples() -> list[Path]:
    """Return the folders that hold an example."""
    return sorted(folder for folder in SPECS.iterdir() if documents(folder) and (folder / "expected").is_dir())


def sqlflow(folder: Path, *arguments: str, **variables: str) -> str:
    """Run the command line in a folder, see it succeed in silence, and return what it said."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SQLFLOW_", "OTEL_"))}
    done = subprocess.run(
        [sys.executable, "-m", "sqlflow.cli.main", *arguments],
        cwd=folder,
        env={**environment, **variables},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), f"sqlflow {' '.join(arguments)}\n{done.stdout}{done.stderr}"
    return done.stdout


def is_ordered(folder: Path, name: str) -> bool:
    """Tell whether the export that writes a file gives its rows an order."""
    for document in documents(folder):
        for step in YAML(typ="safe").load(document)["steps"]:
            path = str(step["target"].get("path")) if step["type"] == "export" else ""
            if fnmatch(name, re.sub(r"\$\{.*?\}", "*", Path(path).name)):
                return "order_by" in step or "order by" in step.get("sql", "")
    raise AssertionError(f"no export of {folder.name} writes {name}")


def read(file: Path) -> list[list[str | float]]:
    """Return header and rows of a CSV file, numbers as numbers."""
    with file.open(newline="", encoding="utf-8") as opened:
        return [[value(text) for text in row] for row in csv.reader(opened)]


def value(text: str) -> str | float:
    """Read a number as a number and anything else as text."""
    return float(text) if re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", text) else text


def same(one: str | float, other: str | float) -> bool:
    """Tell whether two values agree, numbers to a millionth."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=0, abs_tol=1e-6)
    return one == other


def sort_key(row: list[str | float]) -> list[str]:
    """Order rows by their texts; numbers that differ in the seventh decimal fall together."""
    return [f"{v:.6f}" if isinstance(v, float) else v for v in row]


def compare(folder: Path, example: Path) -> None:
    """Hold every file that a run has written against the file that was expected."""
    expected = {file.name: read(file) for file in sorted((example / "expected").glob("*.csv"))}
    assert sorted(file.name for file in (folder / "out").glob("*.csv")) == list(expected)
    for name, (header, *rows) in expected.items():
        found_header, *found = read(folder / "out" / name)
        if not is_ordered(example, name):
            rows.sort(key=sort_key)
            found.sort(key=sort_key)
        assert found_header == header, name
        assert len(found) == len(rows), f"{name}: {found}"
        for row, wanted in zip(found, rows, strict=True):
            assert len(row) == len(wanted), name
            assert all(map(same, row, wanted)), f"{name}: {row}, expected {wanted}"


def prove(
    example: Path,
    place: Path,
    addresses: Mapping[str, str] | None = None,
    arrive: Callable[[Path], None] | None = None,
) -> Path:
    """Run a copy of an example twice, what comes `later/` between the runs, and hold its files against expected/.

    `addresses` are the variables of the environment that the documents ask for; without them they are valid already.
    `arrive` brings a folder to where the example reads it, at first `server/`, then `later/`.
    """
    folder = shutil.copytree(example, place / example.name, ignore=LEFT_BY_RUNS)
    pipelines = [str(document.relative_to(example)) for document in documents(example)]
    sqlflow(folder, "validate", *pipelines)
    if arrive is not None:
        arrive(example / "server")
    if (example / "later").exists():
        for pipeline in pipelines:
            sqlflow(folder, "run", pipeline, **addresses or {})
        if arrive is not None:
            arrive(example / "later")
        else:
            shutil.copytree(example / "later", folder / "data", dirs_exist_ok=True)
    for _ in ("first", "again"):
        for pipeline in pipelines:
            sqlflow(folder, "run", pipeline, **addresses or {})
        compare(folder, example)
    return folder
