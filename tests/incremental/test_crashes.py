"""Killed anywhere and run again, every mode ends where an undisturbed run ends. `SQLFLOW_SLOW=1` kills more often."""

from __future__ import annotations

import csv
import json
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .crashing import Crasher
from .ground import SLOW, Ground, load, transform

KEY = {"key": ["id"]}
ROUNDS = 3
FUSED = 40
"""More commits than a run has."""


def steps(*, bare: bool) -> list[dict[str, Any]]:
    """Return a step of every kind; `bare`: with an append that a plain run would double."""
    rows = {"connector": "csv", "path": "rows.csv"}
    fresh = {"connector": "csv", "path": "in/*.csv", "incremental": "new_files"}
    missing = {"deletes": {"missing": "delete", "max_share": 1}}
    marked = {"deletes": {"column": "gone"}}
    late = {"column": "u", "lag": "10d"}
    found = [
        load(rows, id="replaced"),
        load(rows, id="appended", mode="append", cursor="u"),
        load(rows, id="keyed", mode="append", cursor=late, **KEY),
        load(rows, id="merged", mode="merge", cursor=late, **KEY),
        load(rows, id="marked", mode="merge", cursor="u", **marked, **KEY),
        load(rows, id="softly", mode="merge", deletes={"column": "gone", "soft": True}, **KEY),
        load(rows, id="whole", mode="merge", **missing, **KEY),
        load(rows, id="grouped", mode="delete_insert", key=["part"]),
        load(rows, id="history", mode="scd2", cursor=late, **marked, **KEY),
        load(rows, id="seen", mode="scd2", **missing, **KEY),
        load(fresh, id="files", mode="append"),
        load(fresh, id="filed", mode="merge", **KEY),
        load(rows, id="sifted", mode="merge", cursor="u", checks=[{"expression": "v <> 7", "quarantine": True}], **KEY),
        transform(
            "select * from m.keyed",
            id="cut",
            mode="delete_insert",
            batches={"by": "u", "size": "200d", "initial": "2024-01-01", "lookback": 0 if bare else 2},
        ),
        transform(
            "select * from m.merged where u >= $watermark",
            id="deep",
            mode="merge",
            cursor={"column": "u", "initial": "2024-01-01"},
            **KEY,
        ),
        transform("select count(*) as n from m.whole", id="seen_by", materialize="view"),
        {
            "id": "script",
            "type": "sql",
            "sql": "create or replace table m.script as select * from m.merged; "
            "insert into m.script select * from m.replaced",
        },
        {"id": "out", "type": "export", "source": "m.merged", "target": {"connector": "csv", "path": "out.csv"}},
    ]
    if bare:
        found.append(load(rows, id="bare", mode="append"))
    return [{**step, "target": f"m.{step['id']}"} if step["type"] in ("load", "transform") else step for step in found]


def sources(folder: Path, number: int) -> None:
    """Write what the sources hold in a round: updates, deletes, late rows, ties, bad rows, a new file."""
    chance = random.Random(number)
    rows = []
    for key in range(60 + 20 * number):
        if number > 1 and chance.random() < 0.1:
            continue  # missing
        touched = key >= 40 + 20 * number or chance.random() < 0.3
        day = (number - 1) * 200 + key % 50 if touched else key % 50
        when = f"{2024 + day // 360}-{1 + day % 360 // 30:02d}-{1 + day % 28:02d} 10:00:00"
        rows.append((key, when, chance.randrange(10), str(chance.random() < 0.1).lower(), key % 4))
    for path in (folder / "rows.csv", folder / "in" / f"{number}.csv"):
        path.parent.mkdir(exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as opened:
            writer = csv.writer(opened)
            writer.writerow(("id", "u", "v", "gone", "part"))
            writer.writerows(rows if path.name == "rows.csv" else [row for row in rows if row[0] % 3 == number % 3])


def seen(folder: Path) -> dict[str, Any]:
    """Return all that a run leaves, without times and the ids of runs."""
    ground = Ground(folder)
    found: dict[str, Any] = {"memories": ground.memories()}
    with ground:
        for (name,) in ground.rows("select schema_name || '.' || table_name from duckdb_tables()"):
            if name.startswith("_sqlflow."):
                continue
            columns = ground.columns(name)
            shown = [f"{c}::varchar as {c}" for c in columns if c not in ("sqlflow_run_id", "sqlflow_at")]
            found[name] = columns, ground.rows(f"select {', '.join(shown)} from {name}")
            if name == "m.seen":
                found[name] = columns, numbered(ground)
        ledger = "select step, part, target, rows, made, changed from _sqlflow.commits order by step, line"
        found["ledger"] = ground.rows(ledger)
        written = "select step, target, kind, name, value from _sqlflow.state order by step, line, kind, name"
        found["written"] = ground.rows(written)
        found["view"] = ground.rows("select n from m.seen_by")
    found["out.csv"] = sorted((folder / "out.csv").read_text(encoding="utf-8").splitlines())
    return found


def numbered(ground: Ground) -> list[Any]:
    """Return a history whose times are those of the runs, with a number for each of them."""
    times = (
        "select valid_from::varchar from m.seen union select valid_to::varchar from m.seen where valid_to is not null"
    )
    ranks = {row[0]: n for n, row in enumerate(ground.rows(times))} | {None: None}
    rows = ground.rows("select valid_from::varchar, valid_to::varchar, * exclude (valid_from, valid_to) from m.seen")
    return sorted(((ranks[row[0]], ranks[row[1]], *map(str, row[2:])) for row in rows), key=repr)


def plain(found: dict[str, Any]) -> dict[str, Any]:
    """Return what a plain run must have in common with an undisturbed one: everything but how often it wrote."""
    return {name: value for name, value in found.items() if name not in ("ledger", "written")}


class Stage:
    """Folders with the state after each round, to start from and to compare with."""

    def __init__(self, folder: Path, crasher: Crasher, *, bare: bool) -> None:
        self.folder = folder
        self.crasher = crasher
        self.copies = 0
        document = {"version": 1, "name": "p", "steps": steps(bare=bare)}
        now = folder / "now"
        now.mkdir()
        (now / "p.yaml").write_text(json.dumps(document), encoding="utf-8")
        self.ends = []
        for number in range(1, ROUNDS + 1):
            sources(now, number)
            shutil.copytree(now, folder / f"before{number}")
            begun = time.monotonic()
            finished(crasher.run(now))
            self.seconds = time.monotonic() - begun
            self.ends.append(seen(now))

    def fresh(self, number: int) -> Path:
        """Return a new folder as it is before a round."""
        self.copies += 1
        return Path(shutil.copytree(self.folder / f"before{number}", self.folder / f"copy{self.copies}"))


def finished(answer: Any) -> None:
    """See that every step has succeeded."""
    assert not answer["killed"]
    assert {step[0] for step in answer.get("steps", {}).values()} == {"succeeded"}, answer


@pytest.fixture(scope="module")
def crasher() -> Iterator[Crasher]:
    """Return the process that dies for us."""
    with Crasher() as found:
        yield found


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, crasher: Crasher) -> Stage:
    """Return undisturbed runs of a step of every kind."""
    return Stage(tmp_path_factory.mktemp("undisturbed"), crasher, bare=True)


