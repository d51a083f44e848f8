"""The verbs, as a person or a script uses them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

SPEC = """
version: 1
name: shop
vars:
  region: EU
  since: {type: date, default: 2024-01-01}
  token: {type: string, default: "${secret:env/TOKEN}"}
steps:
  - id: orders
    type: transform
    target: raw.orders
    tags: [daily]
    sql: select i as id, $region as region from range(3) t(i) where $since is not null and $token <> ''
  - id: eu
    type: transform
    target: marts.eu
    when: $region = 'EU'
    sql: select * from raw.orders
  - id: late
    type: transform
    target: marts.late
    when: (select count(*) from raw.orders) > 100
    sql: select * from marts.eu
  - {id: out, type: export, source: marts.eu, target: {connector: csv, path: out/eu.csv}}
"""
PROJECT = """
version: 1
name: shop
specs: ["*.pipeline.yaml"]
default_profile: dev
connections:
  files: {connector: csv, folder: data}
  nowhere: {connector: csv, folder: missing}
profiles:
  dev: {vars: {region: DE}}
  prod: {vars: {region: EU}, storage: {path: prod.duckdb}}
"""


@pytest.fixture
def project(tmp_path):
    """Return a project folder with one pipeline."""
    (tmp_path / "sqlflow.yaml").write_text(PROJECT)
    (tmp_path / "shop.pipeline.yaml").write_text(SPEC)
    (tmp_path / "data").mkdir()
    return tmp_path


def sqlflow(folder, *arguments, code=0, **environment):
    """Run the command; returns what it printed."""
    command = [sys.executable, "-m", "sqlflow.cli.main", *arguments]
    env = {**os.environ, "NO_COLOR": "1", "COLUMNS": "120", "TOKEN": "s3cret-token", **environment}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "s3cret" not in done.stdout + done.stderr
    return done.stdout


def test_variables_say_where_they_come_from(project):
    """The command line beats the environment, which beats the profile, which beats the project and the default."""

    def origin(*arguments, **environment):
        found = json.loads(sqlflow(project, "vars", "shop.pipeline.yaml", "-o", "json", *arguments, **environment))
        return {v["name"]: (v["value"], v["origin"]) for v in found}

    assert origin()["region"] == ("DE", "profile dev")
    assert origin("--profile", "prod")["region"] == ("EU", "profile prod")
    assert origin(SQLFLOW_VAR_REGION="FR")["region"] == ("FR", "SQLFLOW_VAR_REGION")
    assert origin("--var", "region=IT", SQLFLOW_VAR_REGION="FR")["region"] == ("IT", "--var")
    assert origin()["since"] == ("2024-01-01", "pipeline")
    assert origin()["token"][0] == "***"


def test_plan_says_what_will_be_done(project):
    """A plan shows order, reads and writes, what is skipped and why, and what is destroyed."""
    steps = {
        s["id"]: s
        for s in json.loads(sqlflow(project, "plan", "shop.pipeline.yaml", "-p", "prod", "-o", "json"))["steps"]
    }
    assert list(steps) == ["orders", "eu", "late", "out"]
    assert steps["eu"]["waits_for"] == ["orders"]
    assert steps["late"]["reads"] == ["marts.eu", "raw.orders"]
    assert steps["orders"]["effects"] == []
    sqlflow(project, "run", "shop.pipeline.yaml", "-p", "prod")
    again = sqlflow(project, "plan", "shop.pipeline.yaml", "-p", "prod", "--select", "orders")
    assert "orders: replaces every row of raw.orders" in again
    assert "skip: not selected" in again
    assert "skip: when is false" in sqlflow(project, "plan", "shop.pipeline.yaml")


@pytest.mark.parametrize(
    ("select", "ran"),
    [("orders", {"orders"}), ("+eu", {"orders", "eu"}), ("eu+", {"eu", "late", "out"}), ("tag:daily", {"orders"}),
     ("type:export orders", {"orders", "out"}), ("e*", {"eu"})],
)  # fmt: skip
def test_selectors(project, select, ran):
    """Selectors pick steps by name, tag, type and pattern, with what is above or below them."""
    steps = json.loads(sqlflow(project, "plan", "shop.pipeline.yaml", "-p", "prod", "-s", select, "-o", "json"))[
        "steps"
    ]
    assert {s["id"] for s in steps if s["reason"] != "not selected"} == ran
    rest = json.loads(sqlflow(project, "plan", "shop.pipeline.yaml", "-p", "prod", "--exclude", select, "-o", "json"))[
        "steps"
    ]
    assert {s["id"] for s in rest if s["reason"] == "not selected"} == ran


def test_a_run_told_to_a_machine(project):
    """`--output json` prints the record of the run and nothing else, secrets masked."""
    record = json.loads(sqlflow(project, "run", "shop.pipeline.yaml", "-p", "prod", "-o", "json"))
    assert [(s["id"], s["status"], s["reason"]) for s in record["steps"]] == [
        ("orders", "succeeded", None), ("eu", "succeeded", None), ("late", "skipped", "when is false"),
        ("out", "succeeded", None),
    ]  # fmt: skip
    assert record["variables"]["token"] == "***"
    for file in (project / "target").rglob("*"):
        assert file.is_dir() or b"s3cret" not in file.read_bytes()


def test_a_table_that_nobody_wrote_is_an_error(project):
    """A step skipped by `when` does not block its dependents; the table that then is not there is an error."""
    out = sqlflow(project, "run", "shop.pipeline.yaml", code=1)
    assert "table eu does not exist" in out
    assert "SF708" in out


def test_query_forms(project):
    """A query shows its rows as a table, as JSON and as CSV, and says when there are more."""
    sqlflow(project, "run", "shop.pipeline.yaml", "-p", "prod")
    query = ("query", "from raw.orders order by id", "-p", "prod")
    assert "(first 2 rows; --limit 0 shows all)" in sqlflow(project, *query, "-n", "2")
    assert json.loads(sqlflow(project, *query, "-o", "json"))[2] == {"id": 2, "region": "EU"}
    assert sqlflow(project, *query, "-o", "csv").splitlines() == ["id,region", "0,EU", "1,EU", "2,EU"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("query", "select 1"), 1, "no warehouse yet"),
        (("run", "shop.pipeline.yaml", "--profile", "prd"), 2, "did you mean 'prod'?"),
        (("run", "shop.pipeline.yaml", "--var", "regoin=EU"), 2, "did you mean 'region'?"),
        (("run", "shop.pipeline.yaml", "--var", "region"), 2, "--var NAME=VALUE"),
        (("run", "shop.pipeline.yaml", "--var", "since=yesterday"), 2, "is not a date"),
        (("run", "shop.pipeline.yaml", "--select", "ordes"), 2, "did you mean 'orders'?"),
        (("explain", "SF99"), 1, "nothing is called"),
        (("explain", "conector", "csv"), 1, "did you mean 'connector'?"),
        (("explain", "connector", "parket"), 1, "did you mean 'parquet'?"),
        (("runs", "show"), 1, "no runs yet"),
        (("connector", "test", "file"), 2, "did you mean 'files'?"),
        (("connector", "describe", "cvs"), 1, "did you mean 'csv'?"),
        (("rnu",), 2, "No such command"),
    ],
)
def test_mistakes_on_the_command_line(project, arguments, code, told):
    """A wrong word on the command line is told with what was meant, and the exit code says whose fault it is."""
    command = [sys.executable, "-m", "sqlflow.cli.main", *arguments]
    done = subprocess.run(
        command, cwd=project, capture_output=True, text=True, check=False, env={**os.environ, "TOKEN": "t0ken"}
    )
    assert (done.returncode, told in done.stdout + done.stderr) == (code, True), done.stdout + done.stderr


def test_records_of_runs(project):
    """Runs are listed newest first, shown step by step, and pruned without touching data."""
    for _ in range(3):
        sqlflow(project, "run", "shop.pipeline.yaml", "-p", "prod")
    runs = json.loads(sqlflow(project, "runs", "list", "-o", "json"))
    assert [r["run_id"] for r in runs] == sorted((r["run_id"] for r in runs), reverse=True)
    assert runs[-1]["run_id"] in sqlflow(project, "runs", "show", runs[-1]["run_id"])
    sqlflow(project, "runs", "prune", "--keep", "1")
    assert len(json.loads(sqlflow(project, "runs", "list", "-o", "json"))) == 1
    assert "(3 rows)" in sqlflow(project, "query", "from raw.orders", "-p", "prod")


def test_connections_are_tried(project):
    """Testing a connection answers with its state in words and in the exit code."""
    assert "files (csv): ok" in sqlflow(project, "connector", "test", "files")
    assert "folder not found" in sqlflow(project, "connector", "test", "nowhere", code=1)
    listed = {c["name"] for c in json.loads(sqlflow(project, "connector", "list", "-o", "json"))}
    assert {"csv", "parquet", "json", "duckdb"} <= listed
    assert "null_padding" in sqlflow(project, "connector", "describe", "csv")


def test_explanations(project):
    """A code, and a name of the grammar, can be asked about."""
    assert "did you mean" in sqlflow(project, "explain", "sf201").lower() or "Remedy" in sqlflow(
        project, "explain", "sf201"
    )
    assert "on_duplicate" in sqlflow(project, "explain", "load")
    assert "Makes one step for each value" in sqlflow(project, "explain", "for_each")
    assert "max_failures" in sqlflow(project, "explain", "check")
    told = sqlflow(project, "explain", "vars")
    assert all(f"a key of {what}" in told for what in ("a pipeline", "a test", "a profile", "the project file"))


def test_explanations_of_a_kind(project):
    """A name may stand behind its kind, or behind the first word of it."""
    assert sqlflow(project, "explain", "connector", "csv") == sqlflow(project, "explain", "csv")
    assert "step type load" in sqlflow(project, "explain", "step", "load")


def test_what_a_line_of_a_step_says(project):
    """A step that makes a view says so, and so does a check that lets failures through."""
    (project / "v.yaml").write_text(
        "version: 1\nname: v\nsteps:\n"
        "  - {id: seen, type: transform, target: seen, materialize: view, sql: select 1 as id}\n"
        "  - id: held\n    type: transform\n    target: held\n    sql: select null as id\n"
        "    checks: [{not_null: [id], max_failures: 1}]\n"
    )
    told = sqlflow(project, "run", "v.yaml")
    assert "transform  view, " in told
    assert "1 row, 1 check, 1 failure let through by max_failures, " in told


def test_pipelines_under_their_noun(project):
    """`sqlflow pipeline ...` are the same verbs, and list names the project's pipelines."""
    assert json.loads(sqlflow(project, "pipeline", "list", "-o", "json"))[0]["name"] == "shop"
    assert "valid" in sqlflow(project, "pipeline", "validate")
    assert "4 steps" in sqlflow(project, "pipeline", "plan", "shop.pipeline.yaml")
    assert "succeeded" in sqlflow(project, "pipeline", "run", "shop.pipeline.yaml", "-p", "prod")


