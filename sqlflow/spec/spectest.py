"""The shape of the tests that stand in a pipeline: rows that are given, rows that are expected."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from sqlflow.sdk import ConfigModel

from .variable import Values

CODE_PATTERN = r"^SF\d{3}$"


def _given(key: str, **shape: Any) -> dict[str, Any]:
    return {"required": [key], "properties": {key: shape}}


class Rows(ConfigModel):
    """Rows: written here, or in a file beside the document. A list of rows stands for `rows`."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [_given("rows", type="array"), _given("csv", type="string"), _given("parquet", type="string")]
        }
    )

    rows: list[dict[str, Any]] | None = None
    """The rows; a column that a row does not name is NULL."""

    csv: str | None = None
    """CSV file that holds the rows; its path starts at the document's folder."""

    parquet: str | None = None
    """Parquet file that holds the rows."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        """Say that one of them is there."""
        schema: dict[str, Any] = handler(core)
        handler.resolve_ref_schema(schema)["oneOf"] = [{"required": [name]} for name in Rows.model_fields]
        return schema

    @model_validator(mode="after")
    def _one(self) -> Rows:
        if sum(value is not None for value in (self.rows, self.csv, self.parquet)) != 1:
            raise ValueError("write one of rows, csv, parquet")
        return self


class StateRows(Rows):
    """Rows that a table holds before the run, and up to where its step has read."""

    watermark: str | int | float | None = None
    """The step's watermark; by default the highest cursor of the rows."""


class ExpectedRows(Rows):
    """Rows that are expected. Only the columns that they name are compared."""

    match: Literal["exact", "subset"] = "exact"
    """Whether these are all the rows, or some of them."""

    ordered: bool = False
    """Whether the rows come in this order."""


def _rows(value: Any) -> Any:
    return {"rows": value} if isinstance(value, list) else value


class _OrList:
    """Tells the JSON Schema that a list of rows may stand for the whole."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [{"type": "array", "items": {"type": "object"}}, handler(core)]}


class SpecTest(ConfigModel):
    """A test of a pipeline: what is given, and what must come out."""

    name: str = Field(min_length=1)
    """What holds, in a few words."""

    vars: Values = Field(default_factory=dict)
    """Values of variables."""

    state: dict[str, Annotated[StateRows, BeforeValidator(_rows), _OrList]] = Field(default_factory=dict)
    """Rows that tables hold before the run, as if an earlier one had written them."""

    given: dict[str, Annotated[Rows, BeforeValidator(_rows), _OrList]] = Field(default_factory=dict)
    """Rows by name: of a table, which then is not written, or of a load's id, which then reads them."""

    expect: dict[str, Annotated[ExpectedRows, BeforeValidator(_rows), _OrList] | None] = Field(default_factory=dict)
    """Rows by name: of a table, or of an export's id. Of a name without rows, those that come are to be recorded."""

    error: str | None = Field(default=None, pattern=CODE_PATTERN)
    """Code of the problem with which the run must fail."""

    @property
    def is_finished(self) -> bool:
        """Whether it says what must come out."""
        return bool(self.expect or self.error) and None not in self.expect.values()
