"""The example as its users meet it: installed, found by its entry point, run from a document."""

import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from textwrap import dedent

import duckdb
import pytest

from sqlflow.errors import DocumentError
from sqlflow.pipeline import Pipeline

README = Path(__file__).parents[1] / "README.md"


def spec(folder: Path, steps: str) -> Pipeline:
    """Write a document with these steps; the first of them is on line 4."""
    file = folder / "spec.yaml"
    file.write_text(f"version: 1\nname: example\nsteps:\n{dedent(steps).strip()}\n")
    return Pipeline.from_file(file)


def problems(pipeline: Pipeline) -> list[tuple[str, int, str]]:
    """Return code, line and message of everything that is wrong."""
    return [(p.code, p.mark.line, p.message) for p in pipeline.validate()]


CALENDAR = """
    - id: days
      type: load
      source: {{connector: calendar, start: {start}, end: {end}}}
      target: days
"""


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2024-02-27", "2024-03-05"),
        ("1969-12-25", "1970-01-05"),
        ("2024-01-01", "2024-01-01"),
        ("1900-01-01", "2100-12-31"),
    ],
)
def test_calendar_reads_every_day_of_the_range(tmp_path, start, end):
    """Each day from start to end comes once, with the fields that Python gives it."""
    first, last = date.fromisoformat(start), date.fromisoformat(end)
    days = [first + timedelta(n) for n in range((last - first).days + 1)]
    expected = [
        {
            "day": d,
            "year": d.year,
            "month": d.month,
            "weekday": int(d.strftime("%u")),
            "is_weekend": d.strftime("%a") in ("Sat", "Sun"),
        }
        for d in days
    ]
    with spec(tmp_path, CALENDAR.format(start=start, end=end)).run() as result:
        assert result.status == "succeeded"
        assert result.steps[0].rows.inserted == len(days)
        assert result.query("select * from days order by day").to_pylist() == expected


def test_calendar_takes_variables(tmp_path):
    """The dates may come from variables, typed or from outside."""
    head = "version: 1\nname: example\nvars: {since: {type: date, default: 2024-01-01}, until: {type: date}}\nsteps:"
    file = tmp_path / "spec.yaml"
    file.write_text(head + CALENDAR.format(start="'${since}'", end="'${until}'"))
    pipeline = Pipeline.from_file(file)
    with pipeline.run(vars={"until": date(2024, 1, 31)}) as result:
        assert result.query("select count(*) as n, max(day) as last from days").to_pylist() == [
            {"n": 31, "last": date(2024, 1, 31)}
        ]


def test_calendar_refuses_a_range_without_days(tmp_path):
    """A range that ends before it starts is found before anything runs, at its key."""
    found = problems(spec(tmp_path, CALENDAR.format(start="2024-01-02", end="2024-01-01")))
    assert found == [("SF502", 6, "source of step 'days': end 2024-01-01 is before start 2024-01-02")]


def test_wrong_options_are_problems_at_their_lines(tmp_path):
    """A misspelt option of connector, step type and check is told where it stands, all in one go."""
    pipeline = spec(
        tmp_path,
        """
        - id: days
          type: load
          source:
            connector: calendar
            start: 2024-01-01
            end: 2024-01-02
            ends: 2024-01-02
          target: days
          checks:
            - matches:
                column: day
                patern: x
        - id: copy
          type: copy_table
          tabel: days
          target: copied
        """,
    )
    found = problems(pipeline)
    assert [(code, line) for code, line, _ in found if code == "SF201"] == [("SF201", 10), ("SF201", 15), ("SF201", 18)]
    assert "unknown key 'ends' in source of step 'days'" in [message for *_, message in found]
    hints = {p.mark.line: p.hint for p in pipeline.validate() if p.code == "SF201"}
    assert hints == {10: "did you mean 'end'?", 15: "did you mean 'pattern'?", 18: "did you mean 'table'?"}
    with pytest.raises(DocumentError):
        pipeline.run()


@pytest.mark.parametrize("value", ["2024-13-01", "5", "yesterday"])
def test_a_date_that_is_none_is_a_problem(tmp_path, value):
    """What is not a date is refused at its place."""
    found = problems(spec(tmp_path, CALENDAR.format(start=value, end="2024-12-31")))
    assert [(code, at) for code, at, _ in found] == [("SF203", 6)]


def test_copy_table_copies_and_waits_for_its_source(tmp_path):
    """The copy has the rows and types of its source, wherever the step stands, and again on a second run."""
    pipeline = spec(
        tmp_path,
        """
        - id: copy
          type: copy_table
          table: raw.days
          target: '"My Copies".days'
          checks:
            - row_count: {min: 31, max: 31}
            - unique: [day]
        - id: days
          type: load
          source: {connector: calendar, start: 2024-01-01, end: 2024-01-31}
          target: raw.days
        """,
    )
    for _ in range(2):
        with pipeline.run() as result:
            steps = {step.id: step for step in result.steps}
            assert result.status == "succeeded", steps["copy"].error
            assert steps["copy"].rows.inserted == 31
            assert [check.passed for check in steps["copy"].checks] == [True, True]
            assert result.table('"My Copies".days').equals(result.table("raw.days"))


