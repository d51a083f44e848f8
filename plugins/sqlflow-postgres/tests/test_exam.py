"""The connector sits the exam of connectors, on a real server."""

import pytest

from sqlflow.testing import ConnectorExam, Fault, Place, Quirk

LARGER = "the server has no such type; the next larger one holds every value"
MICRO = "times are kept in microseconds"
NESTED = "objects are kept as JSON"


class TestPostgres(ConnectorExam):
    """A PostgreSQL server."""

    connector = "postgres"
    pushes_down = True
    select_option = "select"
    quirks = {
        "type:int8": Quirk(LARGER, gives="SMALLINT"),
        "type:uint8": Quirk(LARGER, gives="SMALLINT"),
        "type:uint16": Quirk(LARGER, gives="INTEGER"),
        "type:uint32": Quirk(LARGER, gives="BIGINT"),
        "type:uint64": Quirk(LARGER, gives="DECIMAL(20,0)"),
        "type:timestamp[s]": Quirk(MICRO, gives="TIMESTAMP"),
        "type:timestamp[ms]": Quirk(MICRO, gives="TIMESTAMP"),
        "type:timestamp[ns]": Quirk(MICRO, says="finer than microseconds"),
        "type:struct": Quirk(NESTED, gives=["JSON", '{"a": 1, "b": "x"}', '{"a": null, "b": ""}', None]),
        "type:map": Quirk(NESTED, gives=["JSON", '{"a": 1, "b": null}', "{}", None]),
    }

    @pytest.fixture
    def place(self, db):
        """Name a table that is not there yet."""
        return Place(db.folder, db.config, {"table": "t"}, {"table": "t"})

    def faults(self, place):
        """Name what is not there and who may not, and call nobody."""
        yield Fault("no table", "not_found", place.but(read={"table": "other"}), says="other")
        wrong = place.but(config={**place.config, "password": "hunter2 and more"})
        yield Fault("wrong password", "authentication", wrong)
        yield Fault("no server", "transient", place.but(config={**place.config, "port": 9}), says="9")
