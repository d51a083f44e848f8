"""What the acceptance cases share: the data, a folder to work in, and the one way to hold rows against rows."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
BESIDE_THE_CHECKOUT = HERE.parents[2] / "shared" / "acceptance"
NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")

Row = list[str | float]


def git(folder: Path, *words: str) -> None:
    """Run git in a folder, as somebody whom no setting of this machine knows."""
    known = ["-c", "user.name=me", "-c", "user.email=me@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *known, *words], cwd=folder, check=True, capture_output=True)


class Workspace:
    """A copy of a case's specs, in which the command line is run as a user would run it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line with nothing of this machine's settings."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("SQLFLOW_", "OTEL_"))}
        return subprocess.run(
            [sys.executable, "-m", "sqlflow.cli.main", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )

    def sqlflow(self, *arguments: str, code: int = 0) -> str:
        """Run the command line, see it end with a code and without a word on stderr, and return what it said."""
        done = self.call(*arguments)
        told = f"sqlflow {' '.join(arguments)}\n{done.stdout}{done.stderr}"
        assert (done.returncode, done.stderr) == (code, ""), told
        return done.stdout

    def run(self, spec: str, **variables: object) -> dict[str, dict[str, Any]]:
        """Run a pipeline, see it succeed, and return its steps by their ids."""
        given = [part for name, value in variables.items() for part in ("--var", f"{name}={value}")]
        record = json.loads(self.sqlflow("run", spec, *given, "--output", "json"))
        assert record["status"] == "succeeded"
        return {step["id"]: step for step in record["steps"]}

    def query(self, spec: str, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a query on the warehouse of a pipeline."""
        rows: list[dict[str, Any]] = json.loads(
            self.sqlflow("query", sql, "--spec", spec, "--output", "json", "--limit", "0")
        )
        return rows

    def types(self, spec: str, table: str) -> dict[str, str]:
        """Return the columns of a table and their types, in order."""
        described = self.query(spec, f"select column_name, column_type from (describe {table})")
        return {column["column_name"]: column["column_type"] for column in described}

    def exports(self) -> set[str]:
        """Return the names of what exports have written."""
        return {path.name for path in (self.folder / "out").glob("*")}

    def agrees(self, name: str, expected: Path, *, ordered: bool = False) -> None:
        """Hold an exported file against an expected one: rows in any order unless they have one, numbers to 1e-6."""
        found_header, *found = rows_of(self.folder / "out" / name)
        header, *rows = rows_of(expected)
        if not ordered:
            found.sort(key=in_order)
            rows.sort(key=in_order)
        assert found_header == header, name
        assert len(found) == len(rows), f"{name}: {found}"
        for row, wanted in zip(found, rows, strict=True):
            assert len(row) == len(wanted), f"{name}: {row}"
            assert all(map(same, row, wanted)), f"{name}: {row}, expected {wanted}"


def rows_of(file: Path) -> list[Row]:
    """Return header and rows of a CSV file, numbers as numbers."""
    with file.open(newline="", encoding="utf-8") as opened:
        return [[float(text) if NUMBER.fullmatch(text) else text for text in row] for row in csv.reader(opened)]


def same(one: str | float, other: str | float) -> bool:
    """Tell whether two values agree, numbers to a millionth."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=0, abs_tol=1e-6)
    return one == other


def in_order(row: Row) -> list[str]:
    """Order rows by their texts; numbers that differ in the seventh decimal fall together."""
    return [f"{value:.6f}" if isinstance(value, float) else value for value in row]


def name_of(request: pytest.FixtureRequest) -> str:
    """Return the case that a test file is about: its name without `test_`."""
    return request.path.stem.removeprefix("test_")


@pytest.fixture
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Workspace:
    """Return a fresh copy of the specs of this test file's case."""
    name = name_of(request)
    return Workspace(shutil.copytree(HERE / name, tmp_path / name))


@pytest.fixture(scope="session")
def acceptance_data() -> Path:
    """Return the folder of the shared acceptance data; without it, the test is skipped."""
    folder = Path(os.environ.get("SQLFLOW_ACCEPTANCE_DATA") or BESIDE_THE_CHECKOUT).resolve()
    if not folder.is_dir():
        pytest.skip("the shared acceptance data is not here: SQLFLOW_ACCEPTANCE_DATA names its folder")
    return folder


@pytest.fixture
def shared(request: pytest.FixtureRequest, acceptance_data: Path) -> Path:
    """Return the shared folder of this test file's case: `data/` to read, `expected/` to arrive at."""
    return acceptance_data / name_of(request)


class Folder:
    """A folder in which the command is run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text, encoding="utf-8")

    def __call__(self, *words: str, code: int = 0) -> str:
        """Run the command and return what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "sqlflow.cli.main", *words],
            cwd=self.path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return an empty folder."""
    return Folder(tmp_path)
