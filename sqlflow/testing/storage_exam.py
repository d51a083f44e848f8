"""The exam of storage backends: where tables are, and whether they are there the next time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from sqlflow.sdk import Opening, StorageLocation

from .bench import validated
from .engine_exam import hold
from .guest_laws import GuestLaws
from .guests import guests
from .laws import law


class StorageExam(GuestLaws):
    """What a profile may expect of every storage: `name` and, where it needs options, `config`."""

    kind = "storage"
    config: ClassVar[Mapping[str, Any]] = {}
    """Options, as they stand in a profile; relative paths start in a folder of the test."""
    keeps: ClassVar[bool] = True
    """Whether tables are there when the warehouse is opened again."""

    def located(self, folder: Path) -> StorageLocation:
        """Ask where the tables are."""
        storage = self.guest()()
        return storage.locate(validated(storage.Config, self.config), folder, default_name="shop")  # type: ignore[no-any-return]

    @law("locate")
    def test_looking_creates_nothing(self, tmp_path: Path) -> None:
        """To say where tables are makes no file, and paths start at the folder that is given."""
        found = self.located(tmp_path)
        assert list(tmp_path.iterdir()) == []
        assert not found.exists
        assert found.path is None or found.path.is_relative_to(tmp_path)

    @law("engines")
    def test_an_engine_opens_it(self) -> None:
        """There is an installed engine that speaks one of its dialects."""
        spoken = {guests().engine(name).dialect for name in guests().names("engine")}
        assert spoken & self.guest().dialects

    @law("lasting")
    def test_tables_last_as_declared(self, tmp_path: Path) -> None:
        """What was committed is there when the warehouse is opened again, if the storage keeps anything."""
        names = guests().names("engine")
        engine = next(e() for e in map(guests().engine, names) if e.dialect in self.guest().dialects)
        session = engine.open(engine.Config(), Opening(self.located(tmp_path), tmp_path))
        try:
            session.prepare([])
            hold(session, "things")
        finally:
            session.close()
        again = self.located(tmp_path)
        assert again.exists == self.keeps
        session = engine.open(engine.Config(), Opening(again, tmp_path))
        try:
            assert session.tables() == (("things",) if self.keeps else ())
        finally:
            session.close()