def test_copy_table_keeps_the_old_copy_when_a_check_fails(tmp_path):
    """A check that does not hold on the new copy leaves the old one in place."""
    steps = """
        - id: numbers
          type: transform
          target: numbers
          sql: select unnest(range({n})) as n
        - id: copy
          type: copy_table
          table: numbers
          target: copied
          checks: [row_count: {{max: 3}}]
        """
    assert spec(tmp_path, steps.format(n=3)).run().status == "succeeded"
    with spec(tmp_path, steps.format(n=4)).run() as result:
        assert result.status == "failed"
        assert "4 rows, expected at most 3" in result.steps[1].error["message"]
        assert result.table("numbers").num_rows == 4
        assert result.table("copied").num_rows == 3


def test_copy_table_replaces_a_strange_table_only_when_told(tmp_path):
    """A target that SQLFlow did not make is refused, and taken over with the option that the hint names."""
    with duckdb.connect(tmp_path / "example.duckdb") as connection:
        connection.execute("create table copied as select 'precious' as thing")
    steps = """
        - id: numbers
          type: transform
          target: numbers
          sql: select 1 as n
        - id: copy
          type: copy_table
          table: numbers
          target: copied
        """
    with spec(tmp_path, steps).run() as result:
        assert result.steps[1].error["code"] == "SF718"
        assert "adopt: true" in result.steps[1].error["hint"]
        assert result.table("copied").to_pylist() == [{"thing": "precious"}]
    with spec(tmp_path, steps.rstrip() + "\n          adopt: true\n").run() as result:
        assert result.status == "succeeded", result.steps[1].error
        assert result.table("copied").to_pylist() == [{"n": 1}]


def test_initials_can_be_called_in_sql(tmp_path):
    """The function works in any SQL of a document, NULL gives NULL, and in Python it stays a function."""
    from sqlflow_example import initials

    pipeline = spec(
        tmp_path,
        """
        - id: people
          type: transform
          target: people
          sql: |
            select name, initials(name) as short
            from (values ('Ada Lovelace'), ('grace  brewster hopper'), (''), (null)) as t(name)
        """,
    )
    with pipeline.run() as result:
        assert {row["name"]: row["short"] for row in result.table("people").to_pylist()} == {
            "Ada Lovelace": "AL", "grace  brewster hopper": "GBH", "": "", None: None,
        }  # fmt: skip
    assert initials("Ada Lovelace") == "AL"


MATCHES = """
    - id: people
      type: transform
      target: people
      sql: select unnest({emails}) as email
      checks:
        - matches: {{column: email, pattern: "{pattern}"}}
"""


def test_matches_passes_when_every_value_matches(tmp_path):
    """Values that match as a whole pass, and so does NULL; a quote in the pattern is only a quote."""
    with spec(tmp_path, MATCHES.format(emails="['a@b', 'o''c@d', null]", pattern="[a-z']+@[a-z]")).run() as result:
        assert result.status == "succeeded", result.steps[0].error
        assert result.steps[0].checks[0].passed
        assert result.table("people").num_rows == 3


def test_matches_fails_on_a_bad_row_and_shows_it(tmp_path):
    """One value that matches only in part stops the step, and the message shows it, how many, and the check."""
    with spec(tmp_path, MATCHES.format(emails="['a@b', 'a@b.', null]", pattern="[a-z]+@[a-z]")).run() as result:
        assert result.status == "failed"
        error = result.steps[0].error
        assert error["code"] == "SF701"
        assert error["message"] == "check matches(email) failed: 1 of 3 rows\n  email = a@b."
        assert error["hint"].startswith("nothing was written and people keeps its old rows")


def test_the_spec_of_the_readme_runs(tmp_path):
    """What the README shows works."""
    file = tmp_path / "spec.yaml"
    file.write_text(README.read_text().split("```yaml\n")[1].split("```")[0])
    with Pipeline.from_file(file).run() as result:
        assert result.status == "succeeded"
        assert result.table("raw.days").num_rows == 366
        assert result.table("backup.people").to_pylist() == [{"email": "ada@example.org", "short": "AL"}]


def test_importing_the_plugin_imports_nothing_heavy():
    """Whoever has the plugin installed pays for it only when a document uses it."""
    code = "import sqlflow_example, sys; print(sorted({'pyarrow', 'duckdb', 'sqlglot', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]", done.stdout
