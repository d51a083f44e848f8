"""The engine: it opens the warehouse and hands out a session, which executes everything.

This one builds on the DuckDB that comes with SQLFlow and adds settings of its own. An engine of another database
returns a session of its own from `open`: the methods of `sqlflow.sdk.Session`, each with its promise. The promise
that matters most: `publish` writes rows, state and the line in the ledger in one transaction, or nothing at all.
"""

from pydantic import Field

from sqlflow.sdk import ConfigModel, Engine, Opening, Session, StepError, brought, literal, quote


class AcmeConfig(ConfigModel):
    """Settings of the engine; they stand in a profile, beside `type: acme`."""

    settings: dict[str, str] = Field(default_factory=dict)
    """Settings of DuckDB by name, such as `default_null_order: nulls_first`."""


class AcmeEngine(Engine):
    """Executes SQL in an embedded DuckDB with settings of one's own."""

    name = "acme"
    dialect = "duckdb"  # what its SQL is; a storage says which dialects can open it
    Config = AcmeConfig

    def open(self, config: AcmeConfig, opening: Opening) -> Session:
        """Open the warehouse that `opening` names; it is made when it is not there, unless opened read-only."""
        duckdb = brought("sqlflow_engines", "duckdb")
        session: Session = duckdb().open(duckdb.Config(), opening)
        try:
            for name, value in config.settings.items():
                session.fetch(f"SET GLOBAL {quote(name)} = {literal(value)}")
        except StepError as error:
            session.close()
            hint = "look at `settings` of the engine in the profile"
            raise StepError(f"engine acme: {error.message}", hint=hint, code=error.code, kind=error.kind) from error
        return session