@pytest.mark.parametrize(
    "verb",
    ["run", "validate", "plan", "vars", "query", "explain", "jsonschema", "runs list", "runs show", "connector list",
     "connector test", "plugin list", "plugin new", "plugin check", "pipeline run"],
)  # fmt: skip
def test_help_shows_an_example(project, verb):
    """Every verb's help ends in a line that one can type."""
    assert "Example: sqlflow" in sqlflow(project, *verb.split(), "--help")


def test_validate_takes_the_project(project):
    """Without arguments the project's documents are validated; problems of all files are told in one go."""
    assert "1 document: valid" in sqlflow(project, "validate")
    (project / "two.pipeline.yaml").write_text("version: 1\nname: two\nsteps: [{id: a, type: nope}]\n")
    (project / "three.pipeline.yaml").write_text("version: 1\nname: three\nstps: []\n")
    out = json.loads(sqlflow(project, "validate", "-o", "json", code=2))
    assert {(p["file"], p["code"]) for p in out["problems"]} == {
        ("two.pipeline.yaml", "SF310"), ("three.pipeline.yaml", "SF201"),
    }  # fmt: skip


@pytest.mark.parametrize(("sql", "code"), [("select 1 as a", 0), ("select error('no') as a", 1)])
def test_what_is_to_happen_at_the_end_happens(tmp_path, sql, code):
    """The command leaves with its code only when everything is written and all that was put off to the end is done."""
    (tmp_path / "udfs").mkdir()
    late = "import atexit, threading, time\natexit.register(print, 'at exit')\n"
    late += "threading.Thread(target=lambda: (time.sleep(1), print('thread'))).start()\n"
    (tmp_path / "udfs" / "late.py").write_text(late)
    step = f'{{id: s, type: transform, target: t, sql: "{sql}"}}'
    (tmp_path / "p.yaml").write_text(f"version: 1\nname: p\nsteps: [{step}]\n")
    assert sqlflow(tmp_path, "run", "p.yaml", code=code).splitlines()[-2:] == ["thread", "at exit"]


