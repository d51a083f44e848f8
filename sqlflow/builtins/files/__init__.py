"""The connectors to local files: csv, parquet, json. They hand the engine SQL; bytes are read only to explain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlflow.sdk import hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sqlflow.sdk import Connector


@hookimpl
def sqlflow_connectors() -> Sequence[type[Connector[Any]]]:
    """Bring all of them."""
    from .csv import CsvConnector
    from .json import JsonConnector
    from .parquet import ParquetConnector

    return [CsvConnector, ParquetConnector, JsonConnector]
