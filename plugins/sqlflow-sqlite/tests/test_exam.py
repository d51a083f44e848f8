"""The connector sits the exam of connectors."""

import sqlite3
from contextlib import closing

import pytest

from sqlflow.testing import ConnectorExam, Fault, Place, Quirk

WHOLE = "whole numbers have 64 bits, whatever their declared size"
DIGITS = "numbers of more than 15 digits are not kept exactly"
NESTED = "there is no such type; cast it to text or JSON in the SQL of the export"


class TestSqlite(ConnectorExam):
    """SQLite files."""

    connector = "sqlite"
    pushes_down = True
    select_option = "select"
    quirks = {
        "schema": Quirk(
            WHOLE, gives=["BIGINT", "VARCHAR", "DOUBLE", "DATE", "TIMESTAMP", "BIGINT", "DECIMAL(12,2)", "BOOLEAN"]
        ),
        "type:uint64": Quirk("whole numbers have 64 bits with a sign", says="CAST(value AS VARCHAR)"),
        "type:decimal(18,3)": Quirk(DIGITS, says="CAST(value AS VARCHAR)"),
        "type:decimal(38,10)": Quirk(DIGITS, says="CAST(value AS VARCHAR)"),
        "type:decimal(38,0)": Quirk(DIGITS, says="CAST(value AS VARCHAR)"),
        **{
            f"type:{name}": Quirk(NESTED, says="to_json(value)")
            for name in ("duration[us]", "list", "list of text", "struct", "map")
        },
        "nan": Quirk("SQLite has no NaN and would keep NULL", says="isnan"),
    }

    @pytest.fixture
    def place(self, tmp_path):
        """Name a table in a file that is not there yet."""
        return Place(tmp_path, {"path": "t.db", "lock_timeout": "200ms"}, {"table": "t"}, {"table": "t"})

    def faults(self, place):
        """Name what is not there, what is no database, and lock the file."""
        yield Fault("no table", "not_found", place.but(read={"table": "other"}), says="other")
        yield Fault("no file", "not_found", place.but(config={"path": "other.db"}), says="other.db")
        (place.folder / "no.db").write_text("this is no database, whatever its name may say" * 100)
        yield Fault("no database", "bad_data", place.but(config={"path": "no.db"}), says="no.db")
        with closing(sqlite3.connect(place.folder / "t.db")) as db:
            db.execute("begin exclusive")
            yield Fault("locked", "transient", place, writes=True)
