"""The exams of the small guests: functions, checks and secret providers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from sqlflow.sdk import Batch, Check, Commit, RowTest, Select, TableWrite, Token, literal, split_name

from .bench import Bench, validated
from .fakes import MemoryConnector
from .guest_laws import GuestLaws
from .laws import Differs, law


class FunctionExam(GuestLaws):
    """What SQL may expect of every function: `name`, and `examples` of arguments with their results."""

    kind = "function"
    examples: ClassVar[Sequence[tuple[tuple[Any, ...], Any]]]
    """Arguments, and what they give."""

    @pytest.fixture
    def bench(self, tmp_path: Path) -> Any:
        """Bring an engine that knows the function."""
        with Bench(MemoryConnector(), tmp_path) as ready:
            ready.session.register(self.guest())
            yield ready

    def call(self, bench: Bench, arguments: Sequence[Any]) -> Any:
        """Call it in SQL, with every argument of the declared type."""
        typed = zip(arguments, self.guest().parameters, strict=True)
        shown = ", ".join(f"CAST({'NULL' if v is None else literal(v)} AS {kind})" for v, kind in typed)
        return bench.session.fetch(f"SELECT {self.name}({shown})")[0][0]

    @law("examples")
    def test_sql_gives_what_the_examples_say(self, bench: Bench) -> None:
        """Called in SQL it gives the results of the examples, for one row and for many."""
        assert self.examples, "the exam is given no example"
        for arguments, result in self.examples:
            got = self.call(bench, arguments)
            if got != result:
                raise Differs(f"{self.name}{arguments}", result, got)
            shown = ", ".join(
                f"CAST({literal(v)} AS {k})" for v, k in zip(arguments, self.guest().parameters, strict=True)
            )
            sql = (
                f"SELECT count(*) FROM (SELECT {self.name}({shown}) AS r FROM range(5000)) WHERE r = {literal(result)}"
            )
            if result is not None and result == result:  # noqa: PLR0124 - not NaN
                assert bench.session.fetch(sql) == [(5000,)]

    @law("null")
    def test_null_gives_null(self, bench: Bench) -> None:
        """NULL as any argument gives NULL, unless the function asks to see it."""
        if self.guest().null_input or not self.guest().parameters:
            return
        for n in range(len(self.guest().parameters)):
            arguments = [None if i == n else v for i, v in enumerate(self.examples[0][0])]
            assert self.call(bench, arguments) is None

    @law("deterministic")
    def test_it_gives_the_same_again(self, bench: Bench) -> None:
        """A function that says it is deterministic gives equal results for equal arguments."""
        if self.guest().deterministic:
            for arguments, _ in self.examples:
                assert repr(self.call(bench, arguments)) == repr(self.call(bench, arguments))


class CheckExam(GuestLaws):
    """What a document may expect of every check kind: `name`, `config`, rows that pass and rows that fail."""

    kind = "check"
    config: ClassVar[Mapping[str, Any]]
    """Options, as they stand in a document."""
    bad_config: ClassVar[Mapping[str, Any] | None] = None
    """Options with which `bad` fails, where they are others."""
    good: ClassVar[str]
    """A SELECT of rows that pass."""
    bad: ClassVar[str]
    """A SELECT of rows that fail."""
    failures: ClassVar[int | None] = None
    """How many rows of `bad` fail, for a check that counts rows."""
    tables: ClassVar[Mapping[str, str]] = {}
    """Other tables that the check looks at, each as a SELECT."""

    @pytest.fixture
    def bench(self, tmp_path: Path) -> Any:
        """Bring an engine with the tables that the check looks at."""
        with Bench(MemoryConnector(), tmp_path) as ready:
            for name, sql in self.tables.items():
                token = Token("exam", name, 1)
                ready.session.prepare(split_name(name)[:-1])
                staged = ready.session.stage(Select("duckdb", sql), Batch(name, token))
                ready.session.publish(Commit(token, TableWrite(staged), name))
            yield ready

    def result(self, bench: Bench, sql: str, config: Mapping[str, Any], where: str | None = None) -> Any:
        """Run the check over the rows of a query, or over those of them for which a condition holds."""
        kind = self.guest()()
        check = Check("it", kind, validated(kind.Config, config), kind.scope, where=where)
        return bench.session.check(f"({sql})", [check])[0]

    @law("passes")
    def test_good_rows_pass(self, bench: Bench) -> None:
        """Rows that are as they must be pass."""
        found = self.result(bench, self.good, self.config)
        assert found.passed, found.message

    @law("fails")
    def test_bad_rows_fail_and_are_told(self, bench: Bench) -> None:
        """Rows that are not fail, with a message, and are counted as they are."""
        found = self.result(bench, self.bad, self.bad_config or self.config)
        assert not found.passed
        assert found.message.strip()
        if self.failures is not None:
            assert found.failures == self.failures

    @law("where")
    def test_rows_that_are_left_out_do_not_count(self, bench: Bench) -> None:
        """`where` leaves rows out as if they were not there, whatever they hold."""
        if not self.guest().takes_where:
            return
        config = self.bad_config or self.config
        both = (
            f"SELECT *, TRUE AS sqlflow_good FROM ({self.good}) UNION ALL BY NAME "
            f"SELECT *, FALSE AS sqlflow_good FROM ({self.bad})"
        )
        found = self.result(bench, both, self.config, "sqlflow_good")
        assert found.passed, found.message
        assert not self.result(bench, both, config, "NOT sqlflow_good").passed

    @law("sifts")
    def test_it_tells_bad_rows_from_good_ones_if_it_says_so(self) -> None:
        """A kind that says that it sifts compiles to a row test, and no other does."""
        kind = self.guest()()
        compiled = kind.compile(validated(kind.Config, self.config), "t")
        assert isinstance(compiled, RowTest) == kind.sifts


class SecretProviderExam(GuestLaws):
    """What a document may expect of every secret provider: `name`, and a fixture that plants a secret."""

    kind = "secret provider"

    @pytest.fixture
    def planted(self) -> tuple[str, str]:
        """Plant a secret; return its key and its value. Every plugin writes its own."""
        raise AssertionError(f"{type(self).__name__} plants no secret: write a fixture `planted`")

    @law("found")
    def test_a_secret_is_found(self, planted: tuple[str, str]) -> None:
        """The value comes as it was planted, whenever it is asked for."""
        key, value = planted
        provider = self.guest()()
        assert [provider.get(key) for _ in range(2)] == [value, value]

    @law("absent")
    def test_what_is_not_there_is_none(self, planted: tuple[str, str]) -> None:
        """A key that is not there gives None, and not an error or an empty text."""
        assert self.guest()().get(f"{planted[0]}_that_nobody_planted") is None

    @law("kept")
    def test_nothing_shows_the_value(self, planted: tuple[str, str]) -> None:
        """A provider that has looked a value up does not show it."""
        provider = self.guest()()
        provider.get(planted[0])
        assert planted[1] not in repr(provider)
        assert planted[1] not in str(vars(provider))
