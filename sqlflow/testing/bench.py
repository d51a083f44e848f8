"""The bench that a connector is examined on: an engine in memory, which takes rows in and hands rows out.

Every value is compared as the engine writes it as text, so that nothing is lost on the way to Python.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from msgspec import Struct

from sqlflow.errors import Imprecise
from sqlflow.sdk import (
    ArrowStream,
    Batch,
    ColumnSpec,
    Commit,
    Connector,
    Delta,
    Opening,
    ReadRequest,
    Rows,
    Select,
    StorageLocation,
    TableSchema,
    TableWrite,
    Token,
    WriteRequest,
    WriteResult,
    normal_type,
    quote,
)

from .guests import guests
from .places import Place

if TYPE_CHECKING:
    import pyarrow as pa


class Held(Struct, frozen=True):
    """Rows in the engine: what may follow FROM, and their columns."""

    relation: str
    schema: TableSchema

    @property
    def types(self) -> list[str]:
        """The types of the columns, in order."""
        return [normal_type(column.type) for column in self.schema]


class Bench:
    """An engine with nothing in it, and a connector beside it."""

    def __init__(self, connector: Connector[Any], folder: Path) -> None:
        catalog = guests()
        engine = catalog.engine("duckdb")()
        config = engine.Config.model_validate({"threads": 2})
        self.connector = connector
        self.folder = folder
        self.session = engine.open(config, Opening(StorageLocation(None, exists=False), folder))
        self.session.prepare([])
        self._numbers = itertools.count(1)
        self._forks: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for fork in self._forks:
            fork.close()
        self.session.close()

    def take(
        self,
        source: Select | ArrowStream,
        columns: Mapping[str, ColumnSpec] | None = None,
    ) -> Held:
        """Take rows into the engine as a load does."""
        name = f"t{next(self._numbers)}"
        try:
            return self._taken(source, name, columns or {}, careful=False)
        except Imprecise:
            return self._taken(source, name, columns or {}, careful=True)

    def _taken(
        self, source: Select | ArrowStream, name: str, columns: Mapping[str, ColumnSpec], *, careful: bool
    ) -> Held:
        token = Token("exam", name, 1)
        fork = self.session.fork()
        try:
            staged = fork.stage(source, Batch(name, token, "replace", columns, careful=careful))
            fork.publish(Commit(token, TableWrite(staged), name))
        finally:
            fork.close()
        found = self.session.describe(name)
        assert found is not None
        return Held(quote(name), found.schema)

    def hold(self, table: pa.Table) -> Held:
        """Take a table into the engine."""
        return self.take(ArrowStream(table.to_reader))

    def texts(
        self, held: Held, columns: Sequence[str] | None = None, order: str | None = "id"
    ) -> list[tuple[Any, ...]]:
        """Return rows with every value as the engine writes it, NULL as None, ordered by a column."""
        names = list(columns or held.schema.names)
        shown = ", ".join(f"CAST({quote(name)} AS VARCHAR)" for name in names)
        ordered = f" ORDER BY {quote(order)}" if order else ""
        return self.session.fetch(f"SELECT {shown} FROM {held.relation}{ordered}")

    def options(self, place: Place, *, writing: bool) -> tuple[Any, Any]:
        """Read config and options as a document's are read: strictly, through JSON."""
        connector = self.connector
        model = connector.WriteOptions if writing else connector.ReadOptions
        assert model is not None
        given = place.write if writing else place.read
        return validated(connector.Config, place.config), validated(model, given or {})

    def source(self, place: Place, columns: Mapping[str, Any] | None = None, delta: Delta | None = None) -> Any:
        """Ask the connector how the rows of a place come."""
        config, options = self.options(place, writing=False)
        dialects = frozenset({self.session.dialect})
        specs = {name: ColumnSpec.model_validate({"type": kind}) for name, kind in (columns or {}).items()}
        return self.connector.read(ReadRequest(config, options, place.folder, specs, dialects, delta or Delta()))

    def read(self, place: Place, columns: Mapping[str, str] | None = None, delta: Delta | None = None) -> Held:
        """Read a place as a load does."""
        specs = {name: ColumnSpec.model_validate({"type": kind}) for name, kind in (columns or {}).items()}
        return self.take(self.source(place, columns, delta), specs)

    def seen(self, place: Place, columns: Mapping[str, str] | None = None) -> Held:
        """Look at what is at a place now, without the connector where that can be done."""
        return self.hold(place.look()) if place.look is not None else self.read(place, columns)

    def rows(self, held: Held, sql: str | None = None) -> Rows:
        """Return rows on their way out, as an export has them; `{rows}` in the SQL stands for them."""
        fork = self.session.fork()
        self._forks.append(fork)
        return fork.rows((sql or "SELECT * FROM {rows}").replace("{rows}", held.relation))

    def write(
        self, place: Place, rows: Rows, mode: Any = "replace", key: Sequence[str] = (), token: str | None = None
    ) -> WriteResult:
        """Write rows to a place as an export does."""
        config, options = self.options(place, writing=True)
        named = token or f"run/step{next(self._numbers)}"
        return self.connector.write(WriteRequest(config, options, place.folder, mode, key, named), rows)

    def put(self, place: Place, table: pa.Table) -> Held:
        """Bring rows to a place, by whatever way it has, and return them as the engine holds them."""
        held = self.hold(table)
        if place.prepare is not None:
            place.prepare(table)
        else:
            self.write(place, self.rows(held))
        return held


def validated(model: Any, given: Mapping[str, Any]) -> Any:
    """Fill a model from plain values as core does."""
    return model.model_validate_json(json.dumps(given, default=str), strict=True)
