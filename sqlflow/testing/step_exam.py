"""The exam of step types: a document that uses it runs, runs again to the same end, and fails without a trace."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any, ClassVar

from sqlflow.pipeline import Pipeline

from .guest_laws import GuestLaws
from .laws import law


class StepTypeExam(GuestLaws):
    """What a document may expect of every step type.

    `steps` is YAML: a list of steps as in a document, one of which has this type and the id `it`.
    """

    kind = "step type"
    steps: ClassVar[str]
    """Steps that work."""
    failing: ClassVar[str | None] = None
    """Steps with the same targets of which `it` fails while running, not before."""

    def prepare(self, folder: Path) -> None:
        """Put files beside the document, if it reads any."""

    def pipeline(self, folder: Path, steps: str) -> Pipeline:
        """Write a document."""
        file = folder / "spec.yaml"
        file.write_text(f"version: 1\nname: exam\nsteps:\n{textwrap.indent(textwrap.dedent(steps).strip(), '  ')}\n")
        return Pipeline.from_file(file)

    @law("run")
    def test_it_runs_and_runs_again(self, tmp_path: Path) -> None:
        """The document has no problem, runs, and run again leaves the same."""
        self.prepare(tmp_path)
        pipeline = self.pipeline(tmp_path, self.steps)
        assert not pipeline.validate()
        left = []
        for _ in range(2):
            with pipeline.run() as result:
                steps = {step.id: step for step in result.steps}
                assert result.status == "succeeded", [step.error for step in result.steps]
                assert steps["it"].status == "succeeded"
                left.append(self.everything(result))
        assert left[0] == left[1]

    @law("unknown_keys")
    def test_an_unknown_key_is_a_problem(self, tmp_path: Path) -> None:
        """A key that the step type does not know is told, at its line, before anything runs."""
        self.prepare(tmp_path)
        steps = textwrap.dedent(self.steps).strip().splitlines()
        at = next(n for n, line in enumerate(steps) if line.strip("- ") == "id: it")
        steps.insert(at + 1, f"{' ' * (len(steps[at]) - len(steps[at].lstrip('- ')))}no_such_key: 1")
        found = [p for p in self.pipeline(tmp_path, "\n".join(steps)).validate() if "no_such_key" in p.message]
        assert found
        assert found[0].mark is not None
        assert found[0].mark.line == at + 5

    @law("failure", "failing")
    def test_a_failure_is_told_and_changes_nothing(self, tmp_path: Path) -> None:
        """When it fails, the run fails with a message and a hint or a code, and no table has changed."""
        self.prepare(tmp_path)
        with self.pipeline(tmp_path, self.steps).run() as result:
            assert result.status == "succeeded"
            before = self.everything(result)
        with self.pipeline(tmp_path, str(self.failing)).run() as result:
            assert result.status == "failed"
            error = next(step.error for step in result.steps if step.id == "it")
            assert error is not None
            assert error["message"].strip()
            assert error.get("hint") or error.get("code")
            assert self.everything(result) == before

    def everything(self, result: Any) -> dict[str, list[str]]:
        """Return what every table of the warehouse holds."""
        listed = result.query(
            "SELECT table_schema AS s, table_name AS t FROM information_schema.tables WHERE table_schema <> '_sqlflow'"
        ).to_pylist()
        return {
            f"{row['s']}.{row['t']}": sorted(map(repr, result.query(f'FROM "{row["s"]}"."{row["t"]}"').to_pylist()))
            for row in listed
        }

    @classmethod
    def lacks(cls, need: str) -> bool:
        """Tell whether there are steps that fail."""
        return need == "failing" and cls.failing is None
