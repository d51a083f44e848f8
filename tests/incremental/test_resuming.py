"""`--resume` and `--changed`: what is left of a run, and what would do again what it has done."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sqlflow import Pipeline, SQLFlowError

from .crashing import Crasher
from .ground import Ground, catalog, load, transform

APPEND = {"mode": "append"}


def resumed(ground: Ground, *steps: dict[str, Any], run: str | None = None) -> dict[str, Any]:
    """Go on with the last run, the document being as given, and return what became of each step."""
    ground.let_go()
    path = ground.folder / "p.yaml"
    path.write_text(json.dumps({"version": 1, "name": "p", "steps": steps}), encoding="utf-8")
    with Pipeline(path, catalog()).resume(run) as result:
        return {step.id: step for step in result.steps}


def chain(ground: Ground, bad: str = "false") -> list[dict[str, Any]]:
    """Return three appends, the second of which fails when `bad` holds."""
    ground.csv("a.csv", "id,v", (1, 1))
    return [
        load({"connector": "csv", "path": "a.csv"}, id="one", target="one", **APPEND),
        transform("select * from one", id="two", target="two", checks=[{"expression": f"not ({bad})"}], **APPEND),
        transform("select * from two", id="three", target="three", **APPEND),
    ]


def sizes(ground: Ground) -> list[int]:
    """Return how many rows each table has; none when it is not there."""
    return [len(ground.tables().get(f"main.{name}", ())) for name in ("one", "two", "three")]


def test_what_failed_or_never_started_is_run_and_nothing_else(ground: Ground) -> None:
    """What has committed stands, so an append is not doubled; what followed the failure is done."""
    steps = chain(ground, bad="exists (select 1 from gate)")
    ground.other("create table gate as select 1 as n")
    found = ground.run(*steps)
    assert [found[name].status for name in ("one", "two", "three")] == ["succeeded", "failed", "skipped"]
    ground.other("delete from gate")
    again = resumed(ground, *steps)
    assert {step.status for step in again.values()} == {"succeeded"}
    assert sizes(ground) == [1, 1, 1]
    resumed(ground, *steps)
    assert sizes(ground) == [1, 1, 1]


def test_a_failure_that_stays_fails_again_and_changes_nothing(ground: Ground) -> None:
    """Resumed as often as one likes, a run whose cause was not mended ends the same."""
    steps = chain(ground, bad="v = 1")
    ground.run(*steps)
    before = ground.tables(), ground.memories()
    for _ in range(2):
        assert resumed(ground, *steps)["two"].status == "failed"
    assert (ground.tables(), ground.memories()) == before


@pytest.mark.parametrize("edit", ["sql", "key", "gone"])
def test_a_document_whose_committed_steps_are_others_is_refused(ground: Ground, edit: str) -> None:
    """What has committed cannot have been something else: told with the step, and nothing is run."""
    steps = chain(ground, bad="v = 1")
    ground.run(*steps)
    before = ground.tables()
    edited = [dict(step) for step in chain(ground)]
    if edit == "sql":
        edited[0] = transform("select 1 as id, 2 as v", id="one", target="one", **APPEND)
    elif edit == "key":
        edited[0]["key"] = ["id"]
    else:
        edited[0]["id"] = "uno"
    with pytest.raises(SQLFlowError, match="one"):
        resumed(ground, *edited)
    assert ground.tables() == before


def test_the_failed_step_may_be_mended_in_the_document(ground: Ground) -> None:
    """Editing what has not committed is what one resumes for."""
    ground.run(*chain(ground, bad="v = 1"))
    assert {step.status for step in resumed(ground, *chain(ground)).values()} == {"succeeded"}
    assert sizes(ground) == [1, 1, 1]


def test_a_resumed_run_keeps_its_start_however_often(ground: Ground) -> None:
    """Versions of a history are dated by the start of the run, also when it is resumed twice."""
    ground.csv("a.csv", "id,v", (1, 1))
    ground.other("create table gate as select 1 as n")
    source = {"connector": "csv", "path": "a.csv"}
    checks = [{"expression": "not exists (select 1 from gate)"}]
    scd2 = {"mode": "scd2", "key": ["id"]}
    steps = [load(source, id="a", target="a", **scd2), load(source, id="b", target="b", checks=checks, **scd2)]
    ground.run(*steps)
    for _ in range(2):
        resumed(ground, *steps)
    ground.other("delete from gate")
    resumed(ground, *steps)
    both = ground.rows("select valid_from::varchar from a union all select valid_from::varchar from b")
    assert len(both) == 2
    assert len(set(both)) == 1


def test_resume_believes_the_ledger_and_not_the_record(ground: Ground) -> None:
    """A run killed right after its first commit has it in the ledger, while its record says nothing of it."""
    steps = chain(ground)
    path = ground.folder / "p.yaml"
    path.write_text(json.dumps({"version": 1, "name": "p", "steps": steps}), encoding="utf-8")
    with Crasher() as crasher:
        assert crasher.run(ground.folder, word="COMMIT", count=2, after=True)["killed"]
    record = json.loads(next((ground.folder / "target" / "runs").glob("*/run.json")).read_text())
    assert [step["status"] for step in record["steps"]] == ["pending"] * 3
    assert sizes(ground) == [1, 0, 0]
    resumed(ground, *steps)
    assert sizes(ground) == [1, 1, 1]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_a_run_killed_before_it_began_is_the_one_that_is_resumed(ground: Ground, count: int) -> None:
    """However early a run dies, it has its record: a bare `--resume` goes on with it and not with the one before."""
    steps = chain(ground)
    ground.done(*steps)
    ground.csv("a.csv", "id,v", (2, 2))
    ground.let_go()
    with Crasher() as crasher:
        assert crasher.run(ground.folder, word="", count=count)["killed"]
    records = sorted((ground.folder / "target" / "runs").glob("*/run.json"))
    assert len(records) == 2
    resumed(ground, *steps)
    assert json.loads(records[1].read_text())["status"] == "succeeded"
    assert sizes(ground) == [2, 3, 4]


def test_an_older_run_is_not_resumed_in_the_place_of_a_damaged_one(ground: Ground) -> None:
    """When the newest record cannot be read, it is told, and the older run can be named."""
    steps = chain(ground, bad="v = 1")
    ground.run(*steps)
    ground.run(*steps)
    first, last = sorted((ground.folder / "target" / "runs").glob("*/run.json"))
    last.write_text("{", encoding="utf-8")
    with pytest.raises(SQLFlowError, match=f"the record of run {last.parent.name} cannot be read"):
        resumed(ground, *steps)
    assert resumed(ground, *steps, run=first.parent.name)["two"].status == "failed"


def test_a_damaged_record_is_told(ground: Ground) -> None:
    """A run whose record cannot be read cannot be resumed, and the message says so."""
    steps = chain(ground, bad="v = 1")
    ground.run(*steps)
    for record in (ground.folder / "target" / "runs").glob("*/run.json"):
        record.write_text("{", encoding="utf-8")
    with pytest.raises(SQLFlowError, match="no recorded run"):
        resumed(ground, *steps)


def test_changed_runs_what_would_do_something_else(ground: Ground) -> None:
    """With `--changed` a step is left out unless its text, its source or a table that it reads is another."""
    ground.csv("a.csv", "id,v", (1, 1))
    source = {"connector": "csv", "path": "a.csv"}

    def steps(sql: str = "select id, v from one") -> list[dict[str, Any]]:
        return [
            load(source, id="one", target="one", mode="merge", key=["id"]),
            transform(sql, id="two", target="two"),
            transform("select count(*) as n from two", id="three", target="three"),
        ]

    def ran(*given: dict[str, Any]) -> list[str]:
        found = ground.run(*given, changed=True)
        assert all(step.status == "succeeded" or step.reason == "unchanged" for step in found.values())
        return [name for name, step in found.items() if step.status == "succeeded"]

    assert ran(*steps()) == ["one", "two", "three"]
    assert ran(*steps()) == []
    assert ran(*steps("select   id, v  from one -- the same")) == []
    assert ran(*steps("select id, v + 1 as v from one")) == ["two", "three"]
    ground.csv("a.csv", "id,v", (1, 1), (2, 2))
    assert ran(*steps("select id, v + 1 as v from one")) == ["one", "two", "three"]
    assert ground.rows("select n from three") == [(2,)]
    ground.other("drop table two")
    assert ran(*steps("select id, v + 1 as v from one")) == ["two", "three"]


def test_a_table_that_is_gone_is_made_again_though_rows_were_set_aside(ground: Ground) -> None:
    """The quarantine has lines of its own in the ledger; whether the step is unchanged goes by its target."""
    checks = [{"not_null": "v", "quarantine": True}]
    step = transform("select * from (values (1, 1), (2, null)) as v(id, v)", id="one", target="one", checks=checks)
    ground.done(step)
    assert ground.run(step, changed=True)["one"].reason == "unchanged"
    ground.other("drop table one")
    assert ground.run(step, changed=True)["one"].status == "succeeded"
    assert ground.rows("select id from one") == [(1,)]


FUNCTION = """
import re
from dataclasses import dataclass
from decimal import Decimal
from sqlflow.sdk import udf