def test_plan_says_what_a_full_refresh_takes_away(tmp_path):
    """A plan takes what a run would be asked, and says that a history would be lost."""
    step = "{id: h, type: transform, target: hist, mode: scd2, key: [id], sql: select 1 as id}"
    (tmp_path / "h.yaml").write_text(f"version: 1\nname: h\nsteps:\n  - {step}\n")
    sqlflow(tmp_path, "run", "h.yaml")
    assert "anew" not in sqlflow(tmp_path, "plan", "h.yaml")
    told = sqlflow(tmp_path, "plan", "h.yaml", "--full-refresh")
    assert "h: makes hist anew of what the sources have now; the history that it keeps is lost" in told
    assert sqlflow(tmp_path, "plan", "h.yaml", "--from", "1", code=2) == ""


@pytest.mark.parametrize(
    ("verb", "code"),
    [
        (["state", "list", "nope.yaml"], "SF101"),
        (["schema", "show", "nope.yaml", "s"], "SF101"),
        (["quarantine", "list", "nope.yaml"], "SF101"),
        (["vars", "nope.yaml"], "SF101"),
        (["lineage", "nope.yaml"], "SF101"),
        (["query", "selec 1"], None),
        (["runs", "show", "nope"], None),
        (["connector", "describe", "nope"], None),
    ],
)
def test_a_program_is_told_of_an_error_in_json(tmp_path, verb, code):
    """Whoever asks for JSON gets JSON, whatever happens: the file, the code, the message and the remedy."""
    command = [sys.executable, "-m", "sqlflow.cli.main", *verb, "--output", "json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode in (1, 2), done.stderr
    (problem,) = json.loads(done.stdout)["problems"]
    assert code is None or problem["code"] == code, problem
    assert problem["message"]
    assert done.stderr == ""
