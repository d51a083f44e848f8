"""Who sits the exam of connectors: the class, its place, and what it says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from sqlflow.sdk import Connector

from .bench import Bench
from .guests import guests
from .laws import Exam
from .places import Fault, Place


class ConnectorCandidate(Exam):
    """What every part of the exam of connectors knows of the one that sits it."""

    kind = "connector"
    connector: ClassVar[str | type[Connector[Any]]]
    """The connector: its name in documents, which proves that it is installed; or its class."""
    pushes_down: ClassVar[bool] = False
    """Whether an Arrow stream of this connector leaves rows out that the cursor's range does not want."""
    select_option: ClassVar[str | None] = None
    """The read option that lists the wanted columns, if there is one."""
    has_cursor: ClassVar[bool] = True
    """Whether rows can have a cursor; not for a source whose own rows have no column that orders them."""
    takes_rows: ClassVar[bool] = True
    """Whether any rows can be brought to the place; not for a source whose rows are its own (`Place.holds`)."""
    has_faults: ClassVar[bool] = True
    """Whether anything can go wrong with a place; not for a source that is computed."""
    many_rows: ClassVar[int] = 500_000
    """Rows of the laws about bounded memory, about 100 bytes each; lower it for a slow system."""
    most_columns: ClassVar[int] = 500
    """Columns of the law about wide tables."""

    @pytest.fixture
    def place(self, tmp_path: Any) -> Place:
        """Bring a place that only this test knows, with nothing in it; every plugin writes its own."""
        raise AssertionError(f"{type(self).__name__} brings no place: write a fixture `place` that returns a Place")

    def faults(self, place: Place) -> Iterator[Fault]:
        """Yield what can be wrong with a place, so that its errors can be looked at."""
        return iter(())

    @classmethod
    def candidate(cls) -> type[Connector[Any]]:
        """Return the connector's class."""
        return guests().connector(cls.connector) if isinstance(cls.connector, str) else cls.connector

    @classmethod
    def subject(cls) -> str:
        """Name the connector."""
        return cls.connector if isinstance(cls.connector, str) else cls.connector.name

    @classmethod
    def lacks(cls, need: str) -> bool:
        """Tell what this connector, by its own declaration, is not for."""
        connector = cls.candidate()
        what, _, which = need.partition(":")
        has = {
            "reads": connector.ReadOptions is not None,
            "writes": connector.WriteOptions is not None,
            "mode": connector.WriteOptions is not None and which in connector.write_modes,
            "rows": cls.takes_rows,
            "files": connector.lists_files,
            "tokens": connector.keeps_tokens,
            "pushes": cls.pushes_down,
            "selects": cls.select_option is not None,
            "cursor": cls.has_cursor,
            "faults": cls.has_faults,
        }
        return not has[what]

    @pytest.fixture
    def bench(self, tmp_path: Any) -> Iterator[Bench]:
        """Bring an engine and the connector."""
        folder = tmp_path / "bench"
        folder.mkdir()
        with Bench(self.candidate()(), folder) as ready:
            yield ready
