"""A guest that builds on another one finds it by its name."""

from __future__ import annotations

import pytest

from sqlflow.builtins.duckdb.engine import DuckDbEngine
from sqlflow.builtins.storages import MemoryStorage
from sqlflow.errors import PluginBroken
from sqlflow.sdk import brought


def test_what_a_plugin_brings_is_found_by_name():
    """The class is returned, whether the plugin brings it or names where it is."""
    assert brought("sqlflow_engines", "duckdb") is DuckDbEngine
    assert brought("sqlflow_storage_backends", "memory") is MemoryStorage


def test_what_nobody_brings_is_told():
    """A misspelt name is an error that knows the right one."""
    with pytest.raises(PluginBroken, match="no installed plugin brings 'duckbd'") as raised:
        brought("sqlflow_engines", "duckbd")
    assert raised.value.hint == "did you mean 'duckdb'?"
