"""acme as its users meet it: installed, found by its entry point, run from a document."""

from pathlib import Path

import pytest

from sqlflow.pipeline import Pipeline

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
EXAMPLE = README.split("```yaml\n")[1].split("```")[0]


def pipeline(folder: Path, text: str) -> Pipeline:
    """Write a document into a folder and take it up."""
    file = folder / "pipeline.yaml"
    file.write_text(text, encoding="utf-8")
    return Pipeline.from_file(file)


def test_the_example_of_the_readme_passes(tmp_path):
    """What the README shows works: rows that are right pass."""
    with pipeline(tmp_path, EXAMPLE).run() as result:
        assert result.status == "succeeded", [step.error for step in result.steps]
        assert [check.passed for check in result.steps[0].checks] == [True, True]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("high: 150", "high: 40", "1 of 3 rows\n  age = 85"),
        ("share: 0.5", "share: 0.9", "age is filled in 66.7% of the rows, expected at least 90.0%"),
    ],
)
def test_rows_that_are_wrong_stop_the_step(tmp_path, old, new, told):
    """A check that does not hold fails the step, and its message shows what is wrong."""
    with pipeline(tmp_path, EXAMPLE.replace(old, new)).run() as result:
        assert result.status == "failed"
        assert told in result.steps[0].error["message"]


def test_bad_rows_can_be_set_aside(tmp_path):
    """With `quarantine: true` the rows that are right go on."""
    text = EXAMPLE.replace("high: 150}", "high: 40}\n        quarantine: true")
    with pipeline(tmp_path, text).run() as result:
        assert result.status == "succeeded", [step.error for step in result.steps]
        assert result.query("select name from people order by name").to_pylist() == [{"name": "Ada"}, {"name": "Alan"}]
