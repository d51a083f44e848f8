"""Faults inside the transaction that publishes: nothing is green over an aborted one, and the old rows stand.

Every fault is a statement that DuckDB itself refuses; nothing of DuckDB is replaced.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest

from sqlflow.builtins import checks, duckdb, files, secrets, steps, storages
from sqlflow.builtins.checks import ExpressionCheck, ExpressionConfig, RowCount, RowCountConfig, Unique, UniqueConfig
from sqlflow.builtins.duckdb.engine import DuckDbConfig, DuckDbEngine
from sqlflow.pipeline import RESERVED, Pipeline
from sqlflow.registry import Catalog, PluginRecord, host_of
from sqlflow.result import RunResult
from sqlflow.sdk import (
    Batch,
    Check,
    CheckFailed,
    CheckKind,
    Commit,
    ConfigModel,
    Opening,
    RunInterrupted,
    ScriptWrite,
    Select,
    Session,
    SQLFlowError,
    StepContext,
    StepError,
    StepExecutionResult,
    StepInput,
    StepType,
    StorageLocation,
    TableTest,
    TableWrite,
    Token,
    TransientError,
    ViewWrite,
    WritesTable,
    hookimpl,
)

SLOW = os.environ.get("SQLFLOW_SLOW") == "1"
MODES = ["replace", "append", "merge", "delete_insert"]
OLD = [(1, 10), (2, 20)]
FRESH = "SELECT i AS id, i * 100 AS v FROM range(2, 5) r(i)"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Session]:
    """Return the first session of a warehouse with a table `t` of two rows that SQLFlow has published."""
    location = StorageLocation(tmp_path / "w.duckdb", exists=False)
    session = DuckDbEngine().open(DuckDbConfig(), Opening(location, tmp_path))
    session.prepare(["raw"])
    publish(session, "VALUES (1::bigint, 10::bigint), (2, 20)", "old", names="id, v")
    yield session
    session.close()


def commit(
    session: Session, sql: str, step: str, *, mode: str = "replace", checks: tuple[Check, ...] = (), once: bool = False
) -> Commit:
    """Stage rows for `t`, and return what is to be published."""
    token = Token("run", step, 1)
    staged = session.stage(Select("duckdb", sql), Batch("t", token, mode, once=once))
    key = ("id",) if mode in ("merge", "delete_insert") else ()
    return Commit(token, TableWrite(staged, key), "t", checks)


def publish(root: Session, sql: str, step: str, *, names: str | None = None, **options: Any) -> None:
    """Stage and publish in a connection of its own."""
    session = root.fork()
    try:
        session.publish(commit(session, f"SELECT * FROM ({sql}) s({names})" if names else sql, step, **options))
    finally:
        session.close()


def rows(session: Session) -> list[tuple[Any, ...]]:
    """Return the rows of the table."""
    return session.fetch("SELECT * FROM t ORDER BY ALL")


def ledger(session: Session) -> list[str]:
    """Return the steps that have committed."""
    return [step for (step,) in session.fetch("SELECT step FROM _sqlflow.commits ORDER BY ALL")]


def check(kind: CheckKind, config: ConfigModel, severity: str = "error") -> Check:
    """Return a check of the target."""
    return Check(kind.name, kind, config, "target", severity)


EMPTY = check(RowCount(), RowCountConfig(max=0))
BROKEN = check(ExpressionCheck(), ExpressionConfig(expression="error('broken')"), "warn")
TWICE = check(Unique(), UniqueConfig(columns=["v"]))


def with_check(*held: Check) -> Callable[[Session, str], Commit]:
    """Return a fault: a check that does not hold, or whose SQL is broken."""
    return lambda session, mode: commit(session, FRESH, "new", mode=mode, checks=held)


def with_sql(sql: str, *, once: bool = False) -> Callable[[Session, str], Commit]:
    """Return a fault: rows that the table cannot hold, or a query that fails late."""
    return lambda session, mode: commit(session, sql, "new", mode=mode, once=once and mode in ("replace", "append"))


LATE = "SELECT i AS id, CASE WHEN i = 250000 THEN error('late')::bigint ELSE i END AS v FROM range(2, 250001) r(i)"
FAULTS: dict[str, tuple[Callable[[Session, str], Commit], type[SQLFlowError], str]] = {
    "check fails": (with_check(EMPTY), CheckFailed, "SF701"),
    "check is broken, severity warn": (with_check(BROKEN), StepError, "SF702"),
    "second check fails": (with_check(check(RowCount(), RowCountConfig(min=1)), EMPTY), CheckFailed, "SF701"),
    "query check after writing fails": (
        lambda session, mode: commit(
            session, "SELECT i AS id, 7 AS v FROM range(2, 5) r(i)", "new", mode=mode, checks=(TWICE,)
        ),
        CheckFailed,
        "SF701",
    ),
    "the last row of a query fails": (with_sql(LATE, once=True), StepError, "SF710"),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_while_publishing_leaves_the_old_rows(root: Session, fault: str, mode: str) -> None:
    """Whatever fails after writing has begun: the error is told, old rows stand for everybody, no ledger line.

    The session itself goes on: the next publish commits.
    """
    make, error, code = FAULTS[fault]
    session = root.fork()
    with pytest.raises(error) as caught:
        session.publish(make(session, mode))
    assert caught.value.code == code
    assert session.commits == ()
    assert rows(session) == rows(root) == OLD
    assert ledger(root) == ["old"]
    session.publish(commit(session, "SELECT 9::bigint AS id, 9::bigint AS v", "next"))
    session.close()
    assert (rows(root), ledger(root)) == ([(9, 9)], ["next", "old"])


CONSTRAINED = {
    "check": "CREATE TABLE t (id BIGINT, v BIGINT CHECK (v < 400))",
    "not null": "CREATE TABLE t (id BIGINT, v BIGINT NOT NULL)",
    "primary key": "CREATE TABLE t (id BIGINT PRIMARY KEY, v BIGINT)",
}
VIOLATIONS = {
    "check": FRESH,
    "not null": f"{FRESH} UNION ALL SELECT 7, NULL",
    "primary key": f"{FRESH} UNION ALL SELECT 4, 1",
}


@pytest.mark.parametrize(
    ("constraint", "mode"),
    [
        (constraint, mode)
        for constraint in CONSTRAINED
        for mode in ("append", "delete_insert", "merge")
        if (constraint, mode) != ("primary key", "merge")  # refused before anything is written
    ],
)
def test_a_constraint_that_the_batch_violates_leaves_the_old_rows(root: Session, constraint: str, mode: str) -> None:
    """A row that the table refuses ends the transaction: rows that came before it are not there either."""
    session = root.fork()
    made = (("DROP TABLE t", {}), (CONSTRAINED[constraint], {}), ("INSERT INTO t VALUES (1, 10), (2, 20)", {}))
    session.publish(Commit(Token("run", "made", 1), ScriptWrite(made, ("t",)), "t"))
    with pytest.raises(StepError):
        session.publish(commit(session, VIOLATIONS[constraint], "new", mode=mode))
    assert (rows(session), rows(root), ledger(root)) == (OLD, OLD, ["made", "old"])
    session.close()


def test_a_script_that_fails_half_way_leaves_nothing_of_it(root: Session) -> None:
    """Statements before the one that fails are undone: tables made, rows written, the target dropped."""
    session = root.fork()
    statements = (
        ("CREATE TABLE raw.more AS SELECT 1 AS x", {}),
        ("DELETE FROM t", {}),
        ("DROP TABLE t", {}),
        ("INSERT INTO raw.more VALUES ('no number')", {}),
    )
    with pytest.raises(StepError):
        session.publish(Commit(Token("run", "new", 1), ScriptWrite(statements, ("t", "raw.more"))))
    assert (rows(session), rows(root), ledger(root)) == (OLD, OLD, ["old"])
    assert root.describe("raw.more") is None
    session.close()


def test_a_view_that_cannot_be_made_leaves_the_table(root: Session) -> None:
    """A table that was dropped for a view is there again when the view fails."""
    session = root.fork()
    for sql in ("SELECT * FROM t", "SELECT * FROM nowhere", "SELECT 1 AS id, 2 AS v"):
        with pytest.raises(StepError):
            session.publish(Commit(Token("run", "new", 1), ViewWrite("t", sql), "t", (EMPTY,)))
        assert (rows(session), rows(root), ledger(root)) == (OLD, OLD, ["old"])
    session.close()


class Swallowing(CheckKind):
    """A check that runs a failing statement in the transaction, says nothing of it, and is content."""

    name = "swallowing"
    Config = ConfigModel
    session: ClassVar[Session]

    def compile(self, config: ConfigModel, relation: str) -> TableTest:
        """Fail in secret."""
        with pytest.raises(StepError):
            self.session.fetch("SELECT error('in secret')")
        return TableTest("1", lambda _: None)


@pytest.mark.parametrize("mode", MODES)
def test_a_failure_that_somebody_swallowed_still_keeps_the_transaction_from_committing(
    root: Session, mode: str
) -> None:
    """DuckDB would let COMMIT succeed while rolling back; the session fails, whoever caught the first error."""
    session = root.fork()
    Swallowing.session = session
    held = (Check("swallowing", Swallowing(), ConfigModel(), "target"),)
    with pytest.raises(StepError) as caught:
        session.publish(commit(session, FRESH, "new", mode=mode, checks=held))
    assert caught.value.code in ("SF702", "SF717")
    assert (rows(session), rows(root), ledger(root), session.commits) == (OLD, OLD, ["old"], ())
    session.close()


@pytest.mark.parametrize("last", [True, False])
def test_a_transaction_in_which_something_failed_is_not_committed(root: Session, last: bool) -> None:
    """Where nothing runs after a failure that was swallowed, DuckDB says nothing: the connection itself refuses."""
    session = root.fork()
    connection = session.db

    def work() -> None:
        with connection.transaction():
            connection.execute("DELETE FROM t")
            with pytest.raises(StepError):
                connection.execute("SELECT error('in secret')")
            if not last:
                connection.execute("SELECT 1")

    with pytest.raises(StepError) as caught:
        work()
    assert caught.value.code == "SF717" or not last
    assert (rows(session), rows(root)) == (OLD, OLD)
    with connection.transaction():
        connection.execute("DELETE FROM t WHERE id = 1")
    assert rows(root) == [(2, 20)]
    session.close()


@pytest.mark.parametrize("mode", ["merge", "delete_insert"])
def test_a_write_conflict_is_transient_and_leaves_the_rows_of_the_other(root: Session, mode: str) -> None:
    """Two transactions that change one row: the second fails, may be tried again, and then commits."""
    other, session = root.fork(), root.fork()
    new = commit(session, FRESH, "new", mode=mode)
    other.db.execute("BEGIN TRANSACTION")
    other.db.execute("DELETE FROM t WHERE id = 2")
    with pytest.raises(TransientError):
        session.publish(new)
    assert (rows(root), ledger(root)) == (OLD, ["old"])
    other.db.execute("COMMIT")
    assert rows(root) == [(1, 10)]
    session.publish(new)
    assert (rows(root), ledger(root)) == ([(1, 10), (2, 200), (3, 300), (4, 400)], ["new", "old"])
    other.close()
    session.close()


@pytest.mark.parametrize("mode", MODES)
def test_an_interrupt_while_publishing_leaves_the_old_rows(root: Session, mode: str) -> None:
    """A publish that is stopped from another thread raises, and nothing of it is there."""
    session = root.fork()
    forever = "SELECT sum(hash(r1.i) % 2) >= 0 FROM range(1000000) r1(i), range(1000000) r2(j)"
    held = (check(ExpressionCheck(), ExpressionConfig(expression=f"({forever})")),)
    new, over = commit(session, FRESH, "new", mode=mode, checks=held), threading.Event()

    def stop() -> None:
        while not over.wait(0.05):
            session.interrupt()

    thread = threading.Thread(target=stop)
    thread.start()
    try:
        with pytest.raises(RunInterrupted):
            session.publish(new)
    finally:
        over.set()
        thread.join()
    assert (rows(session), rows(root), ledger(root), session.commits) == (OLD, OLD, ["old"], ())
    session.close()


def test_interrupts_at_any_moment_leave_all_or_nothing(root: Session) -> None:
    """Wherever an interrupt hits a publish: rows and ledger agree, and one that returned has committed."""
    dice, done = random.Random(7), set()
    for number in range(300 if SLOW else 40):
        session, step = root.fork(), f"s{number:03}"
        sql = f"SELECT i AS id, {number + 1}::bigint AS v FROM range(20000) r(i)"
        try:
            new = commit(session, sql, step, mode=dice.choice(["replace", "merge", "delete_insert"]))
            pause = dice.random() * 0.02

            def stop(session: Session = session, pause: float = pause) -> None:
                time.sleep(pause)
                session.interrupt()

            thread = threading.Thread(target=stop)
            thread.start()
            before, returned = root.fetch("SELECT max(v) FROM t"), True
            try:
                session.publish(new)
            except Exception:  # noqa: BLE001 - which error it is has a test of its own
                returned = False
            thread.join()
        finally:
            session.close()
        there = step in ledger(root)
        assert there or not returned
        ((low, high, count),) = root.fetch("SELECT min(v), max(v), count(*) FROM t WHERE id < 20000")
        if there:
            assert (low, high, count) == (number + 1, number + 1, 20000)
        else:
            assert [(high,)] == before
        done.add(there)
    assert True in done


# --- through a whole run -----------------------------------------------------------------------------------------


class TargetConfig(ConfigModel):
    """A table."""

    target: WritesTable
    """Table to write."""


class Stopping(StepType):
    """A step that is interrupted in the middle of its commit, though nobody stops the run."""

    name = "stopping"
    Config = TargetConfig

    def execute(self, given: StepInput, context: StepContext) -> StepExecutionResult:
        """Publish, with a thread that interrupts."""
        session, over = context.session, threading.Event()
        sql = "SELECT a.i AS id, b.i AS v FROM range(100000) a(i), range(100000) b(i)"
        batch = Batch(given.config.target, context.token, "replace", once=True)
        staged = session.stage(Select("duckdb", sql), batch)

        def stop() -> None:
            while not over.wait(0.05):
                session.interrupt()

        thread = threading.Thread(target=stop)
        thread.start()
        try:
            done = session.publish(Commit(context.token, TableWrite(staged), given.config.target))
        finally:
            over.set()
            thread.join()
        return StepExecutionResult(done.rows, done.schema)


class Shameless(StepType):
    """A step that swallows the failure of its commit and says that all is well."""

    name = "shameless"
    Config = TargetConfig

    def execute(self, given: StepInput, context: StepContext) -> StepExecutionResult:
        """Publish what cannot be, and return."""
        sql = "SELECT error('no') AS id"
        staged = context.session.stage(Select("duckdb", sql), Batch(given.config.target, context.token, once=True))
        with pytest.raises(StepError):
            context.session.publish(Commit(context.token, TableWrite(staged), given.config.target))
        return StepExecutionResult()


def catalog() -> Catalog:
    """Return what is in the box and the two steps above."""
    module = ModuleType("faulty")
    module.sqlflow_step_types = hookimpl(lambda: [Stopping, Shameless], specname="sqlflow_step_types")
    modules = [checks, duckdb, files, secrets, steps, storages, module]
    return Catalog(host_of([(PluginRecord(m.__name__, "test", "1", ""), lambda m=m: m) for m in modules]), RESERVED)


def run(folder: Path, steps_: str, **options: Any) -> RunResult:
    """Run a document of these steps."""
    path = folder / "p.yaml"
    path.write_text(f"version: 1\nname: p\nsteps:\n{steps_}")
    return Pipeline(path, catalog()).run(**options)


MADE = "- {id: made, type: transform, target: t, sql: select 1 as id}\n"
ENDLESS = "select a.i as id, b.i as v from range(100000) a(i), range(100000) b(i)"


def stands(result: RunResult) -> None:
    """See that the table has its old row and the ledger nothing of this run."""
    assert result.query("select * from t").to_pylist() == [{"id": 1}]
    assert result.query(f"select * from _sqlflow.commits where run_id = '{result.run_id}'").num_rows == 0


@pytest.mark.parametrize("checks_", ["", ", checks: [{not_null: [id]}]"], ids=["publish", "stage"])
def test_a_timeout_in_the_middle_of_a_commit_fails_the_step(tmp_path: Path, checks_: str) -> None:
    """A step that runs out of time is rolled back, and neither it nor the run is green."""
    run(tmp_path, MADE)
    result = run(tmp_path, f"- {{id: made, type: transform, target: t, timeout: 200ms, sql: '{ENDLESS}'{checks_}}}")
    assert (result.status, result.steps[0].status, result.steps[0].error["code"]) == ("failed", "failed", "SF704")
    stands(result)


def test_a_stop_in_the_middle_of_a_commit_cancels_the_run(tmp_path: Path) -> None:
    """A run that is stopped rolls back what was under way, and says that it was cancelled."""
    run(tmp_path, MADE)
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    result = run(tmp_path, f"- {{id: made, type: transform, target: t, sql: '{ENDLESS}'}}", stop=stop)
    assert (result.status, result.steps[0].status) == ("cancelled", "cancelled")
    stands(result)


def test_a_step_that_swallows_its_failure_is_not_green(tmp_path: Path) -> None:
    """A step that returns without having committed fails, and so does its run."""
    run(tmp_path, MADE)
    result = run(tmp_path, "- {id: made, type: shameless, target: t}")
    assert (result.status, result.steps[0].error["code"]) == ("failed", "SF791")
    stands(result)


def test_a_failed_step_leaves_no_table_of_its_own(tmp_path: Path) -> None:
    """After a run there are the tables of the document and the ledger, and nothing that nobody named."""
    held = "checks: [{not_null: [id]}]"
    result = run(tmp_path, f"- {{id: s, type: transform, target: t, sql: select null::int as id, {held}}}")
    assert result.status == "failed"
    assert result.query("select table_name from duckdb_tables()").to_pylist() == [
        {"table_name": name} for name in ("commits", "state", "versions")
    ]


# --- known faults ------------------------------------------------------------------------------------------------


def test_a_step_that_was_interrupted_is_not_green(tmp_path: Path) -> None:
    """A commit that was interrupted, by whomever, is a failure; what depends on it does not run."""
    run(tmp_path, MADE)
    after = "- {id: after, type: transform, target: u, sql: select 1 as id, depends_on: [made]}"
    result = run(tmp_path, f"- {{id: made, type: stopping, target: t}}\n{after}")
    stood = result.query("select * from t").to_pylist() == [{"id": 1}]
    assert stood
    assert (result.status, [step.status for step in result.steps]) == ("failed", ["failed", "skipped"])


def test_the_check_that_is_broken_is_named(root: Session) -> None:
    """Of several checks of a target the one whose SQL fails is named, with DuckDB's reason."""
    session = root.fork()
    with pytest.raises(StepError) as caught:
        session.publish(commit(session, FRESH, "new", checks=(check(RowCount(), RowCountConfig(min=1)), BROKEN)))
    session.close()
    assert "check expression" in caught.value.message
    assert "broken" in caught.value.message


