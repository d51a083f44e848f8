"""acme as its users meet it: installed, found by its entry point, run from a document."""

from pathlib import Path

from sqlflow.pipeline import Pipeline

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
EXAMPLE = README.split("```yaml\n")[1].split("```")[0]


def pipeline(folder: Path, text: str) -> Pipeline:
    """Write a document into a folder and take it up."""
    file = folder / "pipeline.yaml"
    file.write_text(text, encoding="utf-8")
    return Pipeline.from_file(file)


def test_the_example_of_the_readme_keeps_the_newest_rows(tmp_path):
    """What the README shows works, and again on a second run."""
    document = pipeline(tmp_path, EXAMPLE)
    for _ in range(2):
        with document.run() as result:
            assert result.status == "succeeded", [step.error for step in result.steps]
            rows = result.query("select id, state from newest order by id").to_pylist()
            assert rows == [{"id": 1, "state": "new"}, {"id": 2, "state": "only"}]


def test_the_step_waits_for_the_table_that_it_reads(tmp_path):
    """The order of the document does not matter: the field `table` says what is read."""
    head, first, second = EXAMPLE.replace("  - id:", "\0  - id:").split("\0")
    with pipeline(tmp_path, head + second + "\n" + first).run() as result:
        assert result.status == "succeeded", [step.error for step in result.steps]


def test_a_misspelt_option_is_told_at_its_place(tmp_path):
    """Nothing is ignored."""
    found = pipeline(tmp_path, EXAMPLE.replace("latest: version", "lastest: version")).validate()
    assert [problem.hint for problem in found if problem.code == "SF201"] == ["did you mean 'latest'?"]
