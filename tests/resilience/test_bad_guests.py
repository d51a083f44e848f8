"""Plugins that do what no plugin should: their step fails, with their name, and nothing wrong is taken for right."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from sqlflow.builtins import checks, duckdb, files, secrets, steps, storages
from sqlflow.lint import Subject, lint
from sqlflow.pipeline import RESERVED, Pipeline
from sqlflow.registry import Catalog, PluginRecord, host_of
from sqlflow.result import RunResult
from sqlflow.sdk import (
    ArrowStream,
    CheckKind,
    Commit,
    ConfigModel,
    ConnectionReport,
    Connector,
    LintRule,
    NoOptions,
    Observer,
    RowCounts,
    Select,
    SQLFlowError,
    StepExecutionResult,
    StepPlan,
    StepType,
    WriteResult,
    hookimpl,
    udf,
)
from sqlflow.spec import read_document


class Badly(Connector[ConfigModel]):
    """Leaves when it is read, streams what it did not announce, and swallows what goes wrong while it writes."""

    name = "badly"
    ReadOptions = NoOptions
    WriteOptions = NoOptions
    write_modes = frozenset({"replace"})

    def test(self, config, folder):
        """Answer."""
        return ConnectionReport(ok=True, message="fine")

    def read(self, request):
        """Do as the name of the connection's folder says."""
        if (request.folder / "leaves").exists():
            raise SystemExit(0)
        if (request.folder / "interrupts").exists():
            raise KeyboardInterrupt
        if (request.folder / "breaks").exists():
            empty = pa.schema([("id", pa.int64())])
            return ArrowStream(lambda: pa.RecordBatchReader.from_batches(empty, ({}["key"] for _ in range(2))))
        if (request.folder / "names").exists():
            lists = [pa.list_(pa.field(name, pa.int64())) for name in ("item", "element")]
            maps = [pa.map_(pa.string(), pa.field(name, pa.int64())) for name in ("value", "v")]
            announced, own = (pa.schema([("l", kind), ("m", entry)]) for kind, entry in zip(lists, maps, strict=True))
            batch = pa.RecordBatch.from_pylist([{"l": [1, 2], "m": [("k", 1)]}], own)
            return ArrowStream(lambda: pa.RecordBatchReader.from_batches(announced, iter([batch])))
        schema = pa.schema([("id", pa.int64())])
        batches = [pa.record_batch({"id": pa.array([1], kind)}) for kind in (pa.int64(), pa.int32())]
        return ArrowStream(lambda: pa.RecordBatchReader.from_batches(schema, iter(batches)))

    def write(self, request, rows):
        """Write what comes, and call it all."""
        written = 0
        if (request.folder / "idle").exists():
            return WriteResult(int((request.folder / "idle").read_text()))
        if (request.folder / "places").exists():
            return WriteResult(None, places=(request.folder,))
        try:
            for batch in rows.batches():
                written += batch.num_rows
        except Exception:  # noqa: BLE001, S110 - that is what is wrong with it
            pass
        return WriteResult(written)


class Leaves(Observer):
    """Leaves when something happens."""

    def observe(self, event):
        """Leave."""
        raise SystemExit(0)


class Nothing(CheckKind):
    """Compiles to nothing."""

    name = "nothing"
    Config = NoOptions

    def compile(self, config, relation):
        """Return nothing."""
        return


@udf
def twice(x: int) -> int:
    """Double."""
    return 2 * x


def plugin(name: str, **hooks: Any) -> tuple[PluginRecord, Any]:
    """Return a plugin that brings these."""
    module = ModuleType(name)
    for hook, brought in hooks.items():
        setattr(module, hook, hookimpl(lambda brought=brought: brought, specname=hook))
    return PluginRecord(name, f"sqlflow-{name}", "1.0", name), lambda: module


def catalog(*guests: tuple[PluginRecord, Any]) -> Catalog:
    """Return the catalog of the box and of some guests."""
    own = [
        (PluginRecord(m.__name__, "test", "1", ""), lambda m=m: m)
        for m in (checks, duckdb, files, secrets, steps, storages)
    ]
    return Catalog(host_of([*own, *guests]), RESERVED)


