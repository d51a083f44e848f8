"""What all objects of a data set have in common: format, partitions, columns; and how later rows are made to fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from sqlflow.sdk import VALUELESS, Column, SchemaChanged, StepError, TableSchema, fold, normal_type, quote, widens

from .outflow import Layout


@dataclass(frozen=True)
class Shape:
    """The shape of a data set. `settings` is how its text is written, empty for Parquet."""

    format: str
    settings: str
    partition_by: tuple[str, ...]
    columns: TableSchema

    @classmethod
    def of(cls, layout: Layout, columns: TableSchema) -> Self:
        """Return the shape of a data set that is made of such rows."""
        settings = "" if layout.format == "parquet" else layout.settings()
        by = [columns.get(name) for name in layout.options.partition_by]
        return cls(layout.format, settings, tuple(column.name for column in by if column), columns)

    @classmethod
    def read(cls, data: Any) -> Self:
        """Read it from a manifest."""
        columns = TableSchema(tuple(Column(c["name"], c["type"]) for c in data["columns"]))
        return cls(str(data["format"]), str(data["settings"]), tuple(data["partition_by"]), columns)

    def data(self) -> dict[str, Any]:
        """Write it for a manifest."""
        columns = [{"name": c.name, "type": c.type} for c in self.columns]
        listed = list(self.partition_by)
        return {"format": self.format, "settings": self.settings, "partition_by": listed, "columns": columns}

    def fitted(self, rows: Shape, place: str) -> str:
        """Return the query of rows that go into this data set beside others; `{query}` in it stands for the rows.

        Columns meet by name, and one that the rows lack is NULL.

        Raises:
            SchemaChanged: they have a column that is not there, or one of a type that does not fit.
            StepError: they would be written otherwise than the objects that are there.

        """
        hint = "write it as it was, or write mode: replace once"
        for what, here, there in (
            ("format", rows.format, self.format),
            ("partition_by", ", ".join(rows.partition_by) or "none", ", ".join(self.partition_by) or "none"),
            ("text", rows.settings, self.settings),
        ):
            if fold(here) != fold(there):
                told = f"the objects of {place} have other options: {what} is {there}, and here {here}"
                raise StepError(told, hint=hint, code="SF512")
        for column in rows.columns:
            if self.columns.get(column.name) is None:
                raise SchemaChanged(
                    f"{place} has no column {column.name!r}; it has: {', '.join(self.columns.names)}",
                    hint="leave it out in the SQL of the export, or write mode: replace once",
                    code="SF721",
                )
        listed = ", ".join(_fitted(column, rows.columns.get(column.name), place) for column in self.columns)
        return f"SELECT {listed} FROM ({{query}})"


def _fitted(column: Column, found: Column | None, place: str) -> str:
    name = quote(column.name)
    if found is None:
        return f"CAST(NULL AS {column.type}) AS {name}"
    if normal_type(found.type) == normal_type(column.type):
        return f"{quote(found.name)} AS {name}"
    if found.type != VALUELESS and not widens(found.type, column.type):
        raise SchemaChanged(
            f"column {column.name!r} of {place} is {column.type}, and that of the rows {found.type}",
            hint=f"cast it to {column.type} in the SQL of the export, or write mode: replace once",
            code="SF721",
        )
    return f"CAST({quote(found.name)} AS {column.type}) AS {name}"
