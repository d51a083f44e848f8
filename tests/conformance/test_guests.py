"""Storages, the engine, step types, checks and the secret provider in the box sit the exams of their kinds."""

from __future__ import annotations

import pytest

from sqlflow.testing import CheckExam, EngineExam, SecretProviderExam, StepTypeExam, StorageExam


class TestFileStorage(StorageExam):
    """A file."""

    name = "file"
    config = {"path": "deep/shop.duckdb"}


class TestMemoryStorage(StorageExam):
    """Memory."""

    name = "memory"
    keeps = False


class TestDuckDbEngine(EngineExam):
    """DuckDB."""

    name = "duckdb"
    config = {"threads": 2}


class TestTransform(StepTypeExam):
    """`type: transform`."""

    name = "transform"
    steps = """
        - id: it
          type: transform
          target: t
          sql: select unnest(range(3)) as n
    """
    failing = """
        - id: it
          type: transform
          target: t
          sql: select error('no') as n
    """


class TestLoad(StepTypeExam):
    """`type: load`."""

    name = "load"
    steps = """
        - id: it
          type: load
          source: {connector: csv, path: t.csv}
          target: t
    """
    failing = """
        - id: it
          type: load
          source: {connector: csv, path: t.csv}
          target: t
          columns: {name: date}
    """

    def prepare(self, folder):
        """Write the file."""
        (folder / "t.csv").write_text("n,name\n1,a\n2,b\n")


class TestExport(StepTypeExam):
    """`type: export`."""

    name = "export"
    steps = """
        - id: it
          type: export
          sql: select 1 as n
          target: {connector: csv, path: out.csv}
    """
    failing = """
        - id: it
          type: export
          sql: select error('no') as n
          target: {connector: csv, path: out.csv}
    """


class TestSql(StepTypeExam):
    """`type: sql`."""

    name = "sql"
    steps = """
        - id: it
          type: sql
          sql: create or replace table t as select 1 as n; insert into t values (2)
    """
    failing = """
        - id: it
          type: sql
          sql: create or replace table t as select 5 as n; select error('no')
    """


class TestCheckStep(StepTypeExam):
    """`type: check`."""

    name = "check"
    steps = """
        - id: make
          type: transform
          target: t
          sql: select 1 as n
        - id: it
          type: check
          table: t
          checks: [not_null: n]
    """
    failing = """
        - id: make
          type: transform
          target: t
          sql: select 1 as n
        - id: it
          type: check
          table: t
          checks: [expression: n > 1]
    """


class TestNotNull(CheckExam):
    """`not_null`."""

    name = "not_null"
    config = {"columns": ["n"]}
    good = "select unnest([1, 2]) as n"
    bad = "select unnest([1, null, null]) as n"
    failures = 2


class TestUnique(CheckExam):
    """`unique`."""

    name = "unique"
    config = {"columns": ["n"]}
    good = "select unnest([1, 2]) as n"
    bad = "select unnest([1, 1, 2]) as n"


class TestAcceptedValues(CheckExam):
    """`accepted_values`."""

    name = "accepted_values"
    config = {"column": "s", "values": ["a", "b"]}
    good = "select unnest(['a', 'b', null]) as s"
    bad = "select unnest(['a', 'c']) as s"
    failures = 1


class TestRelationships(CheckExam):
    """`relationships`."""

    name = "relationships"
    config = {"column": "n", "to": "others", "field": "id"}
    tables = {"others": "select unnest([1, 2]) as id"}
    good = "select unnest([1, 2, null]) as n"
    bad = "select unnest([1, 3]) as n"
    failures = 1


class TestRowCount(CheckExam):
    """`row_count`."""

    name = "row_count"
    config = {"min": 2, "max": 3}
    good = "select unnest([1, 2]) as n"
    bad = "select 1 as n"


class TestExpression(CheckExam):
    """`expression`."""

    name = "expression"
    config = {"expression": "n >= 0"}
    good = "select unnest([0, 1, null]) as n"
    bad = "select unnest([0, -1]) as n"
    failures = 1


class TestFreshness(CheckExam):
    """`freshness`."""

    name = "freshness"
    config = {"column": "at", "max_age": "1d"}
    good = "select current_timestamp::timestamp as at"
    bad = "select timestamp '2001-01-01' as at"


class TestSqlCheck(CheckExam):
    """`sql`."""

    name = "sql"
    config = {"sql": "select * from others where id > 5"}
    bad_config = {"sql": "select * from others"}
    tables = {"others": "select 1 as id"}
    good = "select 1 as n"
    bad = "select 1 as n"


class TestEnv(SecretProviderExam):
    """Environment variables."""

    name = "env"

    @pytest.fixture
    def planted(self, monkeypatch):
        """Set a variable."""
        monkeypatch.setenv("EXAM_SECRET", "hunter2 and more")
        return "EXAM_SECRET", "hunter2 and more"
