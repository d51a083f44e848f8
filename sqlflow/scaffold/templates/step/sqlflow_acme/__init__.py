"""acme for SQLFlow: it brings `type: acme`. The class is imported when a document uses that name."""

from collections.abc import Sequence

from sqlflow.sdk import Late, hookimpl


@hookimpl
def sqlflow_step_types() -> Sequence[Late]:
    """Bring `type: acme`."""
    return [Late("acme", "sqlflow_acme.step:AcmeStepType")]
