"""The SQLFlow plugin for REST APIs: it brings `connector: http`."""

from __future__ import annotations

from collections.abc import Sequence

from sqlflow.sdk import Late, hookimpl


@hookimpl
def sqlflow_connectors() -> Sequence[Late]:
    """Bring `connector: http`."""
    return [Late("http", "sqlflow_http.connector:HttpConnector")]
