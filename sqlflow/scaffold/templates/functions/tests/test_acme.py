"""acme as its users meet it: installed, found by its entry point, run from a document."""

from pathlib import Path

from sqlflow_acme import acme_initials

from sqlflow.pipeline import Pipeline

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
EXAMPLE = README.split("```yaml\n")[1].split("```")[0]


def pipeline(folder: Path, text: str) -> Pipeline:
    """Write a document into a folder and take it up."""
    file = folder / "pipeline.yaml"
    file.write_text(text, encoding="utf-8")
    return Pipeline.from_file(file)


def test_the_example_of_the_readme_runs(tmp_path):
    """What the README shows works."""
    with pipeline(tmp_path, EXAMPLE).run() as result:
        assert result.status == "succeeded", [step.error for step in result.steps]
        assert result.table("people").to_pylist() == [{"short": "AL", "name": "Ada Lovelace"}]


def test_null_in_gives_null_out(tmp_path):
    """NULL is no text."""
    text = EXAMPLE.replace("'Ada Lovelace'", "null").replace("'  Ada   Lovelace '", "null")
    with pipeline(tmp_path, text).run() as result:
        assert result.table("people").to_pylist() == [{"short": None, "name": None}]


def test_a_function_stays_a_function():
    """In Python it is called like any other."""
    assert acme_initials("Grace Brewster Hopper") == "GBH"
