"""The Python face: run a document, look at what happened, take the tables."""

from __future__ import annotations

import json
from datetime import date

import pytest

from sqlflow import DocumentError, Pipeline, SQLFlowError

SPEC = """
version: 1
name: face
vars:
  n: 3
  day: {type: date, default: 2024-01-01}
steps:
  - id: numbers
    type: transform
    target: marts.numbers
    sql: select i as n, $day as day from range($n) t(i)
  - id: broken
    type: transform
    target: marts.broken
    when: $n > 100
    sql: select error('no') as x
"""
PROJECT = """
version: 1
name: shop
default_profile: dev
profiles:
  dev: {storage: {type: memory}}
  prod: {storage: {type: file, path: data/prod.duckdb}, vars: {n: 5}, engine: {threads: 1, memory_limit: 512MB}}
"""


@pytest.fixture
def spec(tmp_path):
    """Return a pipeline file."""
    (tmp_path / "p.yaml").write_text(SPEC)
    return tmp_path / "p.yaml"


def test_a_result_tells_and_gives(spec):
    """A result has a status, its steps, and its tables as Arrow, pandas and polars."""
    with Pipeline.from_file(spec).run() as result:
        assert result.status == "succeeded"
        assert [(s.id, s.status, s.reason) for s in result.steps] == [
            ("numbers", "succeeded", None),
            ("broken", "skipped", "when is false"),
        ]
        assert result.table("marts.numbers").column("n").to_pylist() == [0, 1, 2]
        assert list(result.to_pandas("marts.numbers")["n"]) == [0, 1, 2]
        assert result.to_polars("marts.numbers")["n"].to_list() == [0, 1, 2]
        assert repr(result) == "<RunResult face succeeded: 1 of 2 steps>"


def test_a_result_displays_in_a_notebook(spec):
    """A notebook shows the steps as a table, with nothing of the document left unescaped."""
    result = Pipeline.from_file(spec).run(vars={"n": 2})
    assert "<table>" in result._repr_html_()
    assert "numbers" in result._repr_html_()


def test_variables_may_be_python_values(spec):
    """Values from Python are read by the type of their variable."""
    result = Pipeline.from_file(spec).run(vars={"n": 1, "day": date(2025, 5, 5)})
    assert result.table("marts.numbers").to_pylist() == [{"n": 0, "day": date(2025, 5, 5)}]


def test_a_document_that_cannot_run_raises_every_problem(spec):
    """What keeps a run from starting is raised, all of it; nothing has been made."""
    spec.write_text(SPEC.replace("type: transform", "type: transfrom").replace("name: face", "nme: face"))
    with pytest.raises(DocumentError) as caught:
        Pipeline.from_file(spec).run()
    assert {p.code for p in caught.value.problems} == {"SF201", "SF310"}
    assert list(spec.parent.glob("*.duckdb")) == []


def test_a_warehouse_in_memory_lives_as_long_as_its_result(spec):
    """Tables of a memory run are there inside the with block, and a clear error tells when they are gone."""
    (spec.parent / "sqlflow.yaml").write_text(PROJECT)
    with Pipeline.from_file(spec).run() as result:
        assert result.table("marts.numbers").num_rows == 3
    with pytest.raises(SQLFlowError, match="in memory"):
        result.table("marts.numbers")
    assert list(spec.parent.rglob("*.duckdb")) == []


def test_a_profile_decides_engine_storage_and_values(spec):
    """Settings of the profile are really applied: they are read back from the database."""
    (spec.parent / "sqlflow.yaml").write_text(PROJECT)
    result = Pipeline.from_file(spec).run(profile="prod")
    assert (spec.parent / "data" / "prod.duckdb").exists()
    assert result.table("marts.numbers").num_rows == 5
    settings = result.query(
        "select current_setting('threads') as t, current_setting('memory_limit') as m, current_setting('TimeZone') as z"
    )
    assert settings.to_pylist() == [{"t": 1, "m": "488.2 MiB", "z": "UTC"}]


@pytest.mark.parametrize(
    ("setting", "value", "shown"),
    [
        ("memory_limit", "1GB", "953.6 MiB"),
        ("threads", 2, 2),
        ("temp_directory", "spill", None),
        ("preserve_insertion_order", "false", False),
        ("timezone", "Europe/Paris", "Europe/Paris"),
    ],
)
def test_every_engine_setting_reaches_the_database(spec, setting, value, shown):
    """No setting is parsed and ignored: each is read back inside a run."""
    spec.write_text(
        SPEC.replace("select i as n, $day as day from range($n) t(i)", f"select current_setting('{setting}') as value")
    )
    (spec.parent / "sqlflow.yaml").write_text(
        f"version: 1\nname: s\ndefault_profile: d\nprofiles: {{d: {{engine: {{{setting}: {value}}}}}}}\n"
    )
    result = Pipeline.from_file(spec).run()
    (row,) = result.table("marts.numbers").to_pylist()
    assert row["value"] == (shown if shown is not None else str(spec.parent / "spill"))


def test_a_run_leaves_its_record(spec):
    """The folder of a run holds the record, the events in order, and the lineage."""
    result = Pipeline.from_file(spec).run()
    folder = spec.parent / "target" / "runs" / result.run_id
    record = json.loads((folder / "run.json").read_text())
    assert list(record)[:8] == [
        "run_id",
        "pipeline",
        "profile",
        "status",
        "started_at",
        "finished_at",
        "duration_ms",
        "steps",
    ]
    assert record["steps"][0]["rows"]["inserted"] == 3
    assert record["steps"][0]["schema"] == [
        {"name": "n", "type": "BIGINT", "nullable": None},
        {"name": "day", "type": "DATE", "nullable": None},
    ]
    events = [json.loads(line)["event"] for line in (folder / "events.ndjson").read_text().splitlines()]
    assert events[0] == "run_started"
    assert events[-1] == "run_finished"
    lineage = json.loads((folder / "lineage.json").read_text())
    assert lineage["steps"][0]["writes"] == ["marts.numbers"]
