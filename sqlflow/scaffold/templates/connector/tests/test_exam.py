"""acme sits the exam that every connector sits."""

import pytest

from sqlflow.testing import ConnectorExam, Fault, Place


class TestAcme(ConnectorExam):
    """Values, types, modes, faults and manners, held against what every user may expect."""

    connector = "acme"
    quirks = {}
    # What your system cannot do is a quirk with its reason: "type:uuid": Quirk("no such type", gives="VARCHAR").
    # A quirk is held, too: once it is no longer true, the exam says so.

    @pytest.fixture
    def place(self, tmp_path):
        """Say where one test may read and write; nothing is there yet."""
        return Place(tmp_path, config={"folder": "lake"}, read={"table": "t"}, write={"table": "t"})

    def faults(self, place):
        """Say what can go wrong, and of which kind it is; of all kinds only what is transient is tried again."""
        yield Fault("no table", "not_found", place.but(read={"table": "other"}), says="other")
        lake = place.folder / "lake"
        (lake / "cut.arrow").write_bytes((lake / "t.arrow").read_bytes()[:-20])
        yield Fault("cut off", "bad_data", place.but(read={"table": "cut"}), says="cut")
