"""`plan --against`: what a change to documents does, told from real repositories."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from .conftest import git

ORDERS = """\
version: 1
name: orders
vars: {least: 10}
connections:
  shop: {connector: duckdb, path: "${env:SHOP_DB:-shop.duckdb}"}
steps:
  - id: orders
    type: load
    source: {connector: csv, path: ../data/orders.csv}
    target: raw.orders
    mode: merge
    key: [id]
  - id: daily
    type: transform
    target: marts.daily
    sql: |
      select day, sum(amount) as revenue, count(*) as n, max(double_of(id)) as last
      from raw.orders
      where amount > $least
      group by day
    checks:
      - not_null: [day]
  - id: report
    type: export
    source: marts.daily
    target: {connector: csv, path: out/daily.csv}
"""
MORE = """\
version: 1
name: more
steps:
  - id: yearly
    type: transform
    target: marts.yearly
    sql: select year(day) as y, sum(n) as n from marts.daily group by all
"""
FUNCTION = """\
from sqlflow import udf


@udf
def double_of(x: int) -> int:
    return x * 2
"""


class Repository:
    """A repository with a project in a folder of its own, and data beside it that is not checked in."""

    def __init__(self, root):
        self.root, self.folder = root, root / "pipes"
        (root / "data").mkdir()
        (root / "data" / "orders.csv").write_text("id,day,amount\n1,2024-01-01,2.5\n")
        (root / ".gitignore").write_text("data\n")
        self.write("sqlflow.yaml", "version: 1\nname: shop\nspecs: ['*.yaml']\n")
        self.write("orders.yaml", ORDERS)
        self.write("more.yaml", MORE)
        self.write("udfs/numbers.py", FUNCTION)
        self.git("init", "-q", "-b", "main")
        self.commit()

    def write(self, name, text):
        """Write a file of the project."""
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text)

    def git(self, *words):
        """Run git here."""
        git(self.root, *words)

    def commit(self):
        """Check everything in."""
        self.git("add", "-A")
        self.git("commit", "-qm", "a change")

    def call(self, *words, **environment):
        """Run `sqlflow plan`."""
        return subprocess.run(
            [sys.executable, "-m", "sqlflow.cli.main", "plan", *words],
            cwd=self.folder,
            env={**os.environ, "NO_COLOR": "1", **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def told(self, *words, against="main", **environment):
        """Return what `plan --against` says, as data."""
        done = self.call(*words, "--against", against, "--output", "json", **environment)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def repository(tmp_path):
    """Return a repository in which everything is checked in."""
    return Repository(tmp_path)


def steps(data):
    """Return which steps changed, and what of them."""
    return {c["step"]: (c["change"], [o["name"] for o in c["options"]]) for c in data["steps"]}


def test_nothing_has_changed(repository):
    """Layout, comments, descriptions and a moved document change nothing."""
    text = ORDERS.replace("    type: transform\n", "    type: transform\n    description: Days.\n")
    text = text.replace("select day, sum(amount)", "select day,   -- the day\n        SUM(amount)")
    (repository.folder / "orders.yaml").unlink()
    repository.write("renamed.yaml", text)
    data = repository.told()
    assert (data["steps"], data["columns"], data["touched"], data["runs"]) == ([], [], [], [])


def test_an_edited_column_is_followed(repository):
    """One formula that is edited touches that column and what is made of it, over documents, and nothing else."""
    repository.write("orders.yaml", ORDERS.replace("count(*) as n", "count(*) + 1 as n"))
    data = repository.told()
    assert steps(data) == {"daily": ("changed", ["sql"])}
    assert [(t["name"], t["columns"], t["rows"]) for t in data["touched"]] == [
        ("marts.yearly", ["n"], False),
        ("out/daily.csv", ["n"], False),
    ]
    assert {run["step"] for run in data["runs"]} == {"daily", "report", "yearly"}


@pytest.mark.parametrize(
    ("was", "now", "named"),
    [
        ("least: 10", "least: 11", "$least"),
        ("amount > $least", "amount >= $least", "sql"),
        ("orders.csv", "other.csv", "source.path"),
    ],
)
def test_edited_conditions_touch_rows(repository, was, now, named):
    """A condition, a variable or a source that is edited touches all that is downstream."""
    (repository.root / "data" / "other.csv").write_text("id,day,amount\n1,2024-01-01,2.5\n")
    repository.write("orders.yaml", ORDERS.replace(was, now))
    data = repository.told()
    assert named in next(iter(steps(data).values()))[1]
    assert {t["name"] for t in data["touched"] if t["rows"]} >= {"marts.yearly", "out/daily.csv"}


def test_a_function_that_is_edited_changes_its_steps(repository):
    """The source of a function belongs to the steps that call it; a comment in it does not."""
    repository.write("udfs/numbers.py", FUNCTION + "\n# the end\n")
    assert steps(repository.told()) == {}
    repository.write("udfs/numbers.py", FUNCTION.replace("* 2", "* 3"))
    assert steps(repository.told()) == {"daily": ("changed", ["function double_of"])}


def test_checks_touch_no_rows(repository):
    """A check that is edited changes its step, and nothing downstream."""
    repository.write("orders.yaml", ORDERS.replace("- not_null: [day]", "- not_null: [day, n]"))
    data = repository.told()
    assert list(steps(data)) == ["daily"]
    assert data["touched"] == []


def test_what_is_lost_is_said(repository):
    """A step that goes, a mode that replaces, a column that vanishes: each is said in words."""
    text = ORDERS.replace("    mode: merge\n    key: [id]\n", "").replace("count(*) as n, ", "")
    repository.write("orders.yaml", text[: text.index("  - id: report")])
    repository.write("more.yaml", MORE.replace("sum(n)", "count(*)"))
    data = repository.told()
    told = " | ".join(effect["message"] for effect in data["effects"])
    assert "raw.orders was kept up by merge and is replaced now" in told
    assert "no step writes out/daily.csv any more" in told
    assert "marts.daily.n is not brought any more" in told
    assert {"change": "removed", "table": "marts.daily", "column": "n", "was": "BIGINT", "now": None} in data["columns"]
    removed = next(change for change in data["steps"] if change["change"] == "removed")
    assert (removed["step"], removed["file"], removed["line"]) == ("report", "orders.yaml", 23)


def test_one_document_is_asked_about(repository):
    """With a document only its steps are compared, and what is downstream of them anywhere."""
    repository.write("orders.yaml", ORDERS.replace("count(*) as n", "count(*) + 1 as n"))
    repository.write("more.yaml", MORE.replace("sum(n)", "max(n)"))
    assert list(steps(repository.told())) == ["yearly", "daily"]
    assert list(steps(repository.told("more.yaml"))) == ["yearly"]
    data = repository.told("orders.yaml")
    assert list(steps(data)) == ["daily"]
    assert [t["name"] for t in data["touched"]] == ["marts.yearly", "out/daily.csv"]


def test_the_fork_is_what_is_compared(repository):
    """What the other branch did meanwhile is not told as a change of this one."""
    repository.git("checkout", "-q", "-b", "feature")
    repository.git("checkout", "-q", "main")
    repository.write("more.yaml", MORE.replace("sum(n)", "max(n)"))
    repository.commit()
    repository.git("checkout", "-q", "feature")
    data = repository.told()
    assert data["steps"] == []
    assert data["against"]["forked"] is True


def test_a_project_that_was_not_there_is_all_new(repository):
    """At a commit before the project every step is new."""
    repository.git("mv", "pipes", "other")
    (repository.root / "pipes").mkdir(exist_ok=True)
    repository.commit()
    repository.folder = repository.root / "other"
    assert {kind for kind, _ in steps(repository.told(against="HEAD~1")).values()} == {"added"}


def test_secrets_are_masked(repository):
    """That another secret is used is told; the value of neither is."""
    repository.write(".env", "OLD=hunter-old-value\nNEW=hunter-new-value\n")
    text = ORDERS + "  - id: out\n    type: export\n    source: raw.orders\n"
    text += "    target: {connector: csv, path: 'out/${secret:dotenv/OLD}.csv'}\n"
    repository.write("orders.yaml", text)
    repository.commit()
    repository.write("orders.yaml", text.replace("/OLD", "/NEW"))
    for form in ("text", "json", "markdown"):
        done = repository.call("--against", "main", "--output", form)
        assert "target.path" in done.stdout, done.stderr
        assert "***" in done.stdout.replace("\\", "")
        assert "hunter" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "told", "code"),
    [
        (["--against", "nowhere"], "git knows no revision 'nowhere'", 2),
        (["--against", "main", "--select", "daily"], "it takes --profile and --var only", 2),
        (["absent.yaml", "--against", "main"], "absent.yaml is not there", 2),
        ([], "name a document", 2),
    ],
)
def test_what_cannot_be_compared_is_said(repository, words, told, code):
    """An unknown revision, a selection, an absent document: a clear error."""
    done = repository.call(*words)
    assert told in " ".join((done.stdout + done.stderr).split())
    assert done.returncode == code


def test_outside_of_git(tmp_path):
    """A folder that is in no repository is told so."""
    (tmp_path / "p.yaml").write_text(MORE)
    done = subprocess.run(
        [sys.executable, "-m", "sqlflow.cli.main", "plan", "p.yaml", "--against", "main"],
        cwd=tmp_path,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "needs a git repository" in done.stderr


def test_a_broken_document_is_told_first(repository):
    """Documents that cannot be planned as they are now are invalid; nothing is compared."""
    repository.write("orders.yaml", ORDERS.replace("type: export", "type: exprot"))
    done = repository.call("--against", "main")
    assert done.returncode == 2
    assert "SF3" in done.stderr or "SF2" in done.stderr
