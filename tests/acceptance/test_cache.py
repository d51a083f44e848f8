"""What validation remembers: used while everything that it rests on is the same, and never longer."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = """\
version: 1
name: shop
specs: ["specs/*.yaml"]
default_profile: dev
profiles:
  dev: {vars: {least: 1}}
  prod: {vars: {least: 2}}
vars: {least: 0}
"""
ORDERS = """\
version: 1
name: orders
connections:
  lake: {connector: csv, folder: data}
steps:
  - id: orders
    type: load
    source: {connector: csv, path: "data/orders_*.csv"}
    target: raw.orders
  - id: customers
    type: load
    source: {connection: lake, path: customers.csv}
    target: raw.customers
  - id: daily
    type: transform
    target: marts.daily
    sql_file: daily.sql
  - id: extra
    type: load
    source: {connector: csv, path: "${env:EXTRA:-data/customers.csv}"}
    target: raw.extra
"""
DAILY = "select day, twice(sum(amount)::bigint) as revenue from raw.orders where amount > $least group by day\n"
MORE = """\
version: 1
name: more
steps:
  - id: yearly
    type: transform
    target: marts.yearly
    sql: select year(day) as y, sum(revenue) as total from marts.daily group by all
"""
FUNCTION = """\
from sqlflow import udf


@udf
def twice(x: int) -> int:
    return 2 * x
