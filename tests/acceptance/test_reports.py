"""Reports in the formats that CI reads: what a server makes of them, from the command line on real documents."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from sqlflow.codes import explain

HERE = Path(__file__).parent
BAD = sorted((HERE / "bad").glob("*.yaml"))
SCHEMAS = [HERE / "reports" / "sarif-2.1.0-used.schema.json"]
if whole := os.environ.get("SQLFLOW_SARIF_SCHEMA"):
    SCHEMAS.append(Path(whole))
SHOP = """\
version: 1
name: shop
steps:
  - id: orders
    type: transform
    target: raw.orders
    sql: select i as id, -i as amount from range(3) t(i)
    checks:
      - not_null: [id]
      - expression: amount >= 0
        severity: warn
  - id: paid
    type: transform
    target: marts.paid
    sql: select * from raw.orders
    checks:
      - not_null: [id]
      - expression: amount >= 0
        name: "a|b <c> 100%, @all: `x`"
  - id: later
    type: transform
    target: marts.later
    sql: select * from marts.paid
"""


@pytest.fixture
def shop(tmp_path):
    """Return a folder deep in a repository, with a pipeline and one that is broken."""
    folder = tmp_path / "repo" / "data pipes"
    folder.mkdir(parents=True)
    (tmp_path / "repo" / ".git").mkdir()
    (folder / "shop.yaml").write_text(SHOP)
    (folder / "broken.yaml").write_text(SHOP.replace("target: marts.paid", "targt: marts.paid"))
    return folder


def sqlflow(folder, *arguments, code=0, **environment):
    """Run the command and return what it printed; nothing of GitHub's own environment is left."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "SQLFLOW_"))}
    command = [sys.executable, "-m", "sqlflow.cli.main", *arguments]
    done = subprocess.run(
        command, cwd=folder, env={**env, **environment}, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert (done.returncode, done.stderr) == (code, ""), done.stdout + done.stderr
    return done.stdout


def sarif(text):
    """Return the one run of a SARIF log, which must be valid."""
    log = json.loads(text)
    for path in SCHEMAS:
        schema = json.loads(path.read_text(encoding="utf-8"))
        kind = jsonschema.validators.validator_for(schema)
        kind(schema, format_checker=jsonschema.FormatChecker()).validate(log)
    return log["runs"][0]


def commands(text):
    """Read workflow commands as the runner does: options and message, unescaped."""
    found = []
    for line in text.splitlines():
        if match := re.fullmatch(r"::(error|warning|notice) (.*?)::(.*)", line):
            options = dict(part.split("=", 1) for part in match[2].split(","))
            escapes = (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%"))
            for name, value in options.items():
                for escaped, meant in escapes:
                    value = value.replace(escaped, meant)  # noqa: PLW2901
                options[name] = value
            message = match[3]
            for escaped, meant in escapes[2:]:
                message = message.replace(escaped, meant)
            found.append((match[1], options, message))
    return found


def test_sarif_of_every_bad_document_is_valid():
    """Whatever is wrong with a document, its SARIF is valid, and has each problem at its line with its rule."""
    run = sarif(sqlflow(HERE / "bad", "validate", ".", "-o", "sarif", code=2))
    told = json.loads(sqlflow(HERE / "bad", "validate", ".", "-o", "json", code=2))["problems"]
    rules = run["tool"]["driver"]["rules"]
    assert len(run["results"]) == len(told) > 100
    for result, problem in zip(run["results"], told, strict=True):
        place = result["locations"][0]["physicalLocation"]
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == problem["code"]
        assert place["artifactLocation"]["uri"] == f"tests/acceptance/bad/{problem['file']}"
        assert (place["region"]["startLine"], place["region"]["startColumn"]) == (problem["line"], problem["column"])
        assert len(result.get("relatedLocations", ())) == len(problem["related"])
    for rule in rules:
        told_of = explain(rule["id"])
        assert rule["shortDescription"]["text"] == told_of.title
        assert rule["fullDescription"]["text"] == told_of.cause
        assert told_of.remedy in rule["help"]["text"]
    assert sarif(sqlflow(HERE / "bad", "validate", "nowhere/", "-o", "sarif", code=2))["results"][0]["locations"]


def test_a_region_ends_where_the_word_ends(shop):
    """A region covers the word that is wrong and nothing else, and its file is named from the repository."""
    result = sarif(sqlflow(shop, "validate", "broken.yaml", "-o", "sarif", code=2))["results"][0]
    place = result["locations"][0]["physicalLocation"]
    region = place["region"]
    assert place["artifactLocation"] == {"uri": "data%20pipes/broken.yaml", "uriBaseId": "%SRCROOT%"}
    assert region["snippet"]["text"][region["startColumn"] - 1 : region["endColumn"] - 1] == "targt"
    assert region["startLine"] == region["endLine"]


def test_a_fingerprint_outlives_other_lines(shop):
    """The fingerprint of a problem stays when lines above it come, and two problems never share one."""

    def prints():
        results = sarif(sqlflow(shop, "validate", "broken.yaml", "-o", "sarif", code=2))["results"]
        return [result["partialFingerprints"]["sqlflowProblem/v1"] for result in results]

    path = shop / "broken.yaml"
    path.write_text(path.read_text() + "    checks: [{nul: 1}, {nul: 1}]\n")
    before = prints()
    assert len(set(before)) == len(before) == 3
    path.write_text("# a line\n\n" + path.read_text())
    assert prints() == before


@pytest.mark.parametrize("verb", ["run", "plan"])
@pytest.mark.parametrize("form", ["json", "github", "sarif", "junit", "markdown"])
def test_what_cannot_run_is_told_in_the_format(shop, verb, form):
    """A document that cannot run is told on standard output in the format that was asked for, with exit code 2."""
    out = sqlflow(shop, verb, "broken.yaml", "-o", form, code=2)
    assert "SF201" in out
    if form == "json":
        assert json.loads(out)["problems"][0]["line"] == 14
    if form == "sarif":
        assert sarif(out)["results"][0]["level"] == "error"
    if form == "junit":
        assert ET.fromstring(out).get("failures") == "1"  # noqa: S314 - it is our own
    if form == "github":
        assert commands(out)[0][1]["line"] == "14"
    out = sqlflow(shop, verb, "nowhere.yaml", "-o", form, code=2)
    assert "SF101" in out


def test_github_shows_each_problem_at_its_line(shop):
    """Each problem is a workflow command that reads back to what it says, whatever characters are in it."""
    found = commands(sqlflow(shop, "validate", ".", "-o", "github", code=2))
    assert found == [
        (
            "error",
            {"file": "data pipes/broken.yaml", "line": "14", "endLine": "14", "col": "5", "endColumn": "9",
             "title": "SF201 Unknown key"},
            "unknown key 'targt' in step 'paid' of type transform\nhint: did you mean 'target'?",
        )
    ]  # fmt: skip
    levels = commands(sqlflow(shop, "run", "shop.yaml", "-o", "github", code=1))
    assert [(kind, options["line"]) for kind, options, _ in levels] == [("warning", "10"), ("error", "18")]
    assert "check a|b <c> 100%, @all: `x` failed: 2 of 3 rows\n  id = 1, amount = -1" in levels[1][2]


def test_github_reads_back_every_bad_document():
    """No problem of any document breaks the line that it is told on."""
    told = json.loads(sqlflow(HERE / "bad", "validate", ".", "-o", "json", code=2))["problems"]
    found = commands(sqlflow(HERE / "bad", "validate", ".", "-o", "github", code=2))
    assert [(o["line"], m.split("\nhint:")[0].split("\nalso at")[0]) for _, o, m in found] == [
        (str(p["line"]), p["message"]) for p in told
    ]


def test_junit_has_a_case_for_each_document():
    """Validation is a testcase for each document; a broken one fails with its first problem and tells all of them."""
    told = json.loads(sqlflow(HERE / "bad", "validate", ".", "-o", "json", code=2))
    root = ET.fromstring(sqlflow(HERE / "bad", "validate", ".", "-o", "junit", code=2))  # noqa: S314
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert set(cases) == set(told["files"])
    assert root.get("tests") == str(len(cases))
    assert root.get("failures") == str(len(root.findall(".//failure")))
    for problem in told["problems"]:
        if problem["severity"] == "error":
            text = cases[problem["file"]].find("failure").text
            assert f"{problem['file']}:{problem['line']}:{problem['column']}: {problem['code']} " in text


def test_junit_has_a_case_for_each_step_and_check(shop):
    """A run is a testcase for each step and for each check; failures have a message and a place."""
    root = ET.fromstring(sqlflow(shop, "run", "shop.yaml", "-o", "junit", code=1))  # noqa: S314
    suite = root.find("testsuite")
    cases = {(c.get("classname"), c.get("name")): c for c in suite}
    outcomes = {key: [inner.tag for inner in case] for key, case in cases.items()}
    named = "a|b <c> 100%, @all: `x`"
    assert outcomes == {
        ("shop", "orders"): ["system-out"],
        ("shop.orders", "not_null(id)"): [],
        ("shop.orders", "expression(amount >= 0)"): ["system-out"],
        ("shop", "paid"): ["failure"],
        ("shop.paid", "not_null(id)"): [],
        ("shop.paid", named): ["failure"],
        ("shop", "later"): ["skipped"],
    }
    failed = cases["shop.paid", named]
    assert (failed.get("file"), failed.get("line")) == ("data pipes/shop.yaml", "18")
    assert failed.find("failure").get("message") == "2 of 3 rows"
    assert cases["shop", "later"].find("skipped").get("message") == "upstream failed: paid"
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["7", "2", "0", "1"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp"))


def test_markdown_links_to_the_lines(shop):
    """On GitHub a place is a link to its line at the commit; elsewhere it is only a name."""
    github = {"GITHUB_SERVER_URL": "https://github.example", "GITHUB_REPOSITORY": "me/shop", "GITHUB_SHA": "abc"}
    told = sqlflow(shop, "validate", ".", "-o", "markdown", code=2, **github)
    link = "https://github.example/me/shop/blob/abc/data%20pipes/broken.yaml#L14"
    assert f"| ❌ | [`data pipes/broken.yaml:14:5`]({link}) | SF201 | " in told
    plain = sqlflow(shop, "validate", ".", "-o", "markdown", code=2)
    assert "| ❌ | `data pipes/broken.yaml:14:5` | SF201 | " in plain
    assert "<details><summary>Details</summary>" in plain


def test_markdown_holds_what_it_is_given(shop):
    """Nothing in a message is markup or calls a person: every row has its columns, and every tag is our own."""
    told = sqlflow(shop, "run", "shop.yaml", "-o", "markdown", code=1)
    visible = re.sub(r"^(`{3,})text\n.*?^\1$", "", told, flags=re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"</?\w+", visible)) == {"<details", "<summary", "</summary", "</details"}
    assert "@all" not in visible
    tables = re.findall(r"(?:^\|.*\|\n)+", told, re.MULTILINE)
    assert len(tables) == 2
    for found in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in found.splitlines()}) == 1


