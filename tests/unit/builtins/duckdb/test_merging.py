"""How a merge finds the rows that differ: by joins on what is equal, however many rows meet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sqlflow.builtins.duckdb.connection import Connection
from sqlflow.builtins.duckdb.engine import DuckDbConfig, DuckDbEngine
from sqlflow.sdk import Batch, Commit, CursorRange, Opening, Select, StorageLocation, TableWrite, Token

ROWS = "SELECT i AS id, i % 7 AS grp, i * 3 AS v, 'n' || i AS name, date '2024-01-01' AS at FROM range({}) r(i)"


def test_no_join_looks_at_each_row_with_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a cursor, rows whose cursor is equal are compared in full: as pairs, never all with all."""
    session = DuckDbEngine().open(DuckDbConfig(), Opening(StorageLocation(None, exists=False), tmp_path))
    plans: list[str] = []
    execute = Connection.execute

    def watched(self: Connection, sql: str, parameters: Any = None) -> Any:
        if "JOIN" in sql:
            plans.append("\n".join(row[1] for row in execute(self, f"EXPLAIN {sql}", parameters)))
        return execute(self, sql, parameters)

    try:
        session.prepare(())
        for run, sql, since in (
            ("one", ROWS.format(20_000), None),
            ("two", ROWS.replace("i * 3", "i * 3 + (i = 7)::INT").format(5_000), CursorRange("at")),
        ):
            token = Token(run, "s", 1)
            staged = session.stage(Select("duckdb", sql), Batch("t", token, "merge", since=since))
            monkeypatch.setattr(Connection, "execute", watched)
            found = session.publish(Commit(token, TableWrite(staged, ("id",)), "t"))
            monkeypatch.setattr(Connection, "execute", execute)
        assert (found.rows.inserted, found.rows.updated) == (0, 1)
        assert session.fetch("SELECT v FROM t WHERE id = 7") == [(22,)]
        assert any("CTE" in plan for plan in plans)  # the second look
        named = "\n".join(plans).upper().replace("_", " ")  # DuckDB 1 writes HASH_JOIN, DuckDB 2 Hash Join
        assert "HASH JOIN" in named
        for operator in ("NESTED LOOP JOIN", "BLOCKWISE NL JOIN", "CROSS PRODUCT", "PIECEWISE MERGE JOIN"):
            assert operator not in named
    finally:
        session.close()


def test_a_fetch_only_asks(tmp_path: Path) -> None:
    """What would write beside the transaction that publishes is refused, and writes nothing."""
    session = DuckDbEngine().open(DuckDbConfig(), Opening(StorageLocation(None, exists=False), tmp_path))
    try:
        for sql in ("CREATE TABLE t (a INT)", "WITH x AS (SELECT 1) INSERT INTO t FROM x", "SELECT 1; DROP TABLE t"):
            with pytest.raises(Exception, match="a query only may be fetched"):
                session.fetch(sql)
        assert session.tables() == ()
        assert session.fetch("FROM (VALUES (1))") == [(1,)]
    finally:
        session.close()
