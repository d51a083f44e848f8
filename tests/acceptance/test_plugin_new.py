"""`sqlflow plugin new`: what it writes is a plugin that installs, runs, and passes its exam from the first minute."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KINDS = {
    "connector": ("connector", ["sky"]),
    "step": ("step type", ["sky"]),
    "engine": ("engine", ["sky"]),
    "storage": ("storage backend", ["sky"]),
    "functions": ("function", ["sky_initials", "sky_squeeze"]),
    "checks": ("check", ["sky_between", "sky_filled"]),
}


def tree(folder):
    """Return every file below a folder with its bytes."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_works_from_the_first_minute(machine, kind):
    """Installed, it is listed with what it brings, its tests pass, its example runs, and nothing is to be mended."""
    said = machine.does("sqlflow", "plugin", "new", "sky", "--kind", kind)
    plugin = machine.folder / "sqlflow-sky"
    assert {line for line in said.splitlines() if line.startswith("sqlflow-sky/")} == {
        f"sqlflow-sky/{name}" for name in tree(plugin)
    }
    assert not [text for text in tree(plugin).values() if b"acme" in text.lower()]

    machine.install(plugin)
    listed = json.loads(machine.does("sqlflow", "plugin", "list", "--output", "json"))
    (found,) = [one for one in listed["plugins"] if one["distribution"] == "sqlflow-sky"]
    assert (found["brings"], found["error"]) == (dict([KINDS[kind]]), None)

    # The exam is what `plugin check` runs below; here are the other tests.
    tested = machine.does("python", "-m", "pytest", "-q", "-W", "error", "tests/test_sky.py", folder=plugin)
    assert re.search(r"^\d+ passed", tested, re.MULTILINE), tested

    for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", (plugin / "README.md").read_text(), re.DOTALL)):
        is_project = "profiles:" in block
        (machine.folder / ("sqlflow.yaml" if is_project else f"example{number}.yaml")).write_text(block)
        if not is_project:
            assert "succeeded in" in machine.does("sqlflow", "run", f"example{number}.yaml")

    checked = json.loads(machine.does("sqlflow", "plugin", "check", plugin, "--output", "json"))
    assert {aspect["state"] for aspect in checked["aspects"]} == {"ok"}
    assert checked["problems"] == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("My API", "write 'my-api'"),
        ("1st", "write 'st'"),
        ("a--b", "write 'a-b'"),
        ("sqlflow-", "small letters"),
        ("Wetter/../x", "write 'wetter-x'"),
        ("größe", "write 'gr-e'"),
        ("x" * 41, "40 at most"),
        ("", "small letters"),
    ],
)
def test_what_is_no_name_is_refused(machine, name, hint):
    """A word that cannot name a distribution, a module and what documents write is refused, and nothing is written."""
    done = machine.call("sqlflow", "plugin", "new", name, "--kind", "step")
    assert done.returncode == 2
    assert f"SF611 {name!r} cannot be the name of a plugin" in done.stderr
    assert hint in done.stderr
    assert tree(machine.folder) == {}


@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [
        ("csv", "connector", "a connector 'csv' is brought by sqlflow-pipelines"),
        ("load", "step", "a step type 'load' is brought by sqlflow-pipelines"),
        ("duckdb", "engine", "a plugin 'duckdb' is installed here, by sqlflow-pipelines"),
        ("sqlflow-example", "checks", "a distribution sqlflow-example 0.1.0 is installed here"),
        ("pipelines", "storage", "a distribution sqlflow-pipelines"),
    ],
)
def test_what_is_taken_is_refused(machine, name, kind, told):
    """A name that something installed here has is a problem that says whose it is, and nothing is written."""
    done = machine.call("sqlflow", "plugin", "new", name, "--kind", kind)
    assert done.returncode == 2
    assert f"SF612 {told}" in done.stderr
    assert tree(machine.folder) == {}


def test_what_is_there_is_left_alone(machine):
    """A folder of that name is not touched, whatever it holds; nor is one made whose parent is not there."""
    (machine.folder / "sqlflow-sky").mkdir()
    (machine.folder / "sqlflow-sky" / "precious.txt").write_text("mine")
    before = tree(machine.folder)
    for folder, told in ((".", "is there already"), ("nowhere", "there is no folder nowhere")):
        done = machine.call("sqlflow", "plugin", "new", "sky", "--kind", "step", "--folder", folder)
        assert done.returncode == 2
        assert "SF613" in done.stderr
        assert told in done.stderr
    assert tree(machine.folder) == before


def test_a_failure_leaves_nothing_behind(machine):
    """When a file cannot be written whole, none is there afterwards, and the folder is not either."""
    done = machine.shell("ulimit -f 1; sqlflow plugin new sky --kind connector")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "SF613 cannot write sqlflow-sky: File too large" in done.stderr
    assert list(machine.folder.iterdir()) == []
    machine.does("sqlflow", "plugin", "new", "sky", "--kind", "connector")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("table", "step"),
        ("write", "step"),
        ("class", "engine"),
        ("order", "functions"),
        ("sqlflow-x1", "connector"),
        ("connector", "connector"),
        ("storage-backend", "storage"),
        ("my_api", "checks"),
    ],
)
def test_any_name_makes_a_package_that_loads(machine, name, kind):
    """A name that is a word of Python, of SQL or of SQLFlow itself does no harm: all that is left is to install it."""
    machine.does("sqlflow", "plugin", "new", name, "--kind", kind)
    (plugin,) = machine.folder.iterdir()
    checked = json.loads(machine.call("sqlflow", "plugin", "check", plugin, "--output", "json").stdout)
    assert [problem["code"] for problem in checked["problems"]] == ["SF623"], checked["problems"]
    assert checked["brings"]


def test_the_templates_are_in_the_wheel(machine):
    """Whoever installs SQLFlow from an index can write plugins: every template is shipped, hidden ones, too."""
    machine.does("pip", "wheel", "-q", "-w", machine.folder, ROOT)
    (wheel,) = machine.folder.glob("*.whl")
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if "/templates/" in name}
    templates = ROOT / "sqlflow" / "scaffold" / "templates"
    wanted = {f.relative_to(ROOT).as_posix() for f in templates.rglob("*") if f.is_file() and f.suffix != ".pyc"}
    assert shipped == wanted


def test_a_new_plugin_can_be_published(machine):
    """Its wheel holds the package, its types, its entry point and its README."""
    machine.does("sqlflow", "plugin", "new", "sky", "--kind", "step")
    machine.does("pip", "wheel", "-q", "-w", ".", "./sqlflow-sky")
    wheel = zipfile.ZipFile(machine.folder / "sqlflow_sky-0.1.0-py3-none-any.whl")
    names = {name.rpartition("/")[2] for name in wheel.namelist()}
    assert {"__init__.py", "step.py", "py.typed", "entry_points.txt"} <= names
    described = wheel.read("sqlflow_sky-0.1.0.dist-info/METADATA").decode()
    assert "# sqlflow-sky" in described
    assert "Requires-Dist: sqlflow-pipelines>=" in described
