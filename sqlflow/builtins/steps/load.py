"""`type: load`: rows from a source into a table."""

from __future__ import annotations

from sqlflow.sdk import ArrowStream, ReadRequest, Select, Source, StepContext, StepInput, TableStep, WriteConfig


class LoadConfig(WriteConfig):
    """Rows from a source into a table."""

    source: Source
    """Where the rows come from."""


class LoadStep(TableStep):
    """Loads rows from a connector into a table."""

    name = "load"
    Config = LoadConfig

    def rows(self, given: StepInput, context: StepContext) -> Select | ArrowStream:
        """Ask the connector, telling it the declared columns and what the engine can scan by itself."""
        source = given.endpoints["source"]
        dialects = frozenset({context.session.dialect})
        request = ReadRequest(source.config, source.options, context.folder, given.config.columns, dialects)
        return source.connector.read(request)
