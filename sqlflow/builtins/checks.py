"""The check kinds in the box. Each writes SQL that finds what is wrong; running it is the engine's work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from sqlflow.sdk import (
    CheckKind,
    ConfigModel,
    Duration,
    Expression,
    Query,
    QueryTest,
    ReadsTable,
    RowTest,
    TableTest,
    columns_list,
    format_duration,
    hookimpl,
    literal,
    quote,
    quote_name,
)


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


ColumnNames = Annotated[
    list[str],
    BeforeValidator(_listed),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]


def _plain(values: list[Any]) -> list[Any]:
    if not all(isinstance(value, (str, int, float, bool)) for value in values):
        raise ValueError("values are text, numbers, true or false")
    return values


Scalars = Annotated[
    list[Any],
    Field(min_length=1),
    AfterValidator(_plain),
    WithJsonSchema({"type": "array", "minItems": 1, "items": {"type": ["string", "number", "boolean"]}}),
]


class NotNullConfig(ConfigModel):
    """Columns that hold a value in every row."""

    columns: ColumnNames
    """Columns that may not be NULL."""


class NotNull(CheckKind):
    """Every row has a value in these columns."""

    name = "not_null"
    sifts = True
    Config = NotNullConfig
    scope = "batch"
    shorthand = "columns"

    def compile(self, config: NotNullConfig, relation: str) -> RowTest:
        """Find rows with NULL in one of the columns."""
        return RowTest(" OR ".join(f"{quote(c)} IS NULL" for c in config.columns), tuple(config.columns))


class UniqueConfig(ConfigModel):
    """Columns whose values, taken together, occur once."""

    columns: ColumnNames
    """Columns that identify a row."""


class Unique(CheckKind):
    """No two rows agree in all of these columns; rows with NULL in one of them do not count, as in SQL."""

    name = "unique"
    Config = UniqueConfig
    scope = "target"
    shorthand = "columns"

    def compile(self, config: UniqueConfig, relation: str) -> QueryTest:
        """Find values that occur more than once."""
        names = columns_list(config.columns)
        present = " AND ".join(f"{quote(c)} IS NOT NULL" for c in config.columns)
        return QueryTest(
            f"SELECT {names}, count(*) AS occurrences FROM {relation} "
            f"WHERE {present} GROUP BY {names} HAVING count(*) > 1"
        )


class AcceptedValuesConfig(ConfigModel):
    """A column and the values that it may hold."""

    column: str
    """Column to look at."""

    values: Scalars
    """Values that are allowed; NULL passes."""


class AcceptedValues(CheckKind):
    """A column holds nothing but these values, or NULL."""

    name = "accepted_values"
    sifts = True
    Config = AcceptedValuesConfig
    scope = "batch"

    def compile(self, config: AcceptedValuesConfig, relation: str) -> RowTest:
        """Find rows with another value."""
        listed = ", ".join(literal(value) for value in config.values)
        return RowTest(f"{quote(config.column)} NOT IN ({listed})", (config.column,))


class RelationshipsConfig(ConfigModel):
    """A column whose values are found in another table."""

    column: str
    """Column to look at."""

    to: ReadsTable
    """Table that holds the values."""

    field: str
    """Column of that table."""


class Relationships(CheckKind):
    """Every value of a column occurs in a column of another table; NULL passes."""

    name = "relationships"
    sifts = True
    Config = RelationshipsConfig
    scope = "batch"

    def compile(self, config: RelationshipsConfig, relation: str) -> RowTest:
        """Find rows whose value does not occur there."""
        column, field, table = quote(config.column), quote(config.field), quote_name(config.to)
        return RowTest(
            f"{column} IS NOT NULL AND {column} NOT IN (SELECT {field} FROM {table} WHERE {field} IS NOT NULL)",
            (config.column,),
        )


class RowCountConfig(ConfigModel):
    """How many rows there may be."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["min"]}, {"required": ["max"]}]})

    min: int | None = Field(default=None, ge=0)
    """Fewest rows allowed."""

    max: int | None = Field(default=None, ge=0)
    """Most rows allowed."""

    @model_validator(mode="after")
    def _some_bound(self) -> RowCountConfig:
        if self.min is None and self.max is None:
            raise ValueError("row_count needs min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"row_count has min {self.min} above max {self.max}")
        return self


class RowCount(CheckKind):
    """The number of rows lies within bounds."""

    name = "row_count"
    Config = RowCountConfig
    scope = "target"

    def compile(self, config: RowCountConfig, relation: str) -> TableTest:
        """Count the rows."""

        def complaint(count: int) -> str | None:
            if config.min is not None and count < config.min:
                return f"{count} rows, expected at least {config.min}"
            if config.max is not None and count > config.max:
                return f"{count} rows, expected at most {config.max}"
            return None

        return TableTest("count(*)", complaint)


class ExpressionConfig(ConfigModel):
    """A SQL expression about a row."""

    expression: Expression
    """SQL boolean; a row fails when it is false, and passes when it is true or NULL."""


class ExpressionCheck(CheckKind):
    """A SQL expression is not false in any row."""

    name = "expression"
    sifts = True
    Config = ExpressionConfig
    scope = "batch"
    shorthand = "expression"

    def compile(self, config: ExpressionConfig, relation: str) -> RowTest:
        """Find rows in which it is false."""
        return RowTest(f"NOT ({config.expression}\n)")


class FreshnessConfig(ConfigModel):
    """A time column and how old its latest value may be."""

    column: str
    """Date or timestamp column."""

    max_age: Duration
    """Longest time between the latest value and now."""


class Freshness(CheckKind):
    """The latest value of a time column is recent; a table without rows is not fresh."""

    name = "freshness"
    Config = FreshnessConfig
    scope = "target"
    steady = False

    def compile(self, config: FreshnessConfig, relation: str) -> TableTest:
        """Take the latest value and hold it against the clock."""
        limit: timedelta = config.max_age

        def complaint(latest: date | None) -> str | None:
            if latest is None:
                return f"no value in {config.column}, expected one of the last {format_duration(limit)}"
            age = datetime.now(UTC) - _moment(latest)
            if age > limit:
                return f"the latest {config.column} is {_age(age)} old, expected at most {format_duration(limit)}"
            return None

        # beside a date nothing but dates and timestamps bind
        return TableTest(f"max(coalesce({quote(config.column)}, CAST(NULL AS DATE)))", complaint)


def _moment(value: date) -> datetime:
    """Read a date or timestamp as a moment in UTC, as sessions do."""
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _age(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


class SqlConfig(ConfigModel):
    """A query that finds failures."""

    sql: Query
    """SELECT whose every row is a failure."""


class SqlCheck(CheckKind):
    """A query returns no rows."""

    name = "sql"
    Config = SqlConfig
    scope = "target"
    scopes = frozenset({"target"})
    shorthand = "sql"
    takes_where = False

    def compile(self, config: SqlConfig, relation: str) -> QueryTest:
        """Run it as it stands."""
        return QueryTest(config.sql.strip().rstrip(";"))


@hookimpl
def sqlflow_checks() -> Sequence[type[CheckKind]]:
    """Bring all of them."""
    return [NotNull, Unique, AcceptedValues, Relationships, RowCount, ExpressionCheck, Freshness, SqlCheck]
