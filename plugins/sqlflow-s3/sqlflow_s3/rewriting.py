"""Keyed writes into Parquet objects: those that hold a row which changes are written anew, the others stay.

The rows are staged in a local file first, the objects that may hold their keys are fetched beside it, and the engine
says which of them change. Only Parquet can be written anew without a value becoming another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlflow.sdk import Rows, StepError, columns_list, fold, key_match, literal, quote

from .manifest import S3Object
from .outflow import Layout, LocalFile, write_files
from .partitions import folder_values
from .publishing import Dataset
from .shape import Shape
from .spool import Spool, fetch

_OBJECT = "sqlflow_object"
_SAMPLE = 5


@dataclass
class Rewriting:
    """One keyed write. `query` are the rows as they fit the data set, `key` is spelt as there."""

    dataset: Dataset
    mode: str
    rows: Rows
    query: str
    shape: Shape
    key: Sequence[str]
    folder: Path
    _asked: int = field(default=0, init=False)

    def write(self, layout: Layout) -> tuple[int, list[LocalFile], list[S3Object]]:
        """Write what is new into local files; returns how many rows came, the files, and the objects that stay.

        Raises:
            StepError: a key is NULL, or in a merge occurs twice.

        """
        batch = self.folder / "batch.parquet"
        count = self.rows.copy(f"COPY ({self.query}) TO {literal(str(batch))} (FORMAT parquet)")
        came = f"read_parquet({literal(str(batch))}, hive_partitioning = false)"
        self._check(came)
        objects = list(self.dataset.before.objects) if self.dataset.before is not None else []
        met = self._may_hold(objects, came) if count else []
        spool = fetch(self.dataset.client, self.dataset.config, met) if met else None
        try:
            query, changed = (f"SELECT * FROM {came}", set[str]()) if spool is None else self._met(came, spool)
            written, files = write_files(self.rows, layout, self.folder, query)
        finally:
            if spool is not None:
                spool.remove()
        kept = [o for o in objects if o.key not in changed]
        return count, files if written or self.dataset.before is None else [], kept

    def _check(self, came: str) -> None:
        place = self.dataset.place
        nulls = ", ".join(f"count(*) - count({quote(name)}) AS {quote(name)}" for name in self.key)
        for name, count in self._ask(f"SELECT {nulls} FROM {came}")[0].items():
            if count:
                raise StepError(
                    f"key column {name!r} is NULL in {count} of the rows for {place}",
                    hint="a key identifies a row; filter these rows or choose another key",
                    code="SF706",
                )
        if self.mode != "merge":
            return
        shown = ", ".join(f"CAST({quote(name)} AS VARCHAR) AS {quote(name)}" for name in self.key)
        keys = columns_list(self.key)
        twice = self._ask(
            f"SELECT {shown}, count(*) AS {quote(_OBJECT)} FROM {came} GROUP BY {keys} "
            f"HAVING count(*) > 1 ORDER BY {keys} LIMIT {_SAMPLE}"
        )
        if twice:
            counts = [row.pop(_OBJECT) for row in twice]
            told = "; ".join(
                ", ".join(f"{name} = {value}" for name, value in row.items()) + f" ({count} rows)"
                for row, count in zip(twice, counts, strict=True)
            )
            raise StepError(
                f"duplicate keys in the rows for {place}: {told}",
                hint="leave one row of each key in the SQL of the export, or make the key wider",
                code="SF705",
            )

    def _may_hold(self, objects: Sequence[S3Object], came: str) -> list[S3Object]:
        """Return the objects whose partition may hold a key of the rows."""
        named = {fold(name) for name in self.shape.partition_by}
        on = [name for name in self.key if fold(name) in named]
        if not on:
            return list(objects)
        listed = ", ".join(f"CAST({quote(name)} AS VARCHAR) AS {quote(name)}" for name in on)
        wanted = {tuple(row.values()) for row in self._ask(f"SELECT DISTINCT {listed} FROM {came}")}
        return [o for o in objects if tuple(self._values(o).get(fold(name)) for name in on) in wanted]

    def _values(self, source: S3Object) -> Mapping[str, str | None]:
        below = source.key[len(self.dataset.folder) :]
        return {fold(name): value for name, value in folder_values(below).items()}

    def _met(self, came: str, spool: Spool) -> tuple[str, set[str]]:
        """Return the query of what is to be written, and the keys of the objects in whose place it is written."""
        there, keys = self._there(spool), {str(f): o.key for f, o in zip(spool.files, spool.objects, strict=True)}
        match = key_match(self.key, "o", "b")
        brought = [c.name for c in self.shape.columns if c.name not in self.key and self.rows.schema.get(c.name)]
        differ = "true"
        if self.mode == "merge":
            differ = " OR ".join(f"o.{quote(c)} IS DISTINCT FROM b.{quote(c)}" for c in brought) or "false"
        found = self._ask(
            f"SELECT DISTINCT o.{quote(_OBJECT)} AS name FROM ({there}) AS o JOIN {came} AS b ON {match} WHERE {differ}"
        )
        files = {row["name"] for row in found}
        changing = f"SELECT * FROM ({there}) WHERE {quote(_OBJECT)} IN ({', '.join(literal(f) for f in sorted(files))})"
        names = columns_list(self.shape.columns.names)
        added = f"SELECT {names} FROM {came}"
        if self.mode == "merge":
            added += f" AS b WHERE NOT EXISTS (SELECT 1 FROM ({there}) AS o WHERE {match})"
            took = f"b.{quote(self.key[0])} IS NOT NULL"
            stay = ", ".join(
                f"CASE WHEN {took} THEN b.{quote(n)} ELSE o.{quote(n)} END AS {quote(n)}"
                if n in brought
                else f"o.{quote(n)}"
                for n in self.shape.columns.names
            )
            stays = f"SELECT {stay} FROM ({changing}) AS o LEFT JOIN {came} AS b ON {match}"
        else:
            stays = f"SELECT {names} FROM ({changing}) AS o WHERE NOT EXISTS (SELECT 1 FROM {came} AS b WHERE {match})"
        return f"{stays} UNION ALL {added}" if files else added, {keys[file] for file in files}

    def _there(self, spool: Spool) -> str:
        """Write the rows of the fetched objects as a query, with the file that each comes from."""
        pairs = sorted(zip(spool.files, spool.objects, strict=True), key=lambda pair: pair[1].key)
        parts = []
        for _, group in groupby(pairs, key=lambda pair: pair[1].key.rpartition("/")[0]):
            members = list(group)
            values = self._values(members[0][1])
            listed = []
            for column in self.shape.columns:
                name = quote(column.name)
                inside = column.name not in self.shape.partition_by
                told = name if inside else f"CAST({literal(values.get(fold(column.name)))} AS {column.type}) AS {name}"
                listed.append(told)
            files = ", ".join(literal(str(file)) for file, _ in members)
            scan = f"read_parquet([{files}], hive_partitioning = false, filename = {literal(_OBJECT)})"
            parts.append(f"SELECT {', '.join(listed)}, {quote(_OBJECT)} FROM {scan}")
        return " UNION ALL ".join(parts)

    def _ask(self, query: str) -> list[dict[str, Any]]:
        """Return the few rows of a query over local files."""
        self._asked += 1
        answer = self.folder / f"answer-{self._asked}.json"
        self.rows.copy(f"COPY ({query}) TO {literal(str(answer))} (FORMAT json)")
        return [json.loads(line) for line in answer.read_text(encoding="utf-8").splitlines()]
