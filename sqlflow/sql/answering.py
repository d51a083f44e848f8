"""Queries over small tables that are handed over, in a database of their own that reaches nothing outside."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from .syntax import syntax_error

if TYPE_CHECKING:
    import pyarrow as pa


def answer(sql: str, tables: Mapping[str, pa.Table]) -> list[dict[str, Any]]:
    """Return the rows of a SELECT over tables.

    Raises:
        SqlSyntaxError: it does not run; `offset` is the character where it was not understood.

    """
    import duckdb

    with closing(duckdb.connect(":memory:", config={"threads": "1", "enable_external_access": "false"})) as connection:
        for name, table in tables.items():
            connection.register(name, table)
        try:
            connection.execute(sql)
            names = [column[0] for column in connection.description or ()]
            return [dict(zip(names, row, strict=True)) for row in connection.fetchall()]
        except duckdb.Error as error:
            raise syntax_error(sql, str(error)) from None
