"""acme as its users meet it: installed, found by its entry point, run from a document."""

from pathlib import Path

import pytest

from sqlflow.errors import StepError
from sqlflow.pipeline import Pipeline

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
PROJECT, SPEC = (block.split("```")[0] for block in README.split("```yaml\n")[1:3])


def pipeline(folder: Path, project: str) -> Pipeline:
    """Write a project and its document into a folder and take it up."""
    (folder / "sqlflow.yaml").write_text(project, encoding="utf-8")
    file = folder / "numbers.yaml"
    file.write_text(SPEC, encoding="utf-8")
    return Pipeline.from_file(file)


def test_the_example_of_the_readme_runs_with_its_settings(tmp_path):
    """What the README shows works, and the settings of the profile hold where the steps run."""
    document = pipeline(tmp_path, PROJECT)
    document.path.write_text(SPEC.replace("unnest(range(3)) as n", "current_setting('default_null_order') as n"))
    with document.run() as result:
        assert result.status == "succeeded", [step.error for step in result.steps]
        assert result.table("numbers").to_pylist() == [{"n": "NULLS_FIRST"}]


def test_a_setting_that_does_not_exist_is_told(tmp_path):
    """A wrong setting keeps the run from starting, and the message says whose it is."""
    with pytest.raises(StepError, match="default_nul_order") as raised:
        pipeline(tmp_path, PROJECT.replace("default_null_order", "default_nul_order")).run()
    assert raised.value.message.startswith("engine acme: ")
