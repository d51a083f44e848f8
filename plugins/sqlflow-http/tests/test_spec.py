"""The example over this connector, run on the API that it brings."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.examples import SPECS, prove


def test_what_a_library_has_lent_comes_page_by_page(tmp_path):
    """Every page comes once, a busy answer costs nothing, and the second run asks for what has changed and no more."""
    example, data = SPECS / "13-rest-api", tmp_path / "data"
    token = {"LIBRARY_TOKEN": "open sesame +/=%41"}
    said = tmp_path / "said"
    with said.open("w") as log:
        api = subprocess.Popen(
            [sys.executable, example / "server" / "api.py", "0", data],
            env={**os.environ, **token}, stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
    try:
        address = api.stdout.readline().strip()

        def arrive(folder: Path) -> None:
            shutil.copytree(folder, data, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.py", "__pycache__"))

        prove(example, tmp_path, {"LIBRARY_URL": address, **token}, arrive)
    finally:
        api.kill()
        api.wait()
        api.stdout.close()
    asked = said.read_text()
    assert '" 429 ' in asked, "it was never busy"
    assert "changed_since=2025-02-21T08%3A05%3A00" in asked
    assert asked.count("changed_since=2025-02-26T17%3A30%3A00") >= 2
