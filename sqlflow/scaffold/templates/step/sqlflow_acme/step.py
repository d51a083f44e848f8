"""The step type: it keeps the newest row of each group.

A step type says where rows come from. Modes, keys, cursors, checks, schema changes, retries and the transaction
come with `TableStep`. A step that writes no table extends `StepType` instead and implements `execute`.
It holds no state and opens nothing: it is handed a session.
"""

from pydantic import Field

from sqlflow.sdk import Delta, ReadsTable, Select, StepContext, StepInput, TableStep, WriteConfig, quote, quote_name


class AcmeOptions(WriteConfig):
    """The newest row of each group; `target`, `mode`, `key` and the rest come with WriteConfig."""

    # The type of a field says what it is: ReadsTable and WritesTable order the steps, Query is parsed and bound.
    table: ReadsTable
    """Table or view to read; the step waits for whatever writes it."""

    by: list[str] = Field(min_length=1)
    """Columns that make a group."""

    latest: str
    """Column whose greatest value is the newest."""


class AcmeStepType(TableStep):
    """Keeps the newest row of each group."""

    name = "acme"
    Config = AcmeOptions

    def rows(self, given: StepInput, context: StepContext, delta: Delta) -> Select:
        """Say where the rows come from. Names that a user wrote are quoted, values are parameters."""
        config: AcmeOptions = given.config
        groups = ", ".join(quote(column) for column in config.by)
        newest = f"row_number() OVER (PARTITION BY {groups} ORDER BY {quote(config.latest)} DESC NULLS LAST) = 1"
        return Select(context.session.dialect, f"SELECT * FROM {quote_name(config.table)} QUALIFY {newest}")