RATES = {"at": Decimal("1.5"), "de": [1, 2]}
WORD = re.compile("a+")
COUNTRIES = {"at", "de"}

@dataclass(frozen=True)
class Rule:
    factor: int
    def apply(self, v):
        return v * self.factor

RULE = Rule(2)

def one(v):
    return v + 1

@udf
def scaled(x: float) -> float:
    \"\"\"Scale.\"\"\"
    known = [one(v) for v in [x] if "at" in COUNTRIES and not WORD.match(str(v))]
    return RULE.apply(sum(known)) * float(RATES["at"])
"""


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("v + 1", "v + 2"),
        ('"1.5"', '"2.5"'),
        ("[1, 2]", "[1, 3]"),
        ('"a+"', '"b+"'),
        ('{"at", "de"}', '{"at", "it"}'),
        ("v * self.factor", "v ** self.factor"),
        ("Rule(2)", "Rule(3)"),
    ],
)
def test_whatever_a_function_uses_is_part_of_it(ground: Ground, was: str, now: str) -> None:
    """Helpers called in comprehensions, constants of any kind, classes and their methods; comments do not count."""
    (ground.folder / "sqlflow.yaml").write_text("version: 1\nname: scaling\n", encoding="utf-8")
    file = ground.folder / "udfs" / "scaling.py"
    file.parent.mkdir()
    step = transform("select scaled(1) as v", id="one", target="one")

    def run(text: str) -> str:
        file.write_text(text, encoding="utf-8")
        found = ground.run(step, changed=True)["one"]
        return found.reason or found.status

    assert run(FUNCTION) == "succeeded"
    assert run(FUNCTION.replace("Scale.", "Scales.").replace("    return v + 1", "    # more\n    return v + 1")) == (
        "unchanged"
    )
    assert run(FUNCTION.replace(was, now)) == "succeeded"


def test_a_step_that_uses_a_secret_value_always_runs(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of a secret is kept, so nobody can tell whether it is another one."""
    monkeypatch.setenv("TENANT", "a")
    step = transform("select md5($tenant) as v", id="one", target="one")
    variables = {"tenant": {"type": "string", "default": "${secret:env/TENANT}"}}
    assert ground.run(step, changed=True, declared=variables)["one"].status == "succeeded"
    again = ground.run(step, changed=True, declared=variables)["one"]
    assert (again.status, again.because) == ("succeeded", ("variable tenant may have changed",))


