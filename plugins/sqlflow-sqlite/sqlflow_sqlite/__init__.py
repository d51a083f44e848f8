"""The SQLFlow plugin for SQLite: it brings `connector: sqlite`."""

from __future__ import annotations

from collections.abc import Sequence

from sqlflow.sdk import Late, hookimpl


@hookimpl
def sqlflow_connectors() -> Sequence[Late]:
    """Bring `connector: sqlite`."""
    return [Late("sqlite", "sqlflow_sqlite.connector:SqliteConnector")]
