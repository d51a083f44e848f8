"""The exam of engines: data and ledger commit together, modes do what they say, and after an error nothing does."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from sqlflow.errors import SQLFlowError, StepError
from sqlflow.sdk import (
    ArrowStream,
    Batch,
    Commit,
    Opening,
    ScriptWrite,
    Session,
    StorageLocation,
    TableWrite,
    Token,
    Udf,
    ViewWrite,
)

from .bench import validated
from .guest_laws import GuestLaws
from .laws import law
from .samples import people

if TYPE_CHECKING:
    import pyarrow as pa


def hold(
    session: Session, table: str, rows: pa.Table | None = None, mode: Any = "replace", key: tuple[str, ...] = ()
) -> Any:
    """Commit rows to a table, in a session of their own."""
    token = Token("run", f"{table}-{mode}-{id(rows)}", 1, "exam")
    fork = session.fork()
    try:
        given = people() if rows is None else rows
        staged = fork.stage(ArrowStream(given.to_reader), Batch(table, token, mode))
        return fork.publish(Commit(token, TableWrite(staged, key), table))
    finally:
        fork.close()


class EngineExam(GuestLaws):
    """What core may expect of every engine: `name` and, where it needs them, options as `config`."""

    kind = "engine"
    config: ClassVar[Mapping[str, Any]] = {}
    """Options, as they stand in a profile."""
    slow: ClassVar[str] = "SELECT count(*) FROM range(100000) a, range(100000) b, range(1000) c"
    """A query that takes minutes."""

    def location(self, folder: Path) -> StorageLocation:
        """Say where the exam's warehouse is; in memory unless the engine has none."""
        return StorageLocation(None, exists=False)

    @pytest.fixture
    def session(self, tmp_path: Path) -> Iterator[Session]:
        """Open an empty warehouse."""
        engine = self.guest()()
        session = engine.open(validated(engine.Config, self.config), Opening(self.location(tmp_path), tmp_path))
        session.prepare(["marts"])
        yield session
        session.close()

    def rows(self, session: Session, table: str = "t") -> list[tuple[Any, ...]]:
        """Return what a table holds."""
        return sorted(session.fetch(f"SELECT id, name FROM {table}"))

    def told(self, *tables: pa.Table) -> list[tuple[Any, ...]]:
        """Return rows as `rows` does."""
        return sorted((row["id"], row["name"]) for table in tables for row in table.to_pylist())

    @law("modes")
    def test_modes_do_what_they_say(self, session: Session) -> None:
        """Replace, append, merge and delete_insert meet what is there as the design says; counts tell the truth."""
        hold(session, "t", people(1, 2))
        assert self.rows(session) == self.told(people(1, 2))
        assert hold(session, "t", people(3, 4), "append").rows.inserted == 2  # noqa: PLR2004 - two rows
        done = hold(session, "t", people(4, 5, "new"), "merge", ("id",))
        assert (done.rows.updated, done.rows.inserted) == (1, 1)
        assert self.rows(session) == self.told(people(1, 3), people(4, 5, "new"))
        hold(session, "t", people(1, 1, "again"), "delete_insert", ("id",))
        assert self.rows(session) == self.told(people(1, 1, "again"), people(2, 3), people(4, 5, "new"))

    @law("ledger")
    def test_rows_and_ledger_commit_together(self, session: Session) -> None:
        """A commit leaves its line, and a session knows what it has committed; before it there is neither."""
        token = Token("run-1", "load", 1, "exam")
        fork = session.fork()
        staged = fork.stage(ArrowStream(people().to_reader), Batch("t", token))
        assert session.committed("run-1") == {}
        assert session.describe("t") is None
        fork.publish(Commit(token, TableWrite(staged), "t"))
        assert fork.commits == ("t",)
        fork.close()
        assert set(session.committed("run-1")) == {"load"}
        found = session.describe("t")
        assert found is not None
        assert found.owned

    @law("refused_commit")
    def test_what_fails_leaves_the_old_rows(self, session: Session) -> None:
        """A commit that fails changes nothing, writes no line, and the next one works."""
        hold(session, "t", people())
        token = Token("run-2", "load", 1, "exam")
        fork = session.fork()
        staged = fork.stage(ArrowStream(people(4, 5).to_reader), Batch("t", token, "append"))
        first = ScriptWrite((("DELETE FROM t", {}), ("SELECT error('no')", {})), ("t",))
        with pytest.raises(StepError):
            fork.publish(Commit(token, TableWrite(staged), "t", first=first))
        fork.close()
        assert self.rows(session) == self.told(people())
        assert session.committed("run-2") == {}
        hold(session, "t", people(4, 5), "append")
        assert self.rows(session) == self.told(people(1, 5))

    @law("broken_source")
    def test_a_source_that_breaks_off_leaves_the_old_rows(self, session: Session) -> None:
        """When a stream raises in the middle, its own error comes through and the target is what it was."""
        import pyarrow as pa

        hold(session, "t", people())

        def batches() -> Iterator[pa.RecordBatch]:
            yield from people(4, 9).to_batches()
            raise StepError("the source broke off", kind="transient")

        fork = session.fork()
        source = ArrowStream(lambda: pa.RecordBatchReader.from_batches(people().schema, batches()))
        with pytest.raises(StepError, match="the source broke off"):
            fork.stage(source, Batch("t", Token("run", "x", 1)))
        fork.close()
        assert self.rows(session) == self.told(people())
        assert session.tables() == ("t",)

    @law("views")
    def test_a_view_is_made(self, session: Session) -> None:
        """A view reads what is below it at the time."""
        hold(session, "t", people())
        fork = session.fork()
        fork.publish(
            Commit(Token("run", "v", 1), ViewWrite("marts.v", "SELECT id, name FROM t WHERE id > 1"), "marts.v")
        )
        fork.close()
        assert self.rows(session, "marts.v") == self.told(people(2, 3))
        found = session.describe("marts.v")
        assert found is not None
        assert found.kind == "view"

    @law("functions")
    def test_functions_can_be_called(self, session: Session) -> None:
        """A registered function is callable in every session, and NULL gives NULL."""
        session.register(Udf("twice", lambda n: n * 2, ("BIGINT",), "BIGINT"))
        fork = session.fork()
        try:
            assert fork.fetch("SELECT twice(21), twice(NULL)") == [(42, None)]
        finally:
            fork.close()

    @law("parameters")
    def test_values_are_bound(self, session: Session) -> None:
        """A parameter is a value and never SQL."""
        assert session.fetch("SELECT $word AS w", {"word": "'; DROP TABLE t; --"}) == [("'; DROP TABLE t; --",)]

    @law("rows_out")
    def test_rows_go_out_as_they_are(self, session: Session) -> None:
        """Rows of a query stream out as Arrow, and as a table, with their types."""
        hold(session, "t", people())
        fork = session.fork()
        try:
            table = fork.rows("SELECT * FROM t ORDER BY id").batches().read_all()
        finally:
            fork.close()
        assert table.to_pylist() == people().to_pylist() == session.arrow("SELECT * FROM t ORDER BY id").to_pylist()

    @law("interrupt")
    def test_a_running_statement_can_be_stopped(self, session: Session) -> None:
        """Interrupting from another thread ends a long statement at once, with an error."""
        fork = session.fork()
        timer = threading.Timer(0.3, fork.interrupt)
        timer.start()
        try:
            with pytest.raises((SQLFlowError, RuntimeError)):
                fork.fetch(self.slow)
        finally:
            timer.cancel()
            fork.close()
