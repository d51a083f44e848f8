"""Corners where two features meet, each through the command line."""

from __future__ import annotations

import json

import pytest

LISTS = """\
version: 1
name: lists
vars: {cities: [Bern, "a, b", "it's"]}
steps:
  - {id: t, type: transform, target: raw.t, sql: "select unnest($cities) as city"}
  - {id: gate, type: check, table: raw.t, checks: [{sql: "select 1 from read_csv('gate.csv') where ok = 0"}]}
  - id: out
    type: export
    depends_on: [gate]
    for_each: {city: "${cities}"}
    sql: select * from raw.t where city = $city
    target: {connector: csv, path: "out/${city}.csv"}
"""
DRIFTING = """\
version: 1
name: drifting
steps:
  - id: s
    type: load
    source: {connector: csv, path: "d/*.csv", union_by_name: true}
    target: raw.s
    columns: {id: bigint}
    on_bad_row: quarantine
"""
PIVOTS = """\
version: 1
name: pivots
steps:
  - {id: t, type: transform, target: raw.t, sql: "select 'a' as g, 1 as v union all select 'b', 2"}
  - {id: p, type: transform, target: raw.p, sql: "pivot raw.t on g using sum(v)"}
  - {id: m, type: transform, target: raw.m, mode: merge, key: [a], sql: "pivot raw.t on g using sum(v)"}
  - {id: e, type: export, sql: "pivot raw.t on g using sum(v)", target: {connector: csv, path: out.csv}}
"""
TREE = """\
version: 1
name: tree
steps:
  - id: e
    type: load
    source: {connector: csv, path: emp.csv}
    target: raw.emp
    checks: [{relationships: {column: boss, to: raw.emp, field: id}}]
"""


def test_a_list_is_the_same_list_when_a_run_is_resumed(folder):
    """Texts with commas and quotes in a list come back from the record as they were, however often."""
    folder.write("lists.yaml", LISTS)
    folder.write("gate.csv", "ok\n0\n")
    folder("run", "lists.yaml", code=1)
    folder("run", "lists.yaml", "--resume", code=1)
    folder.write("gate.csv", "ok\n1\n")
    told = folder("run", "lists.yaml", "--resume")
    assert sorted(line.split()[1] for line in told.splitlines() if " export " in line) == [
        "out@Bern",
        "out@a,",
        "out@it's",
    ]
    assert (folder.path / "out/a, b.csv").read_text().splitlines() == ["city", '"a, b"']


def test_files_that_differ_may_hold_lines_that_cannot_be_read(folder):
    """Columns meet by name and bad lines are set aside at once, each with the name of its file."""
    folder.write("d/1.csv", "id,n\n1,2\nx,3\n4,5,6\n")
    folder.write("d/2.csv", "n,id,c\n7,1,z\n8,q,y\n")
    folder.write("drifting.yaml", DRIFTING)
    assert "2 inserted, 3 quarantined" in folder("run", "drifting.yaml")
    rows = json.loads(folder("query", "from raw.s order by all", "--output", "json"))
    assert rows == [{"id": 1, "n": 2, "c": None}, {"id": 1, "n": 7, "c": "z"}]
    told = folder("quarantine", "show", "drifting.yaml", "s")
    assert all(place in told for place in ("1.csv, line 3: ", "1.csv, line 4: ", "2.csv, line 3: "))


def test_what_reads_exactly_is_no_column(folder):
    """The column that marks rows which do not fit is never compared, accepted or pinned."""
    folder.write("d/1.csv", "id,n\n1,2\n")
    folder.write("drifting.yaml", DRIFTING)
    folder("run", "drifting.yaml")
    assert "sqlflow_inexact" not in folder("schema", "compare", "drifting.yaml", "s")
    folder.write("d/1.csv", "id,n,c\n1,2,3\n")
    folder("run", "drifting.yaml", code=1)
    folder("schema", "accept", "drifting.yaml", "s")
    folder("run", "drifting.yaml")
    folder("schema", "pin", "drifting.yaml", "s")
    assert "inexact" not in (folder.path / "drifting.yaml").read_text()


def test_a_pivot_whose_columns_are_its_rows_is_written_and_counted(folder):
    """DuckDB runs it as several statements and counts nothing; tables and files have its rows all the same."""
    folder.write("pivots.yaml", PIVOTS)
    told = folder("run", "pivots.yaml")
    assert sum("1 row" in line for line in told.splitlines()) == 3
    assert (folder.path / "out.csv").read_text() == "a,b\n1,2\n"
    assert "succeeded in" in folder("run", "pivots.yaml")


def test_rows_that_refer_to_each_other_are_held_against_all_of_them(folder):
    """A relationship to the step's own table holds on what the table is going to be."""
    folder.write("tree.yaml", TREE)
    folder.write("emp.csv", "id,boss\n1,\n2,1\n3,2\n")
    assert "3 rows, 1 check" in folder("run", "tree.yaml")
    folder.write("emp.csv", "id,boss\n3,2\n")
    told = folder("run", "tree.yaml", code=1)
    assert "1 of 1 rows" in told
    assert json.loads(folder("query", "select count(*) as n from raw.emp", "--output", "json")) == [{"n": 3}]


@pytest.mark.parametrize("verb", ["validate", "lint", "test"])
def test_a_wrong_project_file_is_told_at_its_place(folder, verb):
    """What is wrong with `sqlflow.yaml` is told, and not that there are no documents."""
    folder.write("sqlflow.yaml", "version: 1\nname: x\nspecs: [a.yaml]\nlint: {SF806: no}\n")
    folder.write("a.yaml", PIVOTS)
    told = folder(verb, code=2)
    assert "sqlflow.yaml:4:15" in told
    assert "SF101" not in told


def test_a_check_of_some_rows_takes_its_measure_of_these(folder):
    """`where` holds for every kind of check, whatever it measures."""
    step = "  - {id: t, type: transform, target: raw.t, sql: 'select unnest([1, 1, 2]) as a', checks: [CHECK]}\n"
    head = "version: 1\nname: x\nsteps:\n"
    folder.write(
        "a.yaml", head + step.replace("CHECK", "{unique: [a], where: a > 1}, {row_count: {max: 1}, where: a > 1}")
    )
    folder("run", "a.yaml")
    folder.write("a.yaml", head + step.replace("CHECK", "{row_count: {max: 1}, where: a = 1}"))
    folder("run", "a.yaml", code=1)
