"""acme for SQLFlow: it brings `engine: {type: acme}`. The class is imported when a profile uses that name."""

from collections.abc import Sequence

from sqlflow.sdk import Late, hookimpl


@hookimpl
def sqlflow_engines() -> Sequence[Late]:
    """Bring `engine: {type: acme}`."""
    return [Late("acme", "sqlflow_acme.engine:AcmeEngine")]
