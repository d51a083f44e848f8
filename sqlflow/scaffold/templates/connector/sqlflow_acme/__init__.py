"""acme for SQLFlow: it brings `connector: acme`. The class is imported when a document uses that name."""

from collections.abc import Sequence

from sqlflow.sdk import Late, hookimpl


@hookimpl
def sqlflow_connectors() -> Sequence[Late]:
    """Bring `connector: acme`."""
    return [Late("acme", "sqlflow_acme.connector:AcmeConnector")]
