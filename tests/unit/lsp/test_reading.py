"""Reading texts, whatever the guests do."""

from __future__ import annotations

from types import ModuleType

from sqlflow.builtins import checks, duckdb, files, lint, secrets, steps, storages
from sqlflow.lsp.grammar import Grammar
from sqlflow.lsp.reading import Desk, is_spec
from sqlflow.pipeline import RESERVED
from sqlflow.registry import Catalog, PluginRecord, host_of
from sqlflow.sdk import ConfigModel, Late, StepType, hookimpl
from sqlflow.spec import Mapping

SPEC = """\
version: 1
name: tiny
steps:
  - id: one
    type: transform
    target: raw.t
    sql: select 42 as answer
"""


class Raises(StepType):
    """A step type with a mistake in it."""

    name = "raises"
    Config = ConfigModel

    def plan(self, given, folder):
        """Fail as a program fails."""
        raise KeyError("oh")

    def execute(self, given, context):
        """Do nothing."""


def catalog_with(item):
    """Return the catalog of the box and a plugin that brings a step type."""
    module = ModuleType("other")
    module.hook = hookimpl(lambda: [item], specname="sqlflow_step_types")
    boxed = [checks, duckdb, files, lint, secrets, steps, storages]
    records = [(PluginRecord(m.__name__, "sqlflow-pipelines", "1", m.__name__), lambda m=m: m) for m in boxed]
    return Catalog(host_of([*records, (PluginRecord("other", "other", "1", "other"), lambda: module)]), RESERVED)


def test_a_guest_that_fails_is_a_problem(tmp_path):
    """A step type that raises while it plans is told as a problem of its step, and the others are known as before."""
    desk = Desk()
    desk.catalog = catalog_with(Raises)
    path = tmp_path / "tiny.yaml"
    assert desk.read(path, SPEC, {}).schema("raw.t").names == ("answer",)
    reading = desk.read(path, f"{SPEC}  - {{id: two, type: raises}}\n", {})
    assert [(problem.code, problem.mark.line) for problem in reading.problems] == [("SF601", 8)]
    assert "KeyError" in reading.problems[0].message
    assert reading.schema("RAW.T").names == ("answer",)
    desk.close()


def test_a_guest_that_is_broken_takes_nothing_else_away():
    """What other plugins bring is offered although one of them cannot be imported."""
    grammar = Grammar("pipeline", catalog_with(Late("gone", "nowhere_to_be_found:Gone"))).composed()
    kinds = grammar.options(Mapping(0, 0), ("steps", 0))["type"].choices
    assert {"load", "transform"} <= set(kinds)
    assert "gone" not in kinds


def test_a_broken_text_keeps_what_was_known(tmp_path):
    """While a text is no document, tables and plan are those of its last good state; then they are new."""
    desk, path = Desk(), tmp_path / "tiny.yaml"
    desk.read(path, SPEC, {})
    broken = desk.read(path, SPEC.replace("target: raw.t", "target: [raw.t"), {})
    assert [problem.code for problem in broken.problems] == ["SF103"]
    assert broken.schema("raw.t") is not None
    assert broken.plan is not None
    moved = desk.read(path, SPEC.replace("raw.t", "raw.u"), {})
    assert (moved.schema("raw.t"), moved.schema("raw.u").names) == (None, ("answer",))
    desk.close()


def test_what_a_pipeline_is(tmp_path):
    """A pipeline has `version` and `steps` at its top or says its schema; the project's globs may name others."""
    path = tmp_path / "specs" / "a.yaml"
    path.parent.mkdir()
    path.write_text("", encoding="utf-8")
    assert is_spec(path, SPEC, {})
    assert is_spec(path, "# yaml-language-server: $schema=../schemas/pipeline.schema.json\n", {})
    assert not is_spec(path, "steps:\n  - run: make\n", {})
    assert not is_spec(path, "version: 3\nservices: {}\n", {})
    project = tmp_path.resolve() / "sqlflow.yaml"
    assert is_spec(path.resolve(), "", {project: "version: 1\nname: shop\nspecs: ['specs/*.yaml']\n"})
    assert not is_spec(path.resolve(), "", {project: "version: 1\nname: shop\nspecs: ['other/*.yaml']\n"})
