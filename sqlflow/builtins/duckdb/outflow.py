"""Rows on their way out of DuckDB: natively through COPY, or as an Arrow stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlflow.sdk import TableSchema

from .faults import translated

if TYPE_CHECKING:
    from .session import DuckDbSession

BATCH = 131_072


class DuckDbRows:
    """The rows of one query. Taken once."""

    dialect = "duckdb"

    def __init__(self, session: DuckDbSession, sql: str, parameters: dict[str, Any], schema: TableSchema) -> None:
        self.session = session
        self.sql = sql
        self.parameters = parameters
        self.schema = schema

    def copy(self, statement: str) -> int:
        """Run a COPY statement in which `{query}` stands for the rows."""
        rows = self.session.execute(statement.replace("{query}", self.sql), self.parameters)
        return int(rows[0][0]) if rows else 0

    def batches(self) -> Any:
        """Stream the rows as Arrow record batches."""
        with translated():
            return self.session.connection.sql(self.sql, params=self.parameters).to_arrow_reader(BATCH)
