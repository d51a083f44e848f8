"""acme sits the exam that every connector sits."""

import pytest

from sqlflow.testing import ConnectorExam, Place


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