def pipeline(folder: Path, steps_: str, *guests: tuple[PluginRecord, Any]) -> Pipeline:
    """Return a pipeline of some steps."""
    (folder / "p.yaml").write_text(f"version: 1\nname: p\nsteps:\n{steps_}", encoding="utf-8")
    return Pipeline(folder / "p.yaml", catalog(*guests))


def failed(result: RunResult) -> dict[str, Any]:
    """Return the error of the last step of a run that failed."""
    assert result.status == "failed"
    assert result.steps[-1].status == "failed"
    return result.steps[-1].error


READ = "  - {id: a, type: load, source: {connector: badly}, target: a}\n"
BADLY = plugin("badly", sqlflow_connectors=[Badly])


@pytest.mark.parametrize(("file", "raised"), [("leaves", "SystemExit: 0"), ("interrupts", "KeyboardInterrupt: ")])
def test_a_guest_that_leaves_fails_its_step(tmp_path: Path, file: str, raised: str) -> None:
    """Nothing that a guest raises ends the process, or leaves a step without an end."""
    (tmp_path / file).touch()
    with pipeline(tmp_path, READ, BADLY).run() as result:
        error = failed(result)
    assert (error["code"], error["message"]) == ("SF790", raised)
    assert "test_bad_guests.py" in error["hint"]


def test_an_error_inside_of_a_stream_is_told_like_any_other(tmp_path: Path) -> None:
    """It comes through the engine, and is told as what it is and not with the engine's words around it."""
    (tmp_path / "breaks").touch()
    with pipeline(tmp_path, READ, BADLY).run() as result:
        error = failed(result)
    assert (error["code"], error["message"]) == ("SF790", "KeyError: 'key'")


def test_a_function_that_the_engine_has_already_is_told_by_name(tmp_path: Path) -> None:
    """It is no riddle about the SQL that calls it."""
    brought = plugin("one", sqlflow_udfs=[udf(lambda x: x, name="upper", parameters=["VARCHAR"], returns="VARCHAR")])
    found = pipeline(tmp_path, "  - {id: a, type: transform, sql: select upper('a') as n, target: a}\n", brought)
    with pytest.raises(SQLFlowError, match="function 'upper' cannot be declared: DuckDB has one of that name"):
        found.run()


def test_batches_of_another_type_than_their_stream_are_refused(tmp_path: Path) -> None:
    """Their bytes would be taken for any number."""
    with pipeline(tmp_path, READ, BADLY).run() as result:
        error = failed(result)
    assert error["code"] == "SF791"
    assert error["message"] == "a batch has the columns id int32, and its stream has id int64"


def test_names_inside_of_lists_and_maps_may_differ(tmp_path: Path) -> None:
    """They are no part of the bytes; libraries call them `item`, `element` or `entries`."""
    (tmp_path / "names").touch()
    with pipeline(tmp_path, READ, BADLY).run() as result:
        assert result.status == "succeeded", result.steps[0].error
        assert result.query("from a").to_pylist() == [{"l": [1, 2], "m": [("k", 1)]}]


def test_a_writer_that_swallows_what_its_rows_raise_has_not_written(tmp_path: Path) -> None:
    """It says that it has written, and core has seen the rows break off."""
    sql = "select case when range = 199999 then error('broke off') else range end as id from range(200000)"
    steps_ = f'  - {{id: a, type: export, sql: "{sql}", target: {{connector: badly}}}}\n'
    with pipeline(tmp_path, steps_, BADLY).run() as result:
        error = failed(result)
    assert error["code"] == "SF791"
    assert error["message"].startswith("connector badly went on although its rows broke off: ")


EXPORT = "  - {id: a, type: export, sql: select 1 as id, target: {connector: badly}}\n"


@pytest.mark.parametrize(
    ("says", "told"),
    [("5", "says that it has written 5 rows, and has taken 0"), ("0", "has not taken its rows to their end, only 0")],
)
def test_rows_that_are_not_taken_are_not_written(tmp_path: Path, says: str, told: str) -> None:
    """Whatever a writer says, core knows what it has handed over."""
    (tmp_path / "idle").write_text(says)
    with pipeline(tmp_path, EXPORT, BADLY).run() as result:
        error = failed(result)
    assert error["code"] == "SF791"
    assert told in error["message"]


