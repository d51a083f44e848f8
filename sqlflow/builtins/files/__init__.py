"""The connectors to local files: csv, parquet, json. They hand the engine SQL; bytes are read only to explain."""

from __future__ import annotations

from collections.abc import Sequence

from sqlflow.sdk import Late, hookimpl


@hookimpl
def sqlflow_connectors() -> Sequence[Late]:
    """Bring all of them, each imported when a document uses it."""
    return [
        Late("csv", f"{__name__}.csv:CsvConnector"),
        Late("parquet", f"{__name__}.parquet:ParquetConnector"),
        Late("json", f"{__name__}.json:JsonConnector"),
    ]