@pytest.fixture(scope="module")
def repeatable(tmp_path_factory: pytest.TempPathFactory, crasher: Crasher) -> Stage:
    """Return undisturbed runs of a step of every kind that may be run again."""
    return Stage(tmp_path_factory.mktemp("repeatable"), crasher, bare=False)


CHAINS = (
    [(number, after, 1) for number in (1, 2, 3) for after in (False, True)] if SLOW else [(1, True, 3), (2, False, 4)]
)


@pytest.mark.parametrize(("number", "after", "pace"), CHAINS)
def test_killed_at_its_commits_and_resumed_each_time(stage: Stage, number: int, pace: int, *, after: bool) -> None:
    """A run that dies again and again, before or after its commits, leaves what an undisturbed run leaves.

    Tables, state and ledger are the same, line by line; so nothing was lost, and nothing written twice.
    """
    folder = stage.fresh(number)
    for kills in range(FUSED):
        prelude = number == 1 and kills == 0  # it makes the tables of the state, before there is a run
        count = max(pace, 1 if after else 2) + prelude
        answer = stage.crasher.run(folder, word="COMMIT", count=count, after=after, resume=kills > 0)
        if not answer["killed"]:
            break
    finished(answer)
    assert kills >= len(steps(bare=True)) // (2 * pace)
    assert seen(folder) == stage.ends[number - 1]


def recovered(stage: Stage, folder: Path, number: int, *, resume: bool) -> None:
    """Bring a killed run to its end, play the rounds that are left, and compare with the undisturbed runs."""
    before = len(list((stage.folder / f"before{number}" / "target" / "runs").glob("*/run.json")))
    begun = len(list((folder / "target" / "runs").glob("*/run.json"))) > before
    finished(stage.crasher.run(folder, resume=resume and begun))
    same = (lambda found: found) if resume else plain
    assert same(seen(folder)) == same(stage.ends[number - 1])
    if number < ROUNDS:
        sources(folder, number + 1)
        for path in [folder / "rows.csv", *(folder / "in").iterdir()]:
            shutil.copy2(stage.folder / f"before{number + 1}" / path.relative_to(folder), path)
        finished(stage.crasher.run(folder))
        assert same(seen(folder)) == same(stage.ends[number])


STATEMENTS = 260
"""About as many as a run has."""


@pytest.mark.parametrize("case", range(150 if SLOW else 5))
def test_killed_at_any_statement_and_run_again(repeatable: Stage, case: int) -> None:
    """Wherever it dies, before or after a statement, a plain run and the one after it end where they should.

    Every mode but a bare append; tables, views, files and what is remembered are the same.
    """
    chance = random.Random(case)
    number = chance.choice([1, 2])
    folder = repeatable.fresh(number)
    for _ in range(chance.choice([1, 1, 2])):
        repeatable.crasher.run(folder, word="", count=chance.randrange(1, STATEMENTS), after=chance.random() < 0.5)
    recovered(repeatable, folder, number, resume=False)


@pytest.mark.parametrize("case", range(150 if SLOW else 5))
def test_killed_at_any_time_from_outside(stage: Stage, repeatable: Stage, case: int) -> None:
    """A kill at any moment, also inside of a statement, is made good by `--resume`, and by a plain run."""
    chance = random.Random(1000 + case)
    resume = case % 2 == 0
    ground, number = stage if resume else repeatable, chance.choice([1, 2])
    folder = ground.fresh(number)
    ground.crasher.run(folder, delay=chance.uniform(0.05, 1.1) * ground.seconds)
    recovered(ground, folder, number, resume=resume)


@pytest.mark.parametrize("count", range(1, 9, 1 if SLOW else 3))
def test_killed_while_the_state_is_made(repeatable: Stage, count: int) -> None:
    """A warehouse whose first run died while it made the tables of the state is made by the next."""
    folder = repeatable.fresh(1)
    assert repeatable.crasher.run(folder, word="", count=count)["killed"]
    finished(repeatable.crasher.run(folder))
    assert seen(folder) == repeatable.ends[0]
