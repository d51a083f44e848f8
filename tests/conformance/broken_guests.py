"""Guests of the smaller kinds that each break one law. `CASES` names the law that sees it."""

from __future__ import annotations

import itertools
import os

import pytest

from sqlflow.sdk import ConfigModel, QueryTest, RowTest, StorageBackend, StorageLocation, Udf, quote
from sqlflow.testing import CheckExam, FunctionExam, SecretProviderExam, StepTypeExam, StorageExam
from sqlflow.testing.guests import guests

CASES: list[str] = []


def sits(exam, law, guest, **more):
    """Let a broken guest sit an exam; the law that sees it is a case."""
    name = f"Test{len(CASES)}"
    told = {"guest": classmethod(lambda _: guest), "__module__": __name__, **more}
    globals()[name] = type(name, (exam,), told)
    CASES.append(f"{name}::test_{law}")


class MakesFolder(StorageBackend):
    """Makes a folder when it is only asked."""

    name = "file"
    Config = ConfigModel
    dialects = frozenset({"duckdb"})

    def locate(self, config, folder, *, default_name):
        """Make it."""
        (folder / "made").mkdir(exist_ok=True)
        return StorageLocation(folder / "made" / "t.duckdb", exists=False)


class Forgets(MakesFolder):
    """Says that tables last, and keeps them nowhere."""

    def locate(self, config, folder, *, default_name):
        """Keep nothing."""
        return StorageLocation(None, exists=False)


class SpeaksNothing(Forgets):
    """Can be opened by nobody."""

    dialects = frozenset({"latin"})


sits(StorageExam, "looking_creates_nothing", MakesFolder, name="file")
sits(StorageExam, "tables_last_as_declared", Forgets, name="file")
sits(StorageExam, "an_engine_opens_it", SpeaksNothing, name="file")

TWICE = {"name": "twice", "examples": [((21,), 42)]}
COUNT = itertools.count()
sits(FunctionExam, "sql_gives_what_the_examples_say", Udf("twice", lambda n: n, ("BIGINT",), "BIGINT"), **TWICE)
sits(
    FunctionExam,
    "it_gives_the_same_again",
    Udf("twice", lambda n: n + next(COUNT), ("BIGINT",), "BIGINT"),
    **TWICE,
)
sits(FunctionExam, "the_plugin_brings_it", None, **TWICE)

NOT_NULL = {
    "name": "not_null",
    "config": {"columns": ["n"]},
    "good": "select 1 as n",
    "bad": "select unnest([1, null]) as n",
    "failures": 1,
}
KIND = guests().check("not_null")


class SeesNothing(KIND):
    """Finds no row bad."""

    def compile(self, config, relation):
        """Find nothing."""
        return RowTest("FALSE")


class SeesAll(KIND):
    """Finds every row bad."""

    def compile(self, config, relation):
        """Find all."""
        return RowTest("TRUE")


class SaysItSifts(KIND):
    """Says that it tells rows apart and does not."""

    def compile(self, config, relation):
        """Ask for the rows."""
        return QueryTest(f"SELECT * FROM {relation} WHERE {quote('n')} IS NULL")


class Untold(ConfigModel):
    """Options without words."""

    columns: list[str]


class TellsNothing(KIND):
    """Has options without words."""

    Config = Untold


sits(CheckExam, "bad_rows_fail_and_are_told", SeesNothing, **NOT_NULL)
sits(CheckExam, "good_rows_pass", SeesAll, **NOT_NULL)
sits(CheckExam, "it_tells_bad_rows_from_good_ones_if_it_says_so", SaysItSifts, **NOT_NULL)
sits(CheckExam, "every_option_has_a_docstring", TellsNothing, **NOT_NULL)


class Secrets(SecretProviderExam):
    """Plants an environment variable."""

    name = "env"

    @pytest.fixture
    def planted(self, monkeypatch):
        """Set it."""
        monkeypatch.setenv("EXAM_SECRET", "hunter2 and more")
        return "EXAM_SECRET", "hunter2 and more"


ENV = guests().secret_provider("env")


class Cuts(ENV):
    """Gives a part of the value."""

    def get(self, key):
        """Cut it."""
        return os.environ.get(key, "")[:3]


class Keeps(ENV):
    """Remembers what it has looked up."""

    def get(self, key):
        """Keep it."""
        self.last = super().get(key)
        return self.last


sits(Secrets, "a_secret_is_found", Cuts)
sits(Secrets, "what_is_not_there_is_none", Cuts)
sits(Secrets, "nothing_shows_the_value", Keeps)


class Sql(StepTypeExam):
    """Steps whose second run leaves something else, or whose failure leaves something."""

    name = "sql"
    steps = """
        - id: it
          type: sql
          sql: create table if not exists t (n int); insert into t values (1)
    """
    failing = """
        - id: make
          type: transform
          target: other
          sql: select 1 as n
        - id: it
          type: sql
          sql: select error('no')
    """


sits(Sql, "it_runs_and_runs_again", None)
sits(Sql, "a_failure_is_told_and_changes_nothing", None)
