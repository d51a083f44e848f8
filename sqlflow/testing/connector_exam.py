"""The exam of connectors: the laws of reading, of writing, and of good manners, in one class to subclass."""

from __future__ import annotations

from .manners import MannersLaws
from .reading_laws import ReadingLaws
from .value_laws import ValueLaws
from .writing_laws import WritingLaws


class ConnectorExam(ValueLaws, ReadingLaws, WritingLaws, MannersLaws):
    """What a user may expect of every connector.

    Subclass it in a test, name the connector and bring a place:

        class TestCsv(ConnectorExam):
            connector = "csv"

            @pytest.fixture
            def place(self, tmp_path):
                return Place(tmp_path, read={"path": "t.csv"}, write={"path": "t.csv"})

            quirks = {"nan": "...", "type:binary": Quirk("...", gives=[...])}
    """
