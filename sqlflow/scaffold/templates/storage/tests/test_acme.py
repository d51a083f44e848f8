"""acme as its users meet it: installed, found by its entry point, run from a document."""

from pathlib import Path

import pytest

from sqlflow.pipeline import Pipeline

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
PROJECT, SPEC = (block.split("```")[0] for block in README.split("```yaml\n")[1:3])


def pipeline(folder: Path, project: str) -> Pipeline:
    """Write a project and its document into a folder and take it up."""
    (folder / "sqlflow.yaml").write_text(project, encoding="utf-8")
    file = folder / "numbers.yaml"
    file.write_text(SPEC, encoding="utf-8")
    return Pipeline.from_file(file)


@pytest.mark.parametrize("branch", ["main", "fix/typo-1"])
def test_each_branch_has_a_warehouse_of_its_own(tmp_path, monkeypatch, branch):
    """What the README shows works: the branch of the environment decides which file is written."""
    monkeypatch.setenv("BRANCH", branch)
    with pipeline(tmp_path, PROJECT).run() as result:
        assert result.status == "succeeded", [step.error for step in result.steps]
        assert result.table("numbers").num_rows == 3
    assert [str(file.parent.relative_to(tmp_path)) for file in tmp_path.rglob("*.duckdb")] == [f"warehouses/{branch}"]


@pytest.mark.parametrize("branch", ["..", "a/../../b", "/tmp", ""])
def test_a_branch_cannot_lead_elsewhere(tmp_path, branch):
    """A name that is a path out of the folder is a problem before anything runs."""
    project = PROJECT.replace('"${env:BRANCH:-main}"', f'"{branch}"')
    assert [problem.code for problem in pipeline(tmp_path, project).validate()] == ["SF203"]