def test_markdown_of_a_plan(shop):
    """A plan as a comment shows what each step reads and writes, and what of the data there is now goes."""
    sqlflow(shop, "run", "shop.yaml", "-o", "json", code=1)
    told = sqlflow(shop, "plan", "shop.yaml", "-o", "markdown")
    assert "| `paid` | transform | `raw.orders` | `marts.paid` | replace | run |" in told
    assert "- `orders`: replaces every row of raw.orders" in told


@pytest.mark.parametrize("form", ["github", "sarif", "junit", "markdown"])
def test_no_secret_is_reported(shop, form):
    """A secret that gets into a failure is masked in every format."""
    (shop / "leak.yaml").write_text(
        "version: 1\nname: leak\nvars:\n  key: {type: string, default: '${secret:env/LEAK_KEY}'}\n"
        "steps:\n  - {id: a, type: transform, target: a, sql: select error('the key is ' || $key) as x}\n"
    )
    out = sqlflow(shop, "run", "leak.yaml", "-o", form, code=1, LEAK_KEY="sw0rdf1sh-9000")
    assert "sw0rdf1sh" not in out
    assert "***" in out or r"\*\*\*" in out


def test_a_failed_check_is_recorded(shop):
    """`run.json` keeps what the checks of a failed step found, those that hold included."""
    record = json.loads(sqlflow(shop, "run", "shop.yaml", "-o", "json", code=1))
    paid = record["steps"][1]
    assert [(c["kind"], c["passed"], c["failures"]) for c in paid["checks"]] == [
        ("not_null", True, 0),
        ("expression", False, 2),
    ]


