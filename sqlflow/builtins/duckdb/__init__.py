"""The DuckDB engine, and the connector to another DuckDB file. The only guests that know DuckDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlflow.sdk import hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sqlflow.sdk import Connector, Engine


@hookimpl
def sqlflow_engines() -> Sequence[type[Engine]]:
    """Bring the engine."""
    from .engine import DuckDbEngine

    return [DuckDbEngine]


@hookimpl
def sqlflow_connectors() -> Sequence[type[Connector[Any]]]:
    """Bring the connector."""
    from .connector import DuckDbConnector

    return [DuckDbConnector]
