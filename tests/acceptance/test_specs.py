"""The examples under specs/: each is run as a user would run it, and its files are held against expected/."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples import LEFT_BY_RUNS, ROOT, SPECS, examples, prove, sqlflow

LOCAL = [folder for folder in examples() if not (folder / "server").exists()]


@pytest.mark.parametrize("example", LOCAL, ids=lambda folder: folder.name)
def test_an_example_gives_the_expected_rows_and_gives_them_again(example: Path, tmp_path: Path) -> None:
    """A spec is valid, runs without a word on stderr, writes exactly the expected rows, and does so when re-run."""
    prove(example, tmp_path)


def test_an_example_with_a_server_is_run_where_the_server_is() -> None:
    """What stands in `server/` goes to a real server in the tests of the plugin that talks to it, and README tells."""
    tests = "".join(file.read_text(encoding="utf-8") for file in ROOT.glob("plugins/*/tests/test_spec.py"))
    told = (SPECS / "README.md").read_text(encoding="utf-8")
    served = [folder.name for folder in examples() if (folder / "server").exists()]
    assert served
    for name in served:
        assert f'SPECS / "{name}"' in tests, f"{name} is not run"
    for folder in examples():
        assert f"| `{folder.name}` |" in told


def test_every_folder_is_an_example_that_editors_understand() -> None:
    """No folder of specs/ goes untested, and every document of it starts with the line that names its schema."""
    assert examples() == sorted(folder for folder in SPECS.iterdir() if folder.is_dir())
    for example in examples():
        assert any((example / "expected").glob("*.csv")), f"{example.name} expects nothing"
        for document in example.rglob("*.yaml"):
            alone = "plugins" if (example / "server").exists() else "pipeline"
            kind = {"sqlflow.yaml": "project", "tests.yaml": "test"}.get(document.name, alone)
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
