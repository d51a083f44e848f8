"""Rows on their way out of DuckDB into files."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqlflow.builtins.duckdb.engine import DuckDbConfig, DuckDbEngine
from sqlflow.sdk import Opening, StepError, StorageLocation

LATE = (
    "SELECT i AS id, CASE WHEN i < 190000 THEN 'row ' || i ELSE error('no such row') END AS t FROM range(200000) r(i)"
)


@pytest.mark.timeout(120, method="thread")
@pytest.mark.parametrize("form", ["FORMAT parquet, ROW_GROUP_SIZE 2048", "FORMAT csv", "FORMAT json"])
def test_a_query_that_fails_in_a_late_row_ends_the_writing(tmp_path: Path, form: str) -> None:
    """The error comes, every time, although rows before it are being written meanwhile."""
    session = DuckDbEngine().open(DuckDbConfig(), Opening(StorageLocation(None, exists=False), tmp_path))
    try:
        for _ in range(50):
            with pytest.raises(StepError, match="no such row"):
                session.rows(LATE).copy(f"COPY ({{query}}) TO '{tmp_path}/rows' ({form})")
    finally:
        session.close()