TESTED = """\
version: 1
name: tested
steps:
  - {id: daily, type: transform, target: daily, sql: select count(*) as n from raw.orders}
tests:
  - name: two orders
    given: {raw.orders: [{id: 1}, {id: 2}]}
    expect: {daily: [{n: 2}]}
  - name: "none | <b>"
    given: {raw.orders: [{id: 1}]}
    expect: {daily: [{n: 0}]}
"""


def test_tests_are_reported(shop):
    """`sqlflow test` is a testcase for each test; a failing one is told at its line with its rows in every format."""
    (shop / "tested.yaml").write_text(TESTED)
    root = ET.fromstring(sqlflow(shop, "test", "tested.yaml", "-o", "junit", code=1))  # noqa: S314
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert [(name, [inner.tag for inner in case]) for name, case in cases.items()] == [
        ("two orders", []),
        ("none | <b>", ["failure"]),
    ]
    assert (cases["none | <b>"].get("file"), cases["none | <b>"].get("line")) == ("data pipes/tested.yaml", "9")
    ((kind, options, message),) = commands(sqlflow(shop, "test", "tested.yaml", "-o", "github", code=1))
    assert (kind, options["line"], options["title"]) == ("error", "11", "SF761 A test has failed")
    assert "daily: 1 row missing, 1 row unexpected\n" in message
    assert sarif(sqlflow(shop, "test", "tested.yaml", "-o", "sarif", code=1))["results"][0]["ruleId"] == "SF761"
    assert "SF761" in sqlflow(shop, "test", "tested.yaml", "-o", "markdown", code=1)
    (shop / "tested.yaml").write_text(TESTED.replace("expect: {daily: [{n: 0}]}", "expcet: {}"))
    assert sarif(sqlflow(shop, "test", "tested.yaml", "-o", "sarif", code=2))["results"]
