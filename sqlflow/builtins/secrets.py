"""The secret provider in the box: environment variables."""

from __future__ import annotations

import os
from collections.abc import Sequence

from sqlflow.sdk import SecretProvider, hookimpl


class EnvSecrets(SecretProvider):
    """Reads `${secret:env/NAME}` from the environment; unlike `${env:NAME}` the value is never shown."""

    name = "env"
    local = True

    def get(self, key: str) -> str | None:
        """Return the environment variable."""
        return os.environ.get(key)


@hookimpl
def sqlflow_secret_providers() -> Sequence[type[SecretProvider]]:
    """Bring it."""
    return [EnvSecrets]
