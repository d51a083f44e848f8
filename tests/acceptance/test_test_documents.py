"""Documents of kind `test`: tests that stand apart from the pipeline that they are about."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from .conftest import Folder

PIPELINE = """\
version: 1
name: shop
vars: {least: 0}
steps:
  - id: orders
    type: load
    source: {connector: csv, path: orders.csv}
    target: raw.orders
  - id: daily
    type: transform
    target: marts.daily
    sql: select day, sum(amount) as amount from raw.orders where amount > $least group by day
"""
TESTS = """\
version: 1
kind: test
description: What the shop relies on.
pipeline: ../pipelines/shop.yaml
vars: {least: 5}
tests:
  - name: small orders do not count
    given: {orders: {csv: rows/orders.csv}}
    expect: {marts.daily: [{day: 2024-03-01, amount: 10}]}
  - name: all orders count
    vars: {least: 0}
    given: {orders: {csv: rows/orders.csv}}
    expect: {marts.daily: [{day: 2024-03-01, amount: 11}]}
"""
ROWS = "day,amount\n2024-03-01,10\n2024-03-01,1\n"


class Project(Folder):
    """A project of one pipeline in one folder, and its tests in another."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.write("sqlflow.yaml", "version: 1\nname: shop\nspecs: ['pipelines/*.yaml', 'tests/**/*.yaml']\n")
        self.write("pipelines/shop.yaml", PIPELINE)
        self.write("orders.csv", ROWS)
        self.write("tests/shop.yaml", TESTS)
        self.write("tests/rows/orders.csv", ROWS)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project whose tests stand apart."""
    return Project(tmp_path)


@pytest.mark.parametrize("where", [[], ["tests"], ["tests/shop.yaml"], ["*/*.yaml"], ["pipelines", "tests"]])
def test_they_are_found_wherever_documents_are(project: Project, where: list[str]) -> None:
    """The project's globs, a folder, a pattern or the file itself: their tests run, with paths from their folder."""
    told = project("test", *where)
    assert "ok    tests/shop.yaml:7  small orders do not count" in told
    assert "2 tests: passed" in told


def test_their_own_variables_give_way_to_those_of_a_test(project: Project) -> None:
    """Variables of the document hold for every test that does not give its own value."""
    project.write("tests/shop.yaml", TESTS.replace("    vars: {least: 0}\n", ""))
    assert "1 failed" in project("test", code=1)
    assert "1 test: passed" in project("test", "--select", "small*")


def test_every_verb_knows_them(project: Project) -> None:
    """They are valid, laid out, free of findings, no pipeline to list, and refused where one is to be run."""
    assert "2 documents: valid" in project("validate")
    assert "1 document: nothing to change" in project("fmt", "--check", "tests")
    assert "2 documents: nothing found" in project("lint")
    assert "tests" not in project("pipeline", "list")
    for verb in ("run", "plan"):
        assert "SF205 a document of kind test is no pipeline" in project(verb, "tests/shop.yaml", code=2)


def test_lint_sees_secrets_in_them(project: Project) -> None:
    """What holds of every document holds of tests: no password stands in them, unless a comment says why."""
    secret = TESTS.replace("vars: {least: 5}", "vars: {least: 5, password: hunter2}")
    project.write("tests/shop.yaml", secret)
    assert "tests/shop.yaml:5:18: SF809" in project("lint", code=1)
    silent = secret.replace("hunter2}", "hunter2}  # sqlflow: ignore[SF809] a word of the tests")
    project.write("tests/shop.yaml", silent)
    project("lint")


def test_they_are_laid_out(project: Project) -> None:
    """Keys of the document and of its tests come into their order, and comments stay."""
    project.write(
        "tests/shop.yaml", "tests:\n- expect: {a: []}  # none\n  name: x\npipeline: p\nkind: test\nversion: 1\n"
    )
    project("fmt", "tests")
    want = "version: 1\nkind: test\npipeline: p\ntests:\n  - name: x\n    expect: {a: []}  # none\n"
    assert (project.path / "tests/shop.yaml").read_text() == want


def test_every_problem_is_told_at_its_place(project: Project) -> None:
    """All that is wrong with documents of tests is told in one pass, each at its line and column."""
    project.write("tests/shop.yaml", TESTS.replace("expect", "expcet").replace("description", "descripton"))
    project.write("tests/other.yaml", TESTS.replace("../pipelines/shop.yaml", "shop.yaml"))
    told = project("validate", code=2)
    for line in (
        "tests/other.yaml:4:11: SF760 the pipeline of these tests cannot be read: a document of kind test is",
        "tests/shop.yaml:3:1: SF201 unknown key 'descripton'",
        "tests/shop.yaml:9:5: SF201 unknown key 'expcet'",
        "tests/shop.yaml:13:5: SF201 unknown key 'expcet'",
        "did you mean 'expect'?",
    ):
        assert line in told
    assert all(line in project("test", code=2) for line in ("other.yaml:4:11", "shop.yaml:3:1", "shop.yaml:13:5"))


