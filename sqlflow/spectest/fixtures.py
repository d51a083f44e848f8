"""The rows of a test as something that an engine can read: with the columns of the table that they are for.

Which table that is, and what stands in its place while a test runs, is not its business.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from sqlflow.registry import Catalog
from sqlflow.sdk import (
    VALUELESS,
    Column,
    ColumnSpec,
    Connector,
    ReadRequest,
    Select,
    SQLFlowError,
    StepError,
    TableSchema,
    fold,
    normal_type,
    quote,
)
from sqlflow.spec import Rows

Look = Callable[[Select], TableSchema]
"""Says which columns a SELECT has that reads nothing but files."""


class Given(Struct, frozen=True):
    """Rows of a test: a connector that reads them from a file, with its options; without one there are none.

    `schema` are the columns of their table, where they are known. `held` are those of the file.
    """

    what: str
    connector: Connector[Any] | None
    options: Any
    folder: Path
    held: TableSchema = field(default_factory=lambda: TableSchema(()))
    schema: TableSchema | None = None
    inline: bool = False

    def select(self, dialects: frozenset[str], columns: Mapping[str, ColumnSpec]) -> Select:
        """Return the rows as a SELECT; where their table is not known, with the declared `columns` at least.

        Raises:
            StepError: there is neither a row nor a known column.

        """
        if self.schema is None:
            return self._guessed(dialects, columns)
        kinds = {column.name: self._kind(column.name, column.type) for column in self.schema}
        if self.connector is None:
            return Select(min(dialects), _nothing(kinds))
        found, held = self.read(dialects), {fold(name): name for name in self.held.names}
        own = {name: held[fold(name)] for name in kinds if fold(name) in held}

        def scan(types: Mapping[str, str]) -> str:
            rows = found.sql if found.typed is None else found.typed({own[n]: t for n, t in types.items() if n in own})
            terms = (f"CAST({quote(own[n]) if n in own else 'NULL'} AS {t}) AS {quote(n)}" for n, t in types.items())
            return f"SELECT {', '.join(terms)} FROM (\n{rows}\n)"

        return replace(found, sql=scan(kinds), typed=found.typed and scan, explain=self._explain(found))

    def _guessed(self, dialects: frozenset[str], columns: Mapping[str, ColumnSpec]) -> Select:
        held = {fold(name) for name in self.held.names}
        missing = {name: spec.type for name, spec in columns.items() if fold(name) not in held}
        if self.connector is None:
            if not missing:
                raise StepError(f"{self.what} has no rows, so its columns are not known", hint="declare columns")
            return Select(min(dialects), _nothing(missing))
        found = self.read(dialects)
        more = "".join(f", CAST(NULL AS {kind}) AS {quote(name)}" for name, kind in missing.items())
        return replace(found, sql=f"SELECT *{more} FROM (\n{found.sql}\n)", typed=None, explain=self._explain(found))

    def read(self, dialects: frozenset[str]) -> Select:
        """Return the rows as they stand in their file."""
        connector: Any = self.connector
        found = connector.read(ReadRequest(connector.Config(), self.options, self.folder, {}, dialects))
        if not isinstance(found, Select):
            raise StepError(f"connector {connector.name!r} gives no SELECT", kind="internal")
        return found

    def _kind(self, name: str, kind: str) -> str:
        """Return the type of a column; where no value has shown one, that of the rows."""
        if kind != VALUELESS:
            return kind
        column = self.held.get(name)
        return column.type if column is not None and column.type != VALUELESS else "VARCHAR"

    def _explain(self, found: Select) -> Callable[[str], StepError | None] | None:
        """Say of rows that stand in the document which of them is wrong, and not what is wrong with a file."""
        if not self.inline:
            return found.explain

        def explained(text: str) -> StepError | None:
            told = text.split("\n", 1)[0].rpartition("line ")[2]
            row, _, why = told.partition(": ")
            if not row.isdigit() or not why:
                return None
            hint = "write a value of the type that the column has: `sqlflow validate` knows it"
            return StepError(f"{self.what}, row {row}: {why}", hint=hint, code="SF511")

        return explained


class Fixtures(Struct, frozen=True):
    """Makes the rows of one test readable. `folder` takes the files that it needs; paths start at `beside`."""

    catalog: Catalog
    folder: Path
    beside: Path
    dialect: str
    look: Look

    def make(self, what: str, rows: Rows, schema: TableSchema | None = None) -> Given:
        """Return rows for a table of these columns.

        Raises:
            FileNotFoundError: their file is not there.
            SQLFlowError: their file cannot be read.

        """
        if rows.rows is None:
            kind, path = ("csv", rows.csv) if rows.csv is not None else ("parquet", rows.parquet)
            file = self.beside.resolve() / str(path)
            if not file.is_file():
                raise FileNotFoundError(str(path))
            return self._seen(self.of_file(what, kind, file, schema))
        if not rows.rows:
            return Given(what, None, None, self.folder, schema=schema)
        known = {fold(name): name for name in schema.names} if schema is not None else {}
        renamed = [{known.get(fold(name), name): value for name, value in row.items()} for row in rows.rows]
        empty = dict.fromkeys(names_of(renamed) or (schema.names[:1] if schema is not None else ()))
        if not empty:
            raise SQLFlowError(f"the rows of {what} name no column", hint="write one at least")
        file = self.folder / f"{len(list(self.folder.glob('*.jsonl')))}.jsonl"
        exact = {c.name for c in schema or () if normal_type(c.type).startswith("DECIMAL")}
        lines = (json.dumps(empty | _as_written(row, exact), default=str) for row in renamed)
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        given = replace(self.of_file(what, "json", file, schema, lines=True), inline=True)
        if any(column.type == VALUELESS for column in schema or ()):
            return self._seen(given)
        return replace(given, held=TableSchema(tuple(Column(name, VALUELESS) for name in empty)))

    def of_file(self, what: str, kind: str, file: Path, schema: TableSchema | None = None, **options: Any) -> Given:
        """Return the rows of a file."""
        connector = self.catalog.connector(kind)
        read: Any = connector.ReadOptions
        return Given(what, connector(), read.model_validate({"path": str(file), **options}), self.folder, schema=schema)

    def _seen(self, given: Given) -> Given:
        return replace(given, held=self.look(given.read(frozenset({self.dialect}))))


def _as_written(row: Mapping[str, Any], exact: Container[str]) -> dict[str, Any]:
    """Write numbers of exact columns as texts: a reader of JSON would make doubles of them on the way."""
    return {
        name: str(value) if name in exact and isinstance(value, (int, float)) and not isinstance(value, bool) else value
        for name, value in row.items()
    }


def names_of(rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the columns that rows name, in the order in which they come."""
    return tuple(dict.fromkeys(name for row in rows for name in row))


def _nothing(kinds: Mapping[str, str]) -> str:
    terms = (f"CAST(NULL AS {kind}) AS {quote(name)}" for name, kind in kinds.items())
    return f"SELECT {', '.join(terms)} WHERE FALSE"
