"""The plugin's door: the connector `s3` and the secret provider `aws`, each imported when a document uses it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlflow.sdk import Late, hookimpl


@hookimpl
def sqlflow_connectors() -> Sequence[Late]:
    """Bring `connector: s3`."""
    return [Late("s3", f"{__name__}.connector:S3Connector")]


@hookimpl
def sqlflow_secret_providers() -> Sequence[Late]:
    """Bring `${secret:aws/NAME}`."""
    return [Late("aws", f"{__name__}.secrets:AwsSecrets")]