def test_a_pipeline_that_is_broken_fails_its_tests(project: Project) -> None:
    """Tests of a pipeline that cannot run fail and say why; tests of others run all the same."""
    project.write("pipelines/broken.yaml", PIPELINE.replace("raw.orders where", "raw.orders wehre"))
    project.write("tests/broken.yaml", TESTS.replace("shop.yaml", "broken.yaml"))
    told = project("test", "tests", code=1)
    assert told.count("pipelines/broken.yaml:12:") == 2
    assert "4 tests: 2 failed" in told


def test_an_editor_knows_them(project: Project) -> None:
    """`sqlflow jsonschema test` describes every key that a document of tests may have."""
    schema = json.loads(project("jsonschema", "test"))
    assert set(schema["properties"]) == {"version", "kind", "description", "pipeline", "vars", "tests"}
    silent = [key for key, value in schema["properties"].items() if not value.get("description")]
    assert silent == []


WRONG = """\
version: 1
kind: test
pipeline: ../pipelines/shop.yaml
tests:
  - name: right
    given: {orders: []}
    expect: {marts.daily: []}
  - name: wrong
    given: {orders: [{day: 2024-03-01, amount: 1}]}
    expect:
      raw.orders: [{amount: 1}]
      marts.daily: [{amount: 2}]
  - name: misspelt
    given: {orders: [{day: 2024-03-01, amuont: 1}]}
    expect: {marts.daily: []}
"""
PLACES = {("SF761", 12, 7), ("SF760", 14, 40)}
"""Where the document is wrong: at the rows that did not come, and at the column that is not there."""


def test_annotations_stand_where_the_document_is_wrong(project: Project) -> None:
    """GitHub and SARIF name file, line and column of what failed, and not only of the test."""
    project.write("tests/shop.yaml", WRONG)
    told = project("test", "tests", "-o", "github", code=1)
    found = re.findall(r"::error file=tests/shop.yaml,line=(\d+),[^:]*?col=(\d+),[^:]*title=(SF\d+)", told)
    assert {(code, int(line), int(column)) for line, column, code in found} == PLACES
    log = json.loads(project("test", "tests", "-o", "sarif", code=1))["runs"][0]
    places = [(one["ruleId"], one["locations"][0]["physicalLocation"]) for one in log["results"]]
    assert {(code, at["region"]["startLine"], at["region"]["startColumn"]) for code, at in places} == PLACES
    assert {at["artifactLocation"]["uri"] for _, at in places} == {"tests/shop.yaml"}


def test_every_test_is_a_case(project: Project) -> None:
    """JUnit has a case for each test with the line of its name; JSON has all that is known; Markdown is for people."""
    project.write("tests/shop.yaml", WRONG)
    suite = ET.fromstring(project("test", "tests", "-o", "junit", code=1).encode()).find("testsuite")  # noqa: S314 - our own
    assert suite is not None
    cases = [(c.get("name"), c.get("file"), c.get("line"), [f.get("type") for f in c]) for c in suite]
    assert cases == [
        ("right", "tests/shop.yaml", "5", []),
        ("wrong", "tests/shop.yaml", "8", ["SF761"]),
        ("misspelt", "tests/shop.yaml", "13", ["SF760"]),
    ]
    data = json.loads(project("test", "tests", "-o", "json", code=1))
    assert [(one["file"], one["line"], one["column"], one["passed"]) for one in data] == [
        ("tests/shop.yaml", 5, 11, True),
        ("tests/shop.yaml", 8, 11, False),
        ("tests/shop.yaml", 13, 11, False),
    ]
    assert data[2]["problems"][0]["hint"] == "did you mean 'amount'?"
    told = project("test", "tests", "-o", "markdown", code=1)
    assert "shop.yaml:12" in told
    assert "SF760" in told


@pytest.mark.parametrize("form", ["json", "github", "sarif", "junit", "markdown"])
def test_a_document_that_cannot_be_read_is_told_in_every_format(project: Project, form: str) -> None:
    """A machine is told in its own format, too, when no test can run at all."""
    project.write("tests/shop.yaml", TESTS.replace("tests:", "test:"))
    told = project("test", "tests", "-o", form, code=2)
    assert "SF201" in told