def test_the_check_of_a_batch_that_is_broken_is_named(root: Session) -> None:
    """Outside of a transaction, too, only the check whose SQL fails is named."""
    with pytest.raises(StepError) as caught:
        root.check("t", (check(RowCount(), RowCountConfig(min=1)), BROKEN))
    assert "check expression fails" in caught.value.message


def test_a_commit_that_meets_another_database_speaks_sqlflow(root: Session) -> None:
    """Whatever DuckDB refuses in the transaction is told as one of SQLFlow's errors."""
    session = root.fork()
    token = Token("run", "new", 1)
    staged = session.stage(Select("duckdb", "SELECT 1 AS id"), Batch("memory.main.t", token, once=True))
    with pytest.raises(SQLFlowError):
        session.publish(Commit(token, TableWrite(staged), "memory.main.t"))
    session.close()


def test_the_inventory_holds_what_is_there(root: Session) -> None:
    """The tables that a session tells of are those that can be read."""
    assert [root.fetch(f"SELECT count(*) FROM {name}") for name in root.tables()] == [[(2,)]]


def test_waiting_for_the_source_of_another_step_can_be_interrupted(root: Session) -> None:
    """What is attached is attached for all, so the second session waits; a timeout or Ctrl-C ends that."""
    attaching = Select("duckdb", "SELECT 1 AS n", setup=("SELECT 1",))
    first, second = root.fork(), root.fork()
    first.columns(attaching)
    found: list[BaseException] = []

    def wait() -> None:
        try:
            second.columns(attaching)
        except RunInterrupted as error:
            found.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    second.interrupt()
    waiting.join(30)
    assert not waiting.is_alive()
    assert len(found) == 1
    first.close()
    third = root.fork()
    assert third.columns(attaching).names == ("n",)
    third.close()
    second.close()
