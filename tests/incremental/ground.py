"""A folder in which documents are run again and again while their sources change; what the tests here share."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Self

import duckdb
from hypothesis import HealthCheck, Phase, settings

from sqlflow import Pipeline
from sqlflow.pipeline import installed
from sqlflow.registry import Catalog
from sqlflow.run import StepRecord

SLOW = os.environ.get("SQLFLOW_SLOW") == "1"
"""Whether many more examples are looked at."""


def bounded(examples: int, slow: int) -> settings:
    """Return the settings of a property: few examples, or many where there is time."""
    return settings(
        max_examples=slow if SLOW else examples,
        deadline=None,
        database=None,
        derandomize=not SLOW,
        phases=[Phase.explicit, Phase.generate],  # an example takes a second, so one that fails is not made smaller
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


@cache
def catalog() -> Catalog:
    """Return what is installed; it is the same for every run."""
    return installed()


class Ground:
    """A folder with a pipeline called `p`, its sources and its warehouse."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "p.duckdb"
        self._reader: Any = None

    def __enter__(self) -> Self:
        """Enter; on leaving, the warehouse is let go."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the warehouse."""
        self.let_go()

    def let_go(self) -> None:
        """Close the connection by which rows are looked at."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def run(
        self, *steps: Mapping[str, Any], declared: Mapping[str, Any] | None = None, **asked: Any
    ) -> dict[str, StepRecord]:
        """Run a document of these steps and return what became of each; `declared` are its variables."""
        self.let_go()
        path = self.folder / "p.yaml"
        path.write_text(
            json.dumps({"version": 1, "name": "p", "vars": declared or {}, "steps": steps}), encoding="utf-8"
        )
        with Pipeline(path, catalog()).run(**asked) as result:
            return {step.id: step for step in result.steps}

    def done(self, *steps: Mapping[str, Any], **asked: Any) -> StepRecord:
        """Run a document, see every step succeed, and return the last."""
        found = self.run(*steps, **asked)
        for step in found.values():
            assert step.status == "succeeded", (step.id, step.error)
        return list(found.values())[-1]

    def refused(self, code: str, *steps: Mapping[str, Any], **asked: Any) -> str:
        """Run a document, see its last step fail with a code and leave tables and memories alone."""
        before = self.memories(), self.tables()
        step = list(self.run(*steps, **asked).values())[-1]
        assert (step.status, (step.error or {}).get("code")) == ("failed", code), step.error
        assert (self.memories(), self.tables()) == before
        return f"{step.error['message']}\n{step.error['hint']}"

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query on the warehouse, in a stable order."""
        if self._reader is None:
            self._reader = duckdb.connect(str(self.file), read_only=True)
            self._reader.execute("set timezone = 'UTC'")
        return self._reader.sql(sql if "order by" in sql else f"{sql} order by all").fetchall()

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return the rows of all tables that a reader sees."""
        if not self.file.exists():
            return {}
        names = self.rows(
            "select schema_name || '.' || table_name from duckdb_tables() where schema_name <> '_sqlflow'"
        )
        return {name: self.rows(f"select columns(*)::varchar from {name}") for (name,) in names}

    def columns(self, table: str) -> dict[str, str]:
        """Return the columns of a table and their types."""
        return {row[0]: row[1] for row in self.rows(f"select column_name, column_type from (describe {table})")}

    def memories(self, kind: str | None = None) -> dict[tuple[str, str, str], Any]:
        """Return what steps remember now, by step, kind and name."""
        if not self.file.exists():
            return {}
        found = self.rows("select step, kind, name, value from _sqlflow.state order by line")
        newest = {(step, sort, name): value for step, sort, name, value in found}
        return {k: json.loads(v) for k, v in newest.items() if v is not None and kind in (None, k[1])}

    def watermark(self, step: str = "s") -> str | None:
        """Return the watermark of a step as text."""
        value = self.memories("watermark").get((step, "watermark", ""))
        return None if value is None else value["value"]

    def other(self, *statements: str, file: str = "p.duckdb") -> None:
        """Run statements on a DuckDB file as another program would."""
        self.let_go()
        with duckdb.connect(str(self.folder / file)) as connection:
            for statement in statements:
                connection.execute(statement)

    def csv(self, name: str, columns: str, *rows: Sequence[Any]) -> dict[str, Any]:
        """Write a CSV file and return it as a source; None is nothing between the commas."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as opened:
            writer = csv.writer(opened)
            writer.writerow(name.strip() for name in columns.split(","))
            writer.writerows(rows)
        return {"connector": "csv", "path": name}

    def json(self, name: str, columns: str, *rows: Sequence[Any]) -> dict[str, Any]:
        """Write a JSON file, one array of objects, and return it as a source."""
        names = [column.strip() for column in columns.split(",")]
        objects = [dict(zip(names, row, strict=True)) for row in rows]
        (self.folder / name).write_text(json.dumps(objects, default=str), encoding="utf-8")
        return {"connector": "json", "path": name}

    def parquet(self, name: str, sql: str) -> dict[str, Any]:
        """Write the rows of a query as a Parquet file and return it as a source."""
        duckdb.sql(f"set timezone = 'UTC'; copy ({sql}) to '{self.folder / name}' (format parquet)")
        return {"connector": "parquet", "path": name}

    def table(self, sql: str) -> dict[str, Any]:
        """Write the rows of a query into another DuckDB file and return its table as a source."""
        self.other("set timezone = 'UTC'", f"create or replace table src as {sql}", file="other.duckdb")
        return {"connector": "duckdb", "path": "other.duckdb", "table": "src"}


def load(source: Mapping[str, Any], **options: Any) -> dict[str, Any]:
    """Return a load as it stands in a document: step `s` into table `t` unless said otherwise."""
    return {"id": "s", "type": "load", "source": source, "target": "t", **options}


def transform(sql: str, **options: Any) -> dict[str, Any]:
    """Return a transform as it stands in a document."""
    return {"id": "s", "type": "transform", "target": "t", "sql": sql, **options}


def values(columns: str, *rows: str) -> str:
    """Return a query that gives these rows; without rows, none of them but the columns of the first."""
    return f"select * from (values {', '.join(f'({row})' for row in rows)}) v({columns})"
