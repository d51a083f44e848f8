"""The connectors to local files sit the exam of connectors."""

from __future__ import annotations

import pytest

from sqlflow.testing import ConnectorExam, Place, Quirk


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
