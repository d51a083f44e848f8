"""PostgreSQL for SQLFlow: `connector: postgres`. The class is imported when a document uses it."""

from collections.abc import Sequence
from typing import Any

from sqlflow.sdk import Connector, Late, hookimpl


@hookimpl
def sqlflow_connectors() -> Sequence[type[Connector[Any]] | Late]:
    """Bring `connector: postgres`."""
    return [Late("postgres", "sqlflow_postgres.connector:Postgres")]
