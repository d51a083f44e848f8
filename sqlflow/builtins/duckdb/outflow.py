"""Rows on their way out of DuckDB: natively through COPY, or as an Arrow stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from sqlflow.sdk import TableSchema

from .connection import Connection


class DuckDbRows(Struct):
    """The rows of one query. Taken once."""

    db: Connection
    sql: str
    parameters: Mapping[str, Any]
    schema: TableSchema
    dialect: str = "duckdb"

    def copy(self, statement: str) -> int:
        """Run a COPY statement in which `{query}` stands for the rows, or which is about files alone."""
        parameters = self.parameters if "{query}" in statement else {}
        rows = self.db.execute(statement.replace("{query}", self.sql), parameters)
        if not rows and "{query}" in statement:  # PIVOT is several statements to DuckDB, and the last one does not say
            rows = self.db.execute(f"SELECT count(*) FROM ({self.sql})", parameters)
        return int(rows[0][0]) if rows else 0

    def batches(self) -> Any:
        """Stream the rows as Arrow record batches."""
        return self.db.stream(self.sql, self.parameters)
