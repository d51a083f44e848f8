"""Schemas and what a change between two of them means."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlflow.sdk import ChangeKind, Column, TableSchema, compare, normal_type, widens

A = Column("a", "INTEGER")


def kinds(was, now, **options):
    """Return the kinds of change between two lists of columns."""
    return [c.kind for c in compare(TableSchema(tuple(was)), TableSchema(tuple(now)), **options)]


@pytest.mark.parametrize(
    ("was", "now", "kind", "permitted"),
    [
        ([A], [A, Column("b", "INTEGER")], ChangeKind.NEW_NULLABLE, True),
        ([A], [A, Column("b", "INTEGER", nullable=False)], ChangeKind.NEW_REQUIRED, False),
        ([A, Column("b", "INTEGER")], [A], ChangeKind.REMOVED, False),
        ([A], [Column("a", "BIGINT")], ChangeKind.WIDENED, True),
        ([A], [Column("a", "VARCHAR")], ChangeKind.RETYPED, False),
        ([Column("a", "INTEGER", True)], [Column("a", "INTEGER", False)], ChangeKind.REQUIRED, False),
        ([Column("a", "INTEGER", False)], [Column("a", "INTEGER", True)], ChangeKind.RELAXED, True),
    ],
)
def test_every_row_of_the_matrix(was, now, kind, permitted):
    """Each change is recognised; alert accepts none, permissive what can lose nothing."""
    (change,) = compare(TableSchema(tuple(was)), TableSchema(tuple(now)))
    assert change.kind is kind
    assert not change.accepted("alert")
    assert change.accepted("permissive") is permitted


def test_case_and_aliases_are_no_change():
    """Names fold as in DuckDB, and `int` is INTEGER."""
    assert kinds([Column("A", "int")], [Column("a", "INTEGER")]) == []


def test_unknown_nullability_never_conflicts():
    """Not knowing whether a column may be NULL is no change, whatever the other side says."""
    for other in (True, False):
        assert kinds([Column("a", "INTEGER", other)], [A]) == []
        assert kinds([A], [Column("a", "INTEGER", other)]) == []


def test_a_column_without_values_is_no_evidence():
    """An empty or all-NULL column keeps its type."""
    assert kinds([A], [Column("a", "VARCHAR")], without_evidence=["A"]) == []


EXTREMES = {
    "TINYINT": [-128, 127], "SMALLINT": [-32768, 32767], "INTEGER": [-(2**31), 2**31 - 1],
    "BIGINT": [-(2**63), 2**63 - 1], "UTINYINT": [0, 255], "USMALLINT": [0, 65535], "UINTEGER": [0, 2**32 - 1],
    "UBIGINT": [0, 2**64 - 1], "HUGEINT": [-(2**127), 2**127 - 1],
    "DECIMAL(9,2)": ["-9999999.99", "9999999.99"], "DECIMAL(18,6)": ["-999999999999.999999", "999999999999.999999"],
    "DECIMAL(38,0)": ["-" + "9" * 38, "9" * 38], "FLOAT": ["3.4028234e38"], "DOUBLE": ["1.7976931348623157e308"],
    "DATE": ["'0001-01-01'", "'9999-12-31'"], "TIMESTAMP": ["'2024-01-01 00:00:00.123456'"],
    "TIMESTAMP_S": ["'2024-01-01 00:00:01'"], "TIMESTAMP_MS": ["'2024-01-01 00:00:01.123'"],
    "VARCHAR": ["'x'"], "BOOLEAN": ["true"], "UUID": ["'b3c6c1a0-0000-4000-8000-000000000001'"],
}  # fmt: skip


@given(st.sampled_from(sorted(EXTREMES)), st.sampled_from(sorted(EXTREMES)))
def test_widening_keeps_every_extreme_value(was, now):
    """What counts as widening really loses nothing: DuckDB casts the extremes there and back unchanged."""
    if was == now or not widens(was, now):
        return
    connection = duckdb.connect()
    for value in EXTREMES[was]:
        there_and_back = f"CAST(CAST(CAST({value} AS {was}) AS {now}) AS {was}) = CAST({value} AS {was})"
        assert connection.execute(f"SELECT {there_and_back}").fetchall() == [(True,)], (was, now, value)
    connection.close()


@pytest.mark.parametrize(
    ("text", "normal"),
    [("int", "INTEGER"), ("decimal(12, 2)", "DECIMAL(12,2)"), ("numeric", "DECIMAL(18,3)"), ("varchar(20)", "VARCHAR"),
     ("timestamptz", "TIMESTAMP WITH TIME ZONE"), ("double precision", "DOUBLE")],
)  # fmt: skip
def test_types_are_written_as_duckdb_writes_them(text, normal):
    """The normal form of a type is the name that DuckDB itself gives it."""
    assert normal_type(text) == normal
    connection = duckdb.connect()
    assert connection.execute(f"SELECT typeof(CAST(NULL AS {text}))").fetchall() == [(normal,)]
    connection.close()
