"""Finding plugins: each alone, with where it came from, and none able to break another."""

from __future__ import annotations

from types import ModuleType

import pytest

from sqlflow.builtins import checks, duckdb, files, secrets, steps, storages
from sqlflow.errors import DocumentError, PluginBroken, PluginConflict
from sqlflow.pipeline import RESERVED, Pipeline, installed
from sqlflow.registry import BUILTIN, Catalog, PluginRecord, Unknown, host_of
from sqlflow.sdk import CheckKind, ConfigModel, ConnectionReport, Connector, RowTest, StepType, hookimpl

SPEC = """
version: 1
name: tiny
steps:
  - id: one
    type: transform
    target: t
    sql: select 42 as answer
"""


def plugin(name, distribution="other", **hooks):
    """Return a plugin made of hook functions, as if it were installed."""
    module = ModuleType(name)
    for hook, brought in hooks.items():
        setattr(module, hook, hookimpl(lambda brought=brought: brought, specname=hook))
    return PluginRecord(name, distribution, "1.0", name), lambda: module


def catalog_of(*plugins):
    """Return the catalog of some plugins and nothing else."""
    return Catalog(host_of(plugins), RESERVED)


class Fake(Connector):
    """A connector that does nothing."""

    name = "fake"

    def test(self, config, folder):
        """Answer."""
        return ConnectionReport(ok=True, message="fine")


def test_with_every_builtin_blocked_core_knows_nothing(tmp_path):
    """Without the distribution in the box there is no step, no connector, no engine; documents are told so."""
    catalog = installed(blocked=[BUILTIN])
    assert catalog.names("engine") == catalog.names("storage backend") == []
    assert "load" not in catalog.names("step type")
    (tmp_path / "p.yaml").write_text(SPEC)
    with pytest.raises(DocumentError) as caught:
        Pipeline(tmp_path / "p.yaml", catalog).plan()
    assert {p.code for p in caught.value.problems} == {"SF310", "SF314"}


def test_builtins_are_guests_like_any_other(tmp_path):
    """The built-in modules work the same when a foreign distribution brings them: nothing asks for their owner."""
    modules = {"a": steps, "b": duckdb, "c": storages, "d": files, "e": checks, "f": secrets}
    plugins = [(PluginRecord(n, "stranger", "9", n), lambda m=m: m) for n, m in modules.items()]
    (tmp_path / "p.yaml").write_text(SPEC)
    with Pipeline(tmp_path / "p.yaml", Catalog(host_of(plugins), RESERVED)).run() as result:
        assert result.status == "succeeded"
        assert result.table("t").to_pylist() == [{"answer": 42}]


def test_a_plugin_that_does_not_load_is_named_and_harms_nobody():
    """One that raises on import, even SystemExit, is recorded with its reason; the others stand."""

    def crash():
        raise SystemExit(3)

    broken = (PluginRecord("bad", "sqlflow-bad", "1.0", "bad"), crash)
    catalog = catalog_of(broken, plugin("good", sqlflow_connectors=[Fake]))
    assert catalog.names("connector") == ["fake"]
    (record,) = [r for r in catalog.plugins() if r.error]
    assert record.distribution == "sqlflow-bad"
    with pytest.raises(PluginBroken, match="sqlflow-bad"):
        catalog.connector("what_it_would_have_brought")


def test_a_hook_that_raises_is_the_fault_of_its_plugin():
    """A hook that fails is recorded for its plugin; what other plugins bring for it stays."""
    module = ModuleType("bad")

    @hookimpl(specname="sqlflow_connectors")
    def hook():
        raise RuntimeError("no network")

    module.sqlflow_connectors = hook
    bad = (PluginRecord("bad", "sqlflow-bad", "1.0", "bad"), lambda: module)
    catalog = catalog_of(bad, plugin("good", sqlflow_connectors=[Fake]))
    assert catalog.names("connector") == ["fake"]
    assert "no network" in next(r.error for r in catalog.plugins() if r.name == "bad")


def test_two_owners_of_one_name_are_a_conflict():
    """A name that two distributions bring is refused when it is used, naming both."""
    catalog = catalog_of(
        plugin("a", "dist-a", sqlflow_connectors=[Fake]), plugin("b", "dist-b", sqlflow_connectors=[Fake])
    )
    assert "dist-a" in catalog.conflicts()[0]
    with pytest.raises(PluginConflict, match=r"dist-a.*dist-b"):
        catalog.connector("fake")


def test_a_name_that_is_meant_otherwise_is_guessed():
    """An unknown name says which known one is close."""
    with pytest.raises(Unknown) as caught:
        catalog_of(plugin("a", sqlflow_connectors=[Fake])).connector("fke")
    assert caught.value.hint == "did you mean 'fake'?"


class Mode(ConfigModel):
    """Options."""

    path: str = ""
    timeout: str = ""


class Options(ConfigModel):
    """Options that overlap."""

    path: str = ""


class Overlapping(Fake):
    """Its config and its options share a key."""

    name = "overlapping"
    Config = Options
    ReadOptions = Options


class Greedy(StepType):
    """Takes a key of the envelope."""

    name = "greedy"
    Config = Mode

    def execute(self, given, context):
        """Do nothing."""


class Unfinished(StepType):
    """Has no execute."""

    name = "unfinished"
    Config = Options


class Severe(CheckKind):
    """Bears the name of a common option."""

    name = "severity"
    Config = Options

    def compile(self, config, relation):
        """Find nothing."""
        return RowTest("false")


@pytest.mark.parametrize(
    ("hook", "item", "why"),
    [
        ("sqlflow_connectors", Overlapping, "'path' in its config and in its options"),
        ("sqlflow_step_types", Greedy, "keys of the envelope: 'timeout'"),
        ("sqlflow_step_types", Unfinished, "lacks 'execute'"),
        ("sqlflow_checks", Severe, "common options of checks: 'severity'"),
        ("sqlflow_connectors", "not a class", "must be a subclass"),
        ("sqlflow_udfs", len, "must be made with sqlflow.sdk.udf"),
    ],
)
def test_what_would_make_documents_ambiguous_is_not_let_in(hook, item, why):
    """A plugin that collides with the grammar is refused at registration, with the reason."""
    catalog = catalog_of(plugin("bad", "sqlflow-bad", **{hook: [item]}))
    (record,) = catalog.plugins()
    assert why in (record.error or "")


def test_a_hook_that_does_not_exist_is_an_error():
    """A misspelt hook is not silently never called."""
    catalog = catalog_of(plugin("bad", "sqlflow-bad", sqlflow_conectors=[Fake]))
    assert "is not a hook" in (catalog.plugins()[0].error or "")