"""
MARKER = "remembered"


class Project:
    """A project with a cache of its own, in which every answer can be given a mark."""

    def __init__(self, folder):
        self.folder, self.cache = folder, folder / "cache"
        self.write("sqlflow.yaml", PROJECT)
        self.write("specs/orders.yaml", ORDERS)
        self.write("specs/more.yaml", MORE)
        self.write("daily.sql", DAILY)
        self.write("data/orders_1.csv", "id,day,amount\n1,2024-01-01,2.5\n")
        self.write("data/customers.csv", "id,name\n1,x\n")
        self.write("udfs/numbers.py", FUNCTION)

    def write(self, name, text):
        """Write a file of the project."""
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text)

    def call(self, *words, **environment):
        """Run `sqlflow validate` and return what it tells of each document."""
        done = subprocess.run(
            [sys.executable, "-m", "sqlflow.cli.main", "validate", "--output", "json", *words],
            cwd=self.folder,
            env={**os.environ, "SQLFLOW_CACHE": str(self.cache), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == "", done.stderr
        return [(p["file"], p["code"], p["message"]) for p in json.loads(done.stdout)["problems"]]

    def mark(self):
        """Put a problem into every answer, by which one sees whether it was used."""
        for shelf in (self.cache / "validate").glob("*.json"):
            answers = json.loads(shelf.read_text())
            for answer in answers.values():
                answer["problems"] = [
                    {
                        "code": "SF000",
                        "message": MARKER,
                        "mark": None,
                        "hint": None,
                        "severity": "warning",
                        "related": [],
                    }
                ]
            shelf.write_text(json.dumps(answers))

    def remembered(self, *words, **environment):
        """Tell how many answers were not found anew."""
        found = self.call("specs/orders.yaml", "specs/more.yaml", *words, **environment)
        return sum(message == MARKER for _, _, message in found)


@pytest.fixture
def project(tmp_path):
    """Return a project of two documents that have been validated, and whose answers are marked."""
    project = Project(tmp_path)
    assert project.call("specs/orders.yaml", "specs/more.yaml") == []
    project.mark()
    return project


def test_nothing_new_is_not_looked_at(project):
    """While nothing changes, every answer is used; the same problem of two documents is told once."""
    assert project.call("specs/orders.yaml", "specs/more.yaml") == [(None, "SF000", MARKER)]
    assert project.call() == [(None, "SF000", MARKER)]


CHANGES = {
    "document": lambda p: p.write("specs/orders.yaml", ORDERS.replace("raw.extra", "raw.extr")),
    "project file": lambda p: p.write("sqlflow.yaml", PROJECT.replace("least: 1", "least: 3")),
    "file of SQL": lambda p: p.write("daily.sql", DAILY.replace("select day", "select days")),
    "header": lambda p: p.write("data/orders_1.csv", "id,date,amount\n1,2024-01-01,2.5\n"),
    "file of a pattern": lambda p: p.write("data/orders_2.csv", "id,day,amount,tax\n1,2024-01-01,2.5,1\n"),
    "file of a connection": lambda p: p.write("data/customers.csv", "id,nam\n1,x\n"),
    "absent file": lambda p: (p.folder / "data" / "customers.csv").unlink(),
    "function": lambda p: p.write("udfs/numbers.py", FUNCTION.replace("def twice", "def thrice")),
    "new function": lambda p: p.write("udfs/more.py", FUNCTION.replace("twice", "thrice")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_is_looked_at_again(project, change):
    """Whatever a document rests on: when it changes, the document is held again, and says what it says uncached."""
    CHANGES[change](project)
    found = project.call("specs/orders.yaml", "specs/more.yaml")
    assert all(message != MARKER or file == "specs/more.yaml" for file, _, message in found)
    project.mark()
    fresh = project.call("specs/orders.yaml", "specs/more.yaml", "--no-cache")
    shutil.rmtree(project.cache)
    assert project.call("specs/orders.yaml", "specs/more.yaml") == fresh


def test_a_table_of_another_document_counts(project):
    """When a document makes other columns, those that read them are held again."""
    project.write("daily.sql", DAILY.replace("as revenue", "as income"))
    found = project.call("specs/orders.yaml", "specs/more.yaml")
    assert [(file, code) for file, code, _ in found] == [("specs/more.yaml", "SF421")]


def test_a_new_writer_of_a_table_counts(project):
    """When a further document writes a table, what rested on the first one is held again."""
    project.write(
        "specs/third.yaml", MORE.replace("marts.yearly", "marts.daily").replace("from marts.daily", "from raw.x")
    )
    found = project.call()
    assert MARKER not in [message for _, _, message in found]


def test_a_pattern_that_matches_nothing_any_more_counts(project):
    """What is wrong with the project is told as soon as it is."""
    project.write("sqlflow.yaml", PROJECT.replace('["specs/*.yaml"]', '["specs/*.yaml", "more/*.yaml"]'))
    project.write("more/m.yaml", MORE.replace("marts.yearly", "marts.further").replace("name: more", "name: further"))
    assert project.call() == []
    project.mark()
    (project.folder / "more" / "m.yaml").unlink()
    assert [code for _, code, _ in project.call()] == ["SF501"]


def test_one_document_alone_knows_its_project(project):
    """Asked about alone, a document rests on what the others of its project make, as they are now."""
    assert project.call("specs/more.yaml") == [(None, "SF000", MARKER)]
    project.write("daily.sql", DAILY.replace("as revenue", "as income"))
    for words in ([], ["--no-cache"]):
        assert [(file, code) for file, code, _ in project.call("specs/more.yaml", *words)] == [
            ("specs/more.yaml", "SF421")
        ]
    project.write("specs/orders.yaml", "version: [1")
    assert [(file, code) for file, code, _ in project.call("specs/more.yaml")] == [("specs/more.yaml", "SF426")]


def test_a_document_outside_of_every_project_rests_on_nobody(project):
    """Without a project nothing is said of who belongs together."""
    (project.folder / "sqlflow.yaml").unlink()
    assert [code for _, code, _ in project.call("specs/more.yaml")] == ["SF426"]


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        (["--profile", "prod"], {}),
        (["--var", "least=5"], {}),
        ([], {"EXTRA": "data/orders_1.csv"}),
        ([], {"SQLFLOW_VAR_LEAST": "7"}),
        (["--no-cache"], {}),
        (["--with-functions"], {}),
        ([], {"SQLFLOW_CACHE": "off"}),
    ],
)
def test_options_and_environment_count(project, words, environment):
    """Another profile, variable or setting is another question."""
    assert project.remembered(*words, **environment) == 0


def test_the_warehouse_counts(project):
    """With `--state` an answer rests on the warehouse, too."""
    done = [sys.executable, "-m", "sqlflow.cli.main"]
    subprocess.run([*done, "run", "specs/orders.yaml"], cwd=project.folder, check=True, capture_output=True)
    assert project.remembered("--state") == 0
    project.mark()
    assert project.remembered("--state") == 1
    subprocess.run([*done, "run", "specs/orders.yaml"], cwd=project.folder, check=True, capture_output=True)
    assert project.remembered("--state") == 0


def test_a_secret_is_not_remembered(project):
    """A document that rests on a secret is held each time, and nothing of it is written down."""
    project.write(".env", "NAME=hunter2-secret\n")
    project.write("specs/orders.yaml", ORDERS.replace("folder: data", "folder: '${secret:dotenv/NAME}'"))
    project.call("specs/orders.yaml")
    project.mark()
    assert MARKER not in str(project.call("specs/orders.yaml"))
    assert "hunter2" not in "".join(shelf.read_text() for shelf in project.cache.rglob("*.json"))


@pytest.mark.parametrize("spoil", ["", "[]", "{", '{"x": 1}', "\x00"])
def test_a_spoiled_cache_is_no_cache(project, spoil):
    """Whatever stands in the files, the answer is the right one."""
    for shelf in (project.cache / "validate").glob("*.json"):
        shelf.write_text(spoil)
    assert project.call("specs/orders.yaml", "specs/more.yaml") == []


def test_answers_of_another_shape_are_left_alone(project):
    """Entries that another version has written are not used."""
    for shelf in (project.cache / "validate").glob("*.json"):
        shelf.write_text(json.dumps({key: {"problems": "none"} for key in json.loads(shelf.read_text())}))
    assert project.call("specs/orders.yaml", "specs/more.yaml") == []


def test_a_cache_that_cannot_be_written_is_done_without(project):
    """A file in the place of the folder changes nothing but the speed."""
    shutil.rmtree(project.cache)
    project.cache.write_text("")
    assert project.call("specs/orders.yaml", "specs/more.yaml") == []


def test_a_cache_may_be_shared(project, tmp_path):
    """The same contents in another folder find the same answers."""
    other = tmp_path / "other"
    shutil.copytree(project.folder, other, ignore=shutil.ignore_patterns("cache", "other"))
    moved = Project.__new__(Project)
    moved.folder, moved.cache = other, project.cache
    assert moved.remembered() == 1
    moved.write("udfs/numbers.py", FUNCTION.replace("def twice", "def thrice"))
    assert moved.remembered() == 0
    assert project.call("specs/orders.yaml", "specs/more.yaml") == []


def test_broken_documents_say_the_same_each_time(tmp_path):
    """Over the whole corpus of broken documents, what is remembered is what was found, to the letter."""
    folder = tmp_path / "bad"
    shutil.copytree(Path(__file__).parent / "bad", folder)
    names = sorted(path.name for path in folder.glob("*.yaml"))
    told = [
        subprocess.run(
            [sys.executable, "-m", "sqlflow.cli.main", "validate", *names, *words],
            cwd=folder,
            env={**os.environ, "SQLFLOW_CACHE": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
            check=False,
        )
        for words in ([], [], ["--no-cache"])
    ]
    assert [done.stderr for done in told] == ["", "", ""]
    assert told[0].stdout == told[1].stdout == told[2].stdout