def test_answers_are_held_to_their_types_where_they_are_made(tmp_path: Path) -> None:
    """A mistake is told with the line of the plugin, and not by what would have stumbled over it later."""
    (tmp_path / "places").touch()
    with pipeline(tmp_path, EXPORT, BADLY).run() as result:
        error = failed(result)
    assert error["message"].startswith("TypeError: places of WriteResult must be a tuple of str, found (PosixPath(")
    assert "test_bad_guests.py" in error["hint"]
    with pytest.raises(ValueError, match="must not be negative, found -1"):
        WriteResult(-1)
    with pytest.raises(TypeError, match="message and hint of SQLFlowError must be str, found 42 and None"):
        SQLFlowError(42)  # type: ignore[arg-type]


def test_an_observer_that_leaves_is_left_out(tmp_path: Path) -> None:
    """The run goes on without it."""
    watching = plugin("watching", sqlflow_observers=[Leaves])
    with pipeline(tmp_path, "  - {id: a, type: transform, sql: select 1 as n, target: a}\n", watching).run() as result:
        assert result.status == "succeeded"


def test_a_check_that_compiles_to_nothing_is_told_when_it_is_validated(tmp_path: Path) -> None:
    """It is named at its place, before anything runs."""
    steps_ = "  - id: a\n    type: transform\n    sql: select 1 as n\n    target: a\n    checks: [{nothing: {}}]\n"
    draft = pipeline(tmp_path, steps_, plugin("checking", sqlflow_checks=[Nothing])).draft()
    (problem,) = draft.compile().problems
    assert (problem.code, problem.mark.line) == ("SF601", 8)
    assert "check 'nothing' compiles to NoneType" in problem.message


def test_a_function_of_two_owners_is_a_conflict(tmp_path: Path) -> None:
    """None of them is taken in silence: validation and run say who brings it."""
    two = [plugin(name, sqlflow_udfs=[twice]) for name in ("one", "other")]
    found = pipeline(tmp_path, "  - {id: a, type: transform, sql: select twice(1) as n, target: a}\n", *two)
    problems = [p for p in found.draft().compile().problems if p.severity == "error"]
    assert [p.code for p in problems] == ["SF602"]
    assert "sqlflow-one" in problems[0].message
    assert "sqlflow-other" in problems[0].message


class Answers(Badly):
    """Objects, and answers to a test, in its own way."""

    name = "answers"

    def objections(self, config, options, folder):
        """Object in plain words."""
        yield "it is wrong"

    def test(self, config, folder):
        """Say that all is well."""
        return {"ok": True}


class Finds(LintRule):
    """Finds plain words."""

    name = "OWN001"
    title = "nothing that is right"

    def find(self, pipeline):
        """Find."""
        return ["a fault"]


class Counts(StepType):
    """Plans as it is told, and counts in words."""

    name = "counts"
    Config = NoOptions
    planned: ClassVar[Any] = StepPlan()

    def plan(self, given, folder):
        """Plan nothing."""
        return self.planned

    def execute(self, given, context):
        """Commit nothing, and say so."""
        context.session.publish(Commit(context.token, None))
        return StepExecutionResult(RowCounts("many"))


class Planless(Counts):
    """Does not plan."""

    name = "planless"
    planned = None


def test_objections_that_are_none_are_the_fault_of_their_connector(tmp_path: Path) -> None:
    """They are told at the step, and not as a traceback."""
    found = pipeline(tmp_path, READ.replace("badly", "answers"), plugin("answers", sqlflow_connectors=[Answers]))
    (problem,) = [p for p in found.draft().problems if p.severity == "error"]
    assert problem.code == "SF601"
    assert "answered with 'it is wrong', which is no Objection" in problem.message


def test_a_plan_that_is_none_is_the_fault_of_its_step_type(tmp_path: Path) -> None:
    """It is told at the step."""
    found = pipeline(tmp_path, "  - {id: a, type: planless}\n", plugin("counts", sqlflow_step_types=[Planless]))
    (problem,) = [p for p in found.draft().problems if p.severity == "error"]
    assert (problem.code, problem.mark.line) == ("SF601", 4)
    assert "answered with None, which is no StepPlan" in problem.message


