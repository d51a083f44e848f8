"""The connectors to local files sit the exam of connectors."""

from __future__ import annotations

import pytest

from sqlflow.testing import ConnectorExam, Fault, Place, Quirk


class TestCsv(ConnectorExam):
    """CSV files."""

    connector = "csv"
    quirks = {
        "schema": Quirk(
            "a CSV file holds text; types are read off it",
            gives=["BIGINT", "VARCHAR", "DOUBLE", "DATE", "TIMESTAMP", "BIGINT", "DOUBLE", "BOOLEAN"],
        ),
        "empty_text": Quirk("an empty field is NULL", gives=[None, "x", None]),
        "type:binary": Quirk("an empty field is NULL", gives=[None, "\\x00\\xFF", "abc", None]),
    }

    @pytest.fixture
    def place(self, tmp_path):
        """Name a file that is not there yet."""
        return Place(tmp_path, read={"path": "t.csv"}, write={"path": "t.csv"})

    def faults(self, place):
        """Name what is not there."""
        yield Fault("no file", "not_found", place.but(read={"path": "other.csv"}), says="other.csv")


class TestParquet(ConnectorExam):
    """Parquet files."""

    connector = "parquet"
    quirks = {
        "type:timestamp[s]": Quirk("times are kept in microseconds", gives="TIMESTAMP"),
        "type:timestamp[ms]": Quirk("times are kept in microseconds", gives="TIMESTAMP"),
        "type:duration[us]": Quirk("intervals are kept in milliseconds", gives=["00:00:00", "1 day", None]),
    }

    @pytest.fixture
    def place(self, tmp_path):
        """Name a file that is not there yet."""
        return Place(tmp_path, read={"path": "t.parquet"}, write={"path": "t.parquet"})

    def faults(self, place):
        """Name what is not there, and damage what is."""
        yield Fault("no file", "not_found", place.but(read={"path": "other.parquet"}), says="other.parquet")
        (place.folder / "cut.parquet").write_bytes((place.folder / "t.parquet").read_bytes()[:-20])
        yield Fault("cut off", "bad_data", place.but(read={"path": "cut.parquet"}), says="cut.parquet")


class TestJson(ConnectorExam):
    """JSON files, a row a line."""

    connector = "json"
    quirks = {
        "schema": Quirk(
            "JSON knows text, numbers and booleans; other types are read off the values",
            gives=["BIGINT", "VARCHAR", "DOUBLE", "DATE", "TIMESTAMP", "BIGINT", "DOUBLE", "BOOLEAN"],
        ),
        "type:decimal(18,3)": "numbers are read as doubles, which hold 15 digits",
        "type:decimal(38,10)": "numbers are read as doubles, which hold 15 digits",
        "type:decimal(38,0)": "numbers are read as doubles, which hold 15 digits",
        "type:map": Quirk(
            "an object is read with every key that another has",
            gives=["{a=1, b=NULL}", "{a=NULL, b=NULL}", None],
        ),
        "empty_data": "a file without rows tells no columns",
        "empty_batch:replace": "a file without rows tells no columns",
    }

    @pytest.fixture
    def place(self, tmp_path):
        """Name a file that is not there yet."""
        return Place(tmp_path, read={"path": "t.jsonl"}, write={"path": "t.jsonl"})

    def faults(self, place):
        """Name what is not there."""
        yield Fault("no file", "not_found", place.but(read={"path": "other.jsonl"}), says="other.jsonl")


class TestDuckDb(ConnectorExam):
    """Another DuckDB file."""

    connector = "duckdb"

    @pytest.fixture
    def place(self, tmp_path):
        """Name a table in a file that is not there yet."""
        return Place(tmp_path, {"path": "t.duckdb"}, read={"table": "t"}, write={"table": "t"})

    def faults(self, place):
        """Name what is not there."""
        yield Fault("no table", "not_found", place.but(read={"table": "other"}), says="other")
        yield Fault("no file", "not_found", place.but(config={"path": "other.duckdb"}), says="other.duckdb")
