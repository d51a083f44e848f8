"""The connector sits the exam of connectors, on a real server."""

import json
from datetime import timedelta

import pytest

from sqlflow.testing import ConnectorExam, Fault, Place, Quirk

SIZE = 5000
GUESSED = ["BIGINT", "VARCHAR", "DOUBLE", "DATE", "TIMESTAMP", "BIGINT", "VARCHAR", "BOOLEAN"]


def plain(value):
    """Write a value as an API would."""
    if isinstance(value, bytes):
        return "".join(chr(b) if 32 <= b < 127 else f"\\x{b:02X}" for b in value)
    return f"{value // timedelta(microseconds=1)} microseconds" if isinstance(value, timedelta) else str(value)


class TestHttp(ConnectorExam):
    """A REST API with pages."""

    connector = "http"
    many_rows = 50_000
    quirks = {
        "schema": Quirk("JSON knows text, numbers and booleans; other types are read off the values", gives=GUESSED),
        "nan": Quirk("JSON has no NaN", says="NaN is not JSON"),
        "infinity": Quirk("JSON has no infinity", says="Infinity is not JSON"),
    }

    @pytest.fixture
    def place(self, tmp_path, server):
        """Start an API that hands out what it was given, page by page."""
        records = []

        def prepare(table):
            records[:] = [json.dumps(row, default=plain) for row in table.to_pylist(maps_as_pydicts="strict")]

        def answer(path, query, *_):
            if path != "/items":
                return 404, {}, {"error": "nothing here"}
            start = int(query["offset"])
            return 200, {}, f"[{','.join(records[start : start + SIZE])}]".encode()

        server.answer = answer
        pages = {"type": "offset", "size_param": "limit", "size": SIZE}
        config = {
            "base_url": server.url,
            "tries": 1,
            "auth": {"type": "bearer", "token": "hunter2 and more"},
            "request_timeout": "5s",
        }
        return Place(tmp_path, config, {"path": "/items", "pagination": pages}, prepare=prepare)

    def faults(self, place):
        """Ask for what is not there, and of nobody."""
        yield Fault("no path", "not_found", place.but(read={"path": "/other"}), says="404")
        gone = place.but(config={**place.config, "base_url": "http://127.0.0.1:9"})
        yield Fault("no server", "transient", gone, says="127.0.0.1:9")
