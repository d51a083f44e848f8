"""The connector sits the exam of connectors, on a real server, with Parquet objects."""

import pytest

from sqlflow.testing import ConnectorExam, Fault, Place, Quirk


class TestS3(ConnectorExam):
    """Parquet objects in a bucket."""

    connector = "s3"
    pushes_down = True
    select_option = "select"
    many_rows = 1_000_000  # two row groups are on their way at a time
    quirks = {
        "type:timestamp[s]": Quirk("times are kept in milliseconds", gives="TIMESTAMP"),
        "type:duration[us]": Quirk("intervals are kept in milliseconds", gives=["00:00:00", "1 day", None]),
    }

    @pytest.fixture
    def place(self, store, tmp_path):
        """Name a key that is not there yet."""
        folder = tmp_path / "project"
        folder.mkdir()
        config = {
            "bucket": store.bucket,
            "endpoint": store.endpoint,
            "region": "us-east-1",
            "access_key_id": "AKIAEXAMPLEKEY123456",
            "secret_access_key": store.secret,
            "max_connections": 2,
        }
        return Place(folder, config, {"path": "in/t.parquet"}, {"path": "in/t.parquet"})

    def faults(self, place):
        """Name what is not there."""
        yield Fault("no object", "not_found", place.but(read={"path": "in/other.parquet"}), says="other.parquet")
        gone = place.but(config={**place.config, "bucket": "no-such-bucket"})
        yield Fault("no bucket", "not_found", gone, says="no-such-bucket")