def test_an_export_is_unchanged_once_it_is_written(ground: Ground) -> None:
    """The run that makes a file leaves nothing to be done again; without the file the export runs, and says why."""
    steps = [
        transform("select 1 as n", id="one", target="one"),
        {"id": "out", "type": "export", "source": "one", "target": {"connector": "csv", "path": "out.csv"}},
    ]
    ground.done(*steps)
    assert [step.reason for step in ground.run(*steps, changed=True).values()] == ["unchanged", "unchanged"]
    (ground.folder / "out.csv").unlink()
    found = ground.run(*steps, changed=True)["out"]
    assert (found.status, found.because) == ("succeeded", ("out.csv is not there",))
    assert [step.reason for step in ground.run(*steps, changed=True).values()] == ["unchanged", "unchanged"]


def test_changed_never_leaves_out_what_failed(ground: Ground) -> None:
    """A step whose last attempt failed has not done what it would do, so it is run."""
    steps = chain(ground)
    ground.done(*steps)
    ground.csv("a.csv", "id,v", (1, 1), (2, 2))
    failing = [steps[0], {**steps[1], "checks": [{"expression": "v < 2"}]}, steps[2]]
    assert ground.run(*failing, changed=True)["two"].status == "failed"
    assert ground.run(*failing, changed=True)["two"].status == "failed"
