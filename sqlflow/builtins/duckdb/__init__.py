"""The DuckDB engine, and the connector to another DuckDB file. The only guests that know DuckDB."""

from __future__ import annotations

from collections.abc import Sequence

from sqlflow.sdk import Late, hookimpl


@hookimpl
def sqlflow_engines() -> Sequence[Late]:
    """Bring the engine."""
    return [Late("duckdb", f"{__name__}.engine:DuckDbEngine")]


@hookimpl
def sqlflow_connectors() -> Sequence[Late]:
    """Bring the connector."""
    return [Late("duckdb", f"{__name__}.connector:DuckDbConnector")]
