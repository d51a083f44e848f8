"""The explanations of the problem codes, held against the program that raises them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from sqlflow.codes import TEXTS, Explanation, all_codes, explain
from sqlflow.errors import SQLFlowError
from sqlflow.pipeline import Pipeline, installed
from sqlflow.registry import BUILTIN, Catalog
from sqlflow.sdk import GROUP

ROOT = Path(__file__).parents[2]
ENTRIES = tomllib.loads((ROOT / "sqlflow" / TEXTS).read_text(encoding="utf-8"))
BINDING = {"SF420", "SF421", "SF422", "SF423", "SF424", "SF425", "SF426"}
"""What binding SQL to empty tables tells, which a run does not ask for."""
KEYS = {"title", "cause", "example", "remedy", "kind", "file", "files"}


def sources() -> dict[Path, str]:
    """Return the text of every module of the product and of the plugins beside it; tests are not the product."""
    modules = [*ROOT.glob("sqlflow/**/*.py"), *ROOT.glob("plugins/**/*.py")]
    return {path: path.read_text(encoding="utf-8") for path in modules if "tests" not in path.relative_to(ROOT).parts}


def codes_of_kind(kind: str | None) -> list[str]:
    """Return the codes whose example is of a kind; of those that need more than a pipeline, the ones that bring it."""
    found = [code for code, entry in ENTRIES.items() if entry.get("kind") == kind]
    return [code for code in found if kind != "context" or "files" in ENTRIES[code]]


def write_example(code: str, folder: Path) -> Path:
    """Write the example of a code and its files; returns the pipeline."""
    entry = ENTRIES[code]
    contents = {entry.get("file", "pipeline.yaml"): entry["example"], **entry.get("files", {})}
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder / "pipeline.yaml"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """Bring the guests that come in the box and no others, so that whatever else is installed says nothing here."""
    return installed([e.dist.name for e in entry_points(group=GROUP) if e.dist and e.dist.name != BUILTIN])


def failures(pipeline: Pipeline) -> list[str | None]:
    """Run a pipeline and return the codes of its failed steps, or that of the error that kept it from running."""
    try:
        with pipeline.run() as result:
            return [step.error["code"] for step in result.record.steps if step.error is not None]
    except SQLFlowError as error:
        return [error.code]


def test_every_code_is_explained_and_none_is_invented() -> None:
    """A code stands in the source if and only if it has an explanation."""
    raised = {code for text in sources().values() for code in re.findall(r"""["'](SF\d{3})["']""", text)}
    assert set(all_codes()) == raised


def test_no_code_is_put_together() -> None:
    """A code is written out where it is raised, so that one finds it by searching."""
    assert [str(path) for path, text in sources().items() if re.search(r"\bSF\d{0,2}\{", text)] == []


def test_codes_are_told_in_order() -> None:
    """The file and `all_codes` list the codes by number, each once."""
    assert all_codes() == tuple(ENTRIES) == tuple(sorted(set(ENTRIES)))


def test_an_unknown_code_has_no_explanation() -> None:
    """A name that is no code is answered with None, whatever it is."""
    assert [explain(name) for name in ("SF000", "sf104", "", "transform")] == [None] * 4


@pytest.mark.parametrize("code", ENTRIES)
def test_an_explanation_is_complete(code: str) -> None:
    """An explanation says all there is to say: nothing is empty, and no key of its entry is ignored."""
    entry = ENTRIES[code]
    assert explain(code) == Explanation(code, entry["title"], entry["cause"], entry["example"], entry["remedy"])
    assert all(entry[key].strip() for key in ("title", "cause", "example", "remedy"))
    assert set(entry) <= KEYS
    assert entry.get("kind") in (None, "run", "lint", "context")


@pytest.mark.parametrize("code", [*codes_of_kind(None), *codes_of_kind("context")])
def test_an_example_has_the_problem_that_it_shows(code: str, tmp_path: Path, catalog: Catalog) -> None:
    """Validating an example yields its code, and no other that would distract from it."""
    problems = Pipeline(write_example(code, tmp_path), catalog).validate()
    assert {problem.code for problem in problems} == {code}, "\n".join(map(str, problems))


@pytest.mark.parametrize("code", codes_of_kind("run"))
def test_an_example_fails_as_it_says(code: str, tmp_path: Path, catalog: Catalog) -> None:
    """An example of the kind `run` can be planned, whatever binding says of it; run, it fails with its code alone."""
    pipeline = Pipeline(write_example(code, tmp_path), catalog)
    assert {problem.code for problem in pipeline.validate()} <= BINDING
    assert pipeline.plan().notes == ()
    assert failures(pipeline) == [code]


@pytest.mark.parametrize("code", codes_of_kind("lint"))
def test_an_example_is_found_by_its_rule(code: str, tmp_path: Path) -> None:
    """An example of the kind `lint` is valid, and linting it finds its code and nothing else."""
    name = write_example(code, tmp_path).name
    command = [sys.executable, "-m", "sqlflow.cli.main"]
    valid = subprocess.run([*command, "validate", name], cwd=tmp_path, capture_output=True, check=False)
    found = subprocess.run([*command, "lint", name, "-o", "json"], cwd=tmp_path, capture_output=True, check=False)
    assert valid.returncode == 0
    assert [problem["code"] for problem in json.loads(found.stdout)["problems"]] == [code]
