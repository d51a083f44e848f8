"""acme as its users meet it: installed, found by its entry point, run from a document."""

from pathlib import Path

import pytest

from sqlflow.pipeline import Pipeline

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")

OUT_AND_BACK = """
version: 1
name: round
connections:
  lake: {connector: acme, folder: lake}
steps:
  - id: people
    type: transform
    target: people
    sql: select * from (values (1, 'Ada', null), (2, '', 3.5)) as t(id, name, score)
  - id: out
    type: export
    source: people
    target: {connection: lake, table: people}
  - id: back
    type: load
    source: {connection: lake, table: people}
    target: again
"""


def pipeline(folder: Path, text: str) -> Pipeline:
    """Write a document into a folder and take it up."""
    file = folder / "pipeline.yaml"
    file.write_text(text, encoding="utf-8")
    return Pipeline.from_file(file)


def test_the_example_of_the_readme_runs(tmp_path):
    """What the README shows works."""
    with pipeline(tmp_path, README.split("```yaml\n")[1].split("```")[0]).run() as result:
        assert result.status == "succeeded", [step.error for step in result.steps]
    assert (tmp_path / "lake" / "numbers.arrow").exists()


def test_rows_come_back_as_they_went(tmp_path):
    """A table that is written and read again has the same rows and types; writing it twice changes nothing."""
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "people.arrow").write_bytes(b"something old")
    document = pipeline(tmp_path, OUT_AND_BACK)
    for _ in range(2):
        with document.run() as result:
            assert result.status == "succeeded", [step.error for step in result.steps]
            assert result.table("again").equals(result.table("people"))
    assert [file.name for file in (tmp_path / "lake").iterdir()] == ["people.arrow"]


@pytest.mark.parametrize(("table", "code"), [("peple", "SF501"), ("a/b", "SF502")])
def test_a_wrong_table_is_told_before_anything_runs(tmp_path, table, code):
    """A table that is not there, or is no name, is a problem at its line."""
    text = OUT_AND_BACK.replace(
        "source: {connection: lake, table: people}", f"source: {{connection: lake, table: {table}}}"
    )
    assert [(p.code, p.mark.line) for p in pipeline(tmp_path, text).validate()] == [(code, 17)]


def test_what_is_no_arrow_file_is_told_as_such(tmp_path):
    """A file that was cut off fails the step with the connector's own words, and no row is loaded."""
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "people.arrow").write_bytes(b"ARROW1 and no more")
    text = OUT_AND_BACK[: OUT_AND_BACK.index("  - id: people")] + OUT_AND_BACK[OUT_AND_BACK.index("  - id: back") :]
    with pipeline(tmp_path, text).run() as result:
        assert result.status == "failed"
        assert "is not a whole Arrow file" in result.steps[0].error["message"]
