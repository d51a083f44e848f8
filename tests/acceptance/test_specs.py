"""The examples under specs/: each is run as a user would run it, and its files are held against expected/."""

from __future__ import annotations

import csv
import math
import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
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


def sqlflow(folder: Path, *arguments: str) -> str:
    """Run the command line in a folder, see it succeed in silence, and return what it said."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SQLFLOW_", "OTEL_"))}
    done = subprocess.run(
        [sys.executable, "-m", "sqlflow.cli.main", *arguments],
        cwd=folder,
        env=environment,
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


@pytest.mark.parametrize("example", examples(), ids=lambda folder: folder.name)
def test_an_example_gives_the_expected_rows_and_gives_them_again(example: Path, tmp_path: Path) -> None:
    """A spec is valid, runs without a word on stderr, writes exactly the expected rows, and does so when re-run."""
    folder = shutil.copytree(example, tmp_path / example.name, ignore=LEFT_BY_RUNS)
    pipelines = [str(document.relative_to(example)) for document in documents(example)]
    sqlflow(folder, "validate", *pipelines)
    for pipeline in pipelines if (example / "later").exists() else ():
        sqlflow(folder, "run", pipeline)
    if (example / "later").exists():  # what arrives between the first run and the second
        shutil.copytree(example / "later", folder / "data", dirs_exist_ok=True)
    for _ in ("first", "again"):
        for pipeline in pipelines:
            sqlflow(folder, "run", pipeline)
        compare(folder, example)


def test_every_folder_is_an_example_that_editors_understand() -> None:
    """No folder of specs/ goes untested, and every document of it starts with the line that names its schema."""
    assert examples() == sorted(folder for folder in SPECS.iterdir() if folder.is_dir())
    for example in examples():
        assert any((example / "expected").glob("*.csv")), f"{example.name} expects nothing"
        for document in example.rglob("*.yaml"):
            kind = {"sqlflow.yaml": "project", "tests.yaml": "test"}.get(document.name, "pipeline")
            schema = os.path.relpath(ROOT / "schemas" / f"{kind}.schema.json", document.parent)
            first = document.read_text(encoding="utf-8").splitlines()[0]
            assert first == f"# yaml-language-server: $schema={Path(schema).as_posix()}", document


def test_the_tests_of_the_examples_pass() -> None:
    """`sqlflow test` finds the tests in pipelines and in documents of their own, and all of them pass."""
    told = sqlflow(ROOT, "test", "specs")
    assert "ok    specs/03-warehouse/tests.yaml:" in told
    assert "ok    specs/07-incremental/pipeline.yaml:" in told
    assert re.search(r"^\d+ tests: passed$", told, re.MULTILINE)


def test_a_source_that_drifts_stops_a_step_until_its_change_is_accepted(tmp_path: Path) -> None:
    """The default policy shows what is new and which steps use the table; accepting it lets the next run go on."""
    folder = shutil.copytree(SPECS / "09-schema-drift", tmp_path / "drift", ignore=LEFT_BY_RUNS)
    sqlflow(folder, "run", "alert.yaml")
    shutil.copytree(folder / "later", folder / "data", dirs_exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "sqlflow.cli.main", "run", "alert.yaml"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    for told in ("SF732", "supplier", "price", "BIGINT", "DOUBLE", "prices"):
        assert told in done.stdout, done.stdout
    assert "supplier" in sqlflow(folder, "schema", "accept", "alert.yaml", "products")
    sqlflow(folder, "run", "alert.yaml")
    assert "44.5" in sqlflow(folder, "query", "--spec", "alert.yaml", "select * from strict.products")