def test_rows_are_counted_in_numbers(tmp_path: Path) -> None:
    """A count that is none fails its step, where it would end the run in the report."""
    with pipeline(tmp_path, "  - {id: a, type: counts}\n", plugin("counts", sqlflow_step_types=[Counts])).run() as run:
        error = failed(run)
    assert (error["code"], error["message"]) == ("SF790", "TypeError: read of RowCounts must be int, found 'many'")
    assert "test_bad_guests.py" in error["hint"]  # where it was made


def test_a_rule_that_finds_no_findings_is_named(tmp_path: Path) -> None:
    """The other rules still speak."""
    found = pipeline(tmp_path, "  - {id: a, type: transform, sql: select 1 as n, target: a}\n",
                     plugin("own", sqlflow_lint_rules=[Finds]))  # fmt: skip
    document = read_document(found.path, "p.yaml")
    problems = lint([Subject(document, found.draft().plan)], found.catalog, {})
    assert [p.code for p in problems if "OWN001: Finds" in p.message] == ["SF601"]


def test_a_level_that_there_is_not_is_refused() -> None:
    """It would be taken for another one."""
    rule = type("Rule", (Finds,), {"level": "warning"})
    (record,) = [r for r in catalog(plugin("own", sqlflow_lint_rules=[rule])).plugins() if r.name == "own"]
    assert "level must be one of off, warn, error, found 'warning'" in (record.error or "")


def test_a_hook_that_is_not_marked_is_told() -> None:
    """Nobody would ask it, and what it brings would be missing without a word."""
    module = ModuleType("plain")
    exec("def sqlflow_checks():\n    return []", module.__dict__)  # noqa: S102 - a function of that very name
    guest = (PluginRecord("plain", "sqlflow-plain", "1.0", "plain"), lambda: module)
    (record,) = [r for r in catalog(guest).plugins() if r.name == "plain"]
    assert "sqlflow_checks is not marked" in (record.error or "")


@pytest.mark.parametrize(
    ("attribute", "value", "told"),
    [
        (
            "write_modes",
            "replace",
            "write_modes must be a set of 'append', 'delete_insert', 'merge', 'replace', 'scd2'",
        ),
        ("Config", None, "Config must be a subclass of sqlflow.sdk.ConfigModel, found None; NoOptions is the one"),
        ("ReadOptions", dict, "ReadOptions must be a subclass of sqlflow.sdk.ConfigModel, found <class 'dict'>"),
    ],
)
def test_options_that_are_no_model_are_refused(attribute: str, value: Any, told: str) -> None:
    """The plugin does not come in, and the reason names the attribute."""
    guest = type("Guest", (Badly,), {"name": "guest", attribute: value})
    (record,) = [r for r in catalog(plugin("guest", sqlflow_connectors=[guest])).plugins() if r.name == "guest"]
    assert told in (record.error or "")


@pytest.mark.parametrize(
    ("opens", "told"),
    [
        (lambda: pa.table({"id": [1]}), "a stream opens as Table, expected pyarrow.RecordBatchReader"),
        (lambda: None, "a stream opens as NoneType, expected pyarrow.RecordBatchReader"),
    ],
)
def test_a_stream_opens_as_a_reader(tmp_path: Path, opens: Any, told: str) -> None:
    """What else it opens as is told as that, and not by what stumbles over it."""
    guest = type("Opens", (Badly,), {"name": "opens", "read": lambda *_: ArrowStream(opens)})
    found = pipeline(tmp_path, READ.replace("badly", "opens"), plugin("opens", sqlflow_connectors=[guest]))
    with found.run() as result:
        error = failed(result)
    assert (error["code"], error["message"]) == ("SF791", told)


def test_a_query_in_another_dialect_is_not_run(tmp_path: Path) -> None:
    """It may mean something else to the engine, or nothing."""
    guest = type("Foreign", (Badly,), {"name": "foreign", "read": lambda *_: Select("oracle", "select 1 as id")})
    found = pipeline(tmp_path, READ.replace("badly", "foreign"), plugin("foreign", sqlflow_connectors=[guest]))
    with found.run() as result:
        error = failed(result)
    assert error["code"] == "SF791"
    assert "returned a query in 'oracle', and the engine takes duckdb" in error["message"]
