"""The shape of the code: small files, telling names, nothing unfinished."""

from __future__ import annotations

import ast
import re
import statistics

import pytest

from .house import HOUSE, ROOT, TEMPLATES, modules

LONGEST = 330
MEDIAN = 150
NAMELESS = {"utils", "util", "helpers", "helper", "common", "core", "base", "misc", "manager", "shared", "lib"}
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b|NotImplementedError|\bfor now\b|\bplaceholder\b")


@pytest.mark.parametrize("path", list(modules()), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_file_is_small_and_says_what_lives_there(path):
    """A file is short, begins by saying what lives there, and has a name that means something."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST
    assert ast.get_docstring(ast.parse(text))
    assert path.stem not in NAMELESS


def test_the_median_file_is_short():
    """Most files fit on two screens."""
    lengths = [len(p.read_text(encoding="utf-8").splitlines()) for p in modules() if p.name != "__init__.py"]
    assert statistics.median(lengths) <= MEDIAN


def test_nothing_is_unfinished():
    """No mark of unfinished work stands in the product or in its plugins."""
    files = [*modules(), *(ROOT / "plugins").glob("*/sqlflow_*/**/*.py"), *TEMPLATES.rglob("*.py")]
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert found == []


def test_unit_tests_mirror_modules():
    """A unit test stands where the module stands that it tests, under the same name."""
    unit = ROOT / "tests" / "unit"
    strays = []
    for test in sorted(unit.rglob("test_*.py")):
        module = HOUSE / test.parent.relative_to(unit) / test.name.removeprefix("test_")
        if not module.exists() and not (module.with_suffix("") / "__init__.py").exists():
            strays.append(str(test.relative_to(ROOT)))
    assert strays == []
