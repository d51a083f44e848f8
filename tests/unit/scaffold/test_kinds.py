"""The kinds of new plugins."""

from __future__ import annotations

from importlib.resources import files

import pytest

from sqlflow.cli.plugin import Kind
from sqlflow.registry import HOOKS
from sqlflow.scaffold import KINDS


def test_a_kind_is_known_everywhere():
    """What the command line offers is what can be written, and each has its templates."""
    folders = {entry.name for entry in (files("sqlflow.scaffold") / "templates").iterdir() if entry.is_dir()}
    assert {*Kind} == set(KINDS) == folders - {"shared"}


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_kind_brings_is_in_its_templates(kind):
    """The names that are held against what is installed are those that the templates bring."""
    package = files("sqlflow.scaffold") / "templates" / kind / "sqlflow_acme"
    text = "".join(file.read_text(encoding="utf-8") for file in package.iterdir() if file.name.endswith(".py"))
    for what, names in KINDS[kind].brings.items():
        assert f"def {HOOKS[what]}(" in text
        assert all(name in text for name in names)
