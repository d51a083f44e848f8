"""Rules of a project: SQL over what its documents say, told by `sqlflow lint` at the lines that it speaks of."""

from __future__ import annotations

import json

import pytest

from sqlflow.rules import TABLES

PROJECT = """\
version: 1
name: shop
rules:
  {rule}
"""


@pytest.fixture
def project(workspace):
    """Return a function that writes a project with one rule, lints it, and returns the findings of the rule."""
    folder = workspace.folder

    def lint(rule, *words):
        (folder / "sqlflow.yaml").write_text(PROJECT.format(rule=rule))
        done = workspace.call("lint", "--output", "json", *words)
        found = [p for p in json.loads(done.stdout)["problems"] if p["code"] in ("SF813", "SF814")]
        return done.returncode, [(p["file"], p["line"], p["severity"], p["message"]) for p in found]

    lint.other = folder / "specs" / "other.yaml"
    return lint


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "select pipeline, step from steps where writes[1] like 'marts.%' and meta['owner'] is null",
            [("specs/other.yaml", 4, "warning", "it: pipeline other, step yearly")],
        ),
        ("select pipeline, step from steps where meta['owner'] = 'finance'",
         [("specs/orders.yaml", 5, "warning", "it: pipeline orders, step orders")]),
        ("select table_name, 'no ' || type as message from columns where type = 'DOUBLE' and pipeline = 'other'",
         [("specs/other.yaml", 4, "warning", "it: no DOUBLE")]),
        ("select distinct table_name from lineage where source_name = 'marts.daily'",
         [("specs/other.yaml", 4, "warning", "it: table_name marts.yearly")]),
        ("select file, line, kind from checks", [("specs/orders.yaml", 14, "warning", "it: kind unique")]),
        ("select pipeline from pipelines where description is null and steps = 1",
         [("specs/other.yaml", 1, "warning", "it: pipeline other")]),
        ("select count(*) as steps from steps having count(*) > 2", [("sqlflow.yaml", 6, "warning", "it: steps 3")]),
        ("select 1 from steps where step = 'orders' and mode = 'merge' and key = ['id'] and cursor = 'day'",
         [("sqlflow.yaml", 6, "warning", "it: 1 1")]),
        ("select 1 from steps where tags = ['nightly'] and connectors = ['csv'] and inputs = ['orders.csv']",
         [("sqlflow.yaml", 6, "warning", "it: 1 1")]),
        ("select 1 from steps where false", []),
    ],
)  # fmt: skip
def test_every_row_is_a_finding(project, sql, expected):
    """A row is told where it points to: a step, a line, the writer of a table, a document, or the rule itself."""
    assert project(f"it:\n    sql: >-\n      {sql}")[1] == expected


def test_what_is_wrong_can_be_asked_for(project):
    """Problems of the documents are a table like the others."""
    project.other.write_text(project.other.read_text().replace("revenue from", "revenu from"))
    found = project("it: {sql: 'select file, line, code from problems'}")[1]
    assert found == [("specs/other.yaml", 7, "warning", "it: code SF421")]


def test_levels_decide_the_exit_code(project):
    """An error fails, a warning does not, and a rule that is off is not asked."""
    sql = "sql: \"select pipeline, step from steps where step = 'yearly'\""
    assert project(f"it: {{level: error, {sql}}}")[0] == 1
    assert project(f"it: {{{sql}}}")[0] == 0
    assert project(f"it: {{level: off, {sql}}}") == (0, [])


def test_documents_that_are_not_asked_about_are_quiet(project):
    """With a file named, rules look at the whole project and tell of that file only."""
    rule = "it: {sql: 'select pipeline, step from steps'}"
    assert {file for file, *_ in project(rule, "specs/other.yaml")[1]} == {"specs/other.yaml"}


def test_a_comment_silences_a_rule(project):
    """The comment names the code of all rules and gives a reason."""
    comment = "id: yearly  # sqlflow: ignore[SF813] it is a test"
    project.other.write_text(project.other.read_text().replace("id: yearly", comment))
    found = project("it: {sql: 'select pipeline, step from steps'}")[1]
    assert {file for file, *_ in found} == {"specs/orders.yaml"}


@pytest.mark.parametrize(
    ("sql", "line", "told"),
    [
        ("select nope\n      from steps", 6, "nope"),
        ("select *\n      from step", 7, "step"),
        ("select (", 6, "syntax error"),
        ("select * from read_csv('/etc/passwd')", 6, "disabled"),
    ],
)
def test_a_rule_that_cannot_be_asked(project, sql, line, told):
    """SQL that does not run is told at its line, with the tables that there are; files are out of its reach."""
    code, found = project(f"it:\n    sql: |\n      {sql}\n")
    assert code == 1
    assert [(file, at, severity) for file, at, severity, _ in found] == [("sqlflow.yaml", line, "error")]
    assert told in found[0][3]


def test_the_tables_are_documented():
    """Every table and column that rules may query stands in the docs."""
    from pathlib import Path

    page = (Path(__file__).parents[2] / "docs" / "ci.md").read_text()
    for table, columns in TABLES.items():
        assert f"| `{table}` | {', '.join(f'`{c}`' for c in columns)} |" in page
