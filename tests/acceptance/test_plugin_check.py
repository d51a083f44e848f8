"""`sqlflow plugin check`: every mistake that a plugin's author can make is told, at its place, and nothing else is."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass

import pytest


@pytest.fixture(scope="module")
def sound(shared_machine):
    """Return the folder of a plugin with nothing wrong, installed from there."""
    shared_machine.does("sqlflow", "plugin", "new", "sky", "--kind", "connector")
    plugin = shared_machine.folder / "sqlflow-sky"
    shared_machine.install(plugin)
    return plugin


@pytest.fixture
def plugin(sound, tmp_path):
    """Return the plugin; what a test does to it is undone."""
    shutil.copytree(sound, tmp_path / "kept")
    yield sound
    shutil.rmtree(sound)
    shutil.copytree(tmp_path / "kept", sound)


def checked(machine, folder, *options, code=1):
    """Check a plugin and return the answer."""
    done = machine.call("sqlflow", "plugin", "check", folder, "--output", "json", *options)
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def swap(folder, file, old, new):
    """Replace a text in a file of the plugin."""
    path = folder / file
    text = path.read_text()
    assert old in text, f"{old!r} is not in {file}"
    path.write_text(text.replace(old, new, 1))


@dataclass(frozen=True)
class Mistake:
    """A change that makes a plugin wrong, and what is told of it: code, message, and at which text of which file."""

    file: str
    old: str
    new: str
    code: str
    told: str
    at: tuple[str, str] | None = None


DOOR = "sqlflow_sky/__init__.py"
CODE = "sqlflow_sky/connector.py"
PROJECT = "pyproject.toml"
SDK = "from sqlflow.sdk import Late, hookimpl"
NAMED = 'table: str\n    """Table to read."""'

MISTAKES = {
    "the module is not there": Mistake(
        PROJECT, 'sky = "sqlflow_sky"', 'sky = "sqlflow_sly"', "SF622",
        "entry point 'sky' names 'sqlflow_sly', which is not in this folder", (PROJECT, "sqlflow_sly"),
    ),
    "the module raises": Mistake(
        DOOR, SDK, SDK + "\nraise RuntimeError('no luck')", "SF622",
        "entry point 'sky' cannot be used: RuntimeError: no luck", (PROJECT, "sqlflow_sky"),
    ),
    "the module leaves": Mistake(
        DOOR, SDK, SDK + "\nimport sys; sys.exit(0)", "SF622", "entry point 'sky' cannot be used: SystemExit: 0",
    ),
    "the module kills": Mistake(
        DOOR, SDK, SDK + "\nimport os; os._exit(7)", "SF622",
        "importing sqlflow-sky ends Python: the process ended with code 7",
    ),
    "the module prints": Mistake(
        DOOR, SDK, SDK + "\nprint('hello')", "SF633", "importing sqlflow_sky prints 'hello'",
    ),
    "a library with others in tow": Mistake(
        DOOR, SDK, SDK + "\nimport requests", "SF625", "importing sqlflow_sky imports requests:", (DOOR, "requests"),
    ),
    "no hook": Mistake(
        DOOR, "@hookimpl\ndef sqlflow_connectors", "def connectors", "SF622",
        "entry point 'sky' brings nothing: sqlflow_sky has no hook",
    ),
    "a hook that is not marked": Mistake(
        DOOR, "@hookimpl\n", "", "SF622", "sqlflow_connectors is not marked, so nobody would ask it",
    ),
    "a hook that is none": Mistake(
        DOOR, "def sqlflow_connectors", "def sqlflow_connector", "SF622", "sqlflow_connector is not a hook",
    ),
    "a hook that raises": Mistake(DOOR, "    return [Late", "    return [1 / 0, Late", "SF622", "ZeroDivisionError"),
    "a class that is not there": Mistake(
        DOOR, "connector:SkyConnector", "connector:Sky", "SF622", "sqlflow_sky.connector:Sky cannot be imported",
    ),
    "another name than the class": Mistake(
        DOOR, 'Late("sky"', 'Late("skies"', "SF622", "connector 'sky' is brought under the name 'skies'",
    ),
    "a method that is missing": Mistake(CODE, "def test(", "def tests(", "SF622", "connector 'sky' lacks 'test'"),
    "a reserved key": Mistake(
        CODE, NAMED, NAMED + '\n    retry: int = 0\n    """Again."""', "SF622", "takes reserved keys: 'retry'",
    ),
    "another version": Mistake(
        PROJECT, 'version = "0.1.0"', 'version = "0.2.0"', "SF623",
        "sqlflow-sky 0.1.0 is installed, and this folder holds 0.2.0", (PROJECT, "version"),
    ),
    "an entry point since": Mistake(
        PROJECT, 'sky = "sqlflow_sky"', 'sky = "sqlflow_sky"\nrain = "sqlflow_sky"', "SF623",
        "installed with other entry points",
    ),
    "a name of the box": Mistake(
        DOOR, '"sky"', '"csv"', "SF624", "connector 'csv' is brought by sqlflow-pipelines, too",
    ),
    "an entry point of the box": Mistake(
        PROJECT, "sky = ", "files = ", "SF624", "an entry point 'files' is brought by sqlflow-pipelines, too",
        (PROJECT, "files"),
    ),
    "a driver at the top of the door": Mistake(
        DOOR, SDK, SDK + "\nimport pyarrow.compute", "SF625", "importing sqlflow_sky imports pyarrow:",
        (DOOR, "pyarrow.compute"),
    ),
    "a driver at the top of the class": Mistake(
        CODE, "import re\n", "import re\nimport duckdb\n", "SF625",
        "connector 'sky' imports duckdb before anything is read or written", (CODE, "duckdb"),
    ),
    "a room that is not the SDK": Mistake(
        CODE, "pa\n\n    try", "pa\n    from sqlflow.run import execute\n\n    try",
        "SF626", "a plugin imports sqlflow.sdk only, found sqlflow.run", (CODE, "sqlflow.run"),
    ),
    "a module inside the SDK": Mistake(
        CODE, "from sqlflow.sdk import (", "from sqlflow.sdk.config import Secret\nfrom sqlflow.sdk import (", "SF626",
        "found sqlflow.sdk.config",
    ),
    "the face of the user": Mistake(DOOR, SDK, SDK + "\nfrom sqlflow import udf", "SF626", "found sqlflow.udf"),
    "an option that says nothing": Mistake(
        CODE, NAMED, "table: str", "SF627", "option 'table' of SkyRead is not documented",
        (CODE, "table: str"),
    ),
    "an option in a model within": Mistake(
        CODE, NAMED, NAMED + '\n    page: "list[SkyConfigPart] | None" = None\n    """Page."""\n\n\n'
        'class SkyConfigPart(ConfigModel):\n    """A part."""\n\n    size: int\n    count: int\n    """Of it."""',
        "SF627", "option 'size' of SkyConfigPart is not documented",
    ),
    "a class that says nothing": Mistake(
        CODE, '    """Reads and writes tables kept as Arrow files."""\n', "", "SF627",
        "connector 'sky' has no docstring",
        (CODE, "class SkyConnector"),
    ),
    "an option in two places": Mistake(
        CODE, NAMED, NAMED + '\n    folder: str = "x"\n    """Folder."""', "SF628",
        "connector 'sky' has 'folder' in its Config and in its ReadOptions", (CODE, 'folder: str = "x"'),
    ),
    "an example with another option": Mistake(
        "README.md", "connection: lake, table: numbers", "connection: lake, tabel: numbers", "SF630",
        "an example does not hold: SF201 unknown key 'tabel'", ("README.md", "tabel"),
    ),
    "no example": Mistake(
        "README.md", "lake: {connector: sky,", "lake: {connector: csv,", "SF630",
        "README.md has no example of connector 'sky'", ("README.md", "# sqlflow-sky"),
    ),
    "a README that no index shows": Mistake(
        PROJECT, 'readme = "README.md"\n', "", "SF630", "README.md is not named in pyproject.toml",
    ),
    "a README that is not there": Mistake(
        PROJECT, 'readme = "README.md"', 'readme = "LIESMICH.md"', "SF630", "there is no LIESMICH.md",
        (PROJECT, "readme"),
    ),
}  # fmt: skip


def test_a_sound_plugin_has_nothing_to_mend(shared_machine, plugin):
    """Exit code 0, every aspect ok, and not a byte of the plugin is changed by looking at it."""
    before = times(plugin)
    said = shared_machine.does("sqlflow", "plugin", "check", folder=plugin)
    assert re.sub(r"\d+ ms|\d+ laws", "N", said) == (
        "sqlflow-sky 0.1.0: connector sky\n"
        "  ok       entry point  sky = sqlflow_sky\n"
        "  ok       installed    sqlflow-sky 0.1.0, from this folder\n"
        "  ok       names        nobody else here has them\n"
        "  ok       import cost  N, no driver\n"
        "  ok       imports      sqlflow.sdk only\n"
        "  ok       options      3, all documented\n"
        "  ok       types        py.typed is there\n"
        "  ok       README       1 example, valid\n"
        "  ok       exam         N hold\n"
    )
    assert times(plugin) == before


def times(folder):
    """Return when each file was written, but those that Python compiles for itself."""
    return {p: p.stat().st_mtime_ns for p in sorted(folder.rglob("*")) if p.is_file() and p.suffix != ".pyc"}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_at_its_place(shared_machine, plugin, mistake):
    """One thing wrong is told with its code, its message, and the line where it stands; the exit code is 1."""
    swap(plugin, mistake.file, mistake.old, mistake.new)
    found = checked(shared_machine, "sqlflow-sky", "--no-exam")["problems"]
    told = [one for one in found if one["code"] == mistake.code and mistake.told in one["message"]]
    assert told, found
    assert all(one["hint"] for one in found)
    if mistake.at is not None:
        file, text = mistake.at
        before = (plugin / file).read_text().partition(text)[0]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        assert {(one["file"], one["line"], one["column"]) for one in told} == {(f"sqlflow-sky/{file}", line, column)}


def test_what_has_no_types_is_told(shared_machine, plugin):
    """A package without py.typed is untyped for everybody else."""
    (plugin / "sqlflow_sky" / "py.typed").unlink()
    found = checked(shared_machine, plugin, "--no-exam")["problems"]
    assert [(one["code"], one["message"]) for one in found] == [
        ("SF629", "sqlflow_sky has no py.typed, so its types are not seen")
    ]


def test_a_class_that_says_nothing_breaks_no_list(shared_machine, plugin):
    """What describes everything that is installed goes on when one thing has no description."""
    mistake = MISTAKES["a class that says nothing"]
    swap(plugin, mistake.file, mistake.old, mistake.new)
    for verb in (("connector", "list"), ("connector", "describe", "sky"), ("jsonschema", "pipeline")):
        assert "sky" in shared_machine.does("sqlflow", *verb)


def test_several_mistakes_are_told_at_once(shared_machine, plugin):
    """One pass tells everything that is wrong, whatever else is."""
    for name in ("a driver at the top of the class", "an option that says nothing", "no example", "another version"):
        swap(plugin, MISTAKES[name].file, MISTAKES[name].old, MISTAKES[name].new)
    found = checked(shared_machine, plugin)
    assert sorted(one["code"] for one in found["problems"]) == ["SF623", "SF625", "SF627", "SF630"]
    assert found["aspects"][-1] == {
        "name": "exam",
        "state": "skipped",
        "told": "it can be sat when the plugin is installed and loads",
    }


def test_another_copy_that_is_installed_is_told(shared_machine, plugin, tmp_path):
    """What stands in a folder is not checked by way of a copy from elsewhere."""
    shutil.copytree(plugin, tmp_path / "copy")
    (one,) = checked(shared_machine, tmp_path / "copy", "--no-exam")["problems"]
    assert one["code"] == "SF623"
    assert one["message"].startswith("the sqlflow_sky that is installed is not the one in this folder")


def test_an_exam_that_nobody_sits_is_told(shared_machine, plugin):
    """What a plugin brings and no test examines is named, with the exam that is meant for it."""
    (plugin / "tests" / "test_exam.py").unlink()
    (one,) = checked(shared_machine, plugin)["problems"]
    assert (one["code"], one["message"]) == ("SF631", "connector 'sky' sits no exam")
    assert "sqlflow.testing.ConnectorExam" in one["hint"]


def test_tests_that_cannot_be_read_are_told(shared_machine, plugin):
    """A test that does not import is no exam that was passed."""
    swap(plugin, "tests/test_exam.py", "import pytest", "import pytest\nimport nowhere_to_be_found")
    found = checked(shared_machine, plugin)["problems"]
    assert {one["code"] for one in found} == {"SF631"}
    assert any("tests/test_exam.py cannot be read" in one["message"] for one in found), found


def test_a_law_that_does_not_hold_is_told(shared_machine, plugin):
    """A connector that changes values fails its exam: every law that is broken is named, and none that holds."""
    swap(plugin, CODE, "writer.write_batch(batch)", "writer.write_batch(batch.slice(0, 1))")
    found = checked(shared_machine, plugin)["problems"]
    assert {one["code"] for one in found} == {"SF632"}
    assert all("connector sky does not pass tests/test_exam.py::TestSky::test_" in one["message"] for one in found)
    told = " ".join(one["message"] for one in found)
    assert "test_every_type_comes_back" in told
    assert "test_the_schema_is_true" not in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "there is no pyproject.toml in ."),
        ("[project", "pyproject.toml cannot be read: "),
        ("[tool.x]\n", "pyproject.toml names no distribution"),
        ('[project]\nname = "sqlflow-a"\n', "sqlflow-a has no entry point of the group 'sqlflow'"),
    ],
)
def test_a_folder_without_a_plugin_is_told(machine, text, told):
    """Where there is no plugin, that is the one thing to say; the command was wrong, which is exit code 2."""
    if text is not None:
        (machine.folder / "pyproject.toml").write_text(text)
    done = machine.call("sqlflow", "plugin", "check")
    assert done.returncode == 2
    assert "SF621" in done.stderr
    assert told in done.stderr
