"""The secret provider `aws`: Secrets Manager, and with `ssm:` the Parameter Store of Systems Manager."""

from __future__ import annotations

import json

from sqlflow.sdk import SecretProvider, StepError

from .access import ATTEMPTS, CONNECT_SECONDS
from .config import S3Config
from .faults import fault

_MISSING = {"ResourceNotFoundException", "ParameterNotFound", "ParameterVersionNotFound"}


class AwsSecrets(SecretProvider):
    """Reads `${secret:aws/NAME}` from Secrets Manager and `${secret:aws/ssm:NAME}` from the Parameter Store.

    `NAME#FIELD` is one field of a secret that is a JSON object. Credentials and region come by AWS's standard chain.
    """

    name = "aws"
    local = False

    def get(self, key: str) -> str | None:
        """Return the value; None when there is no such secret.

        Raises:
            TransientError: AWS cannot be reached just now.
            StepError: it does not let us in, or the secret has no such field.

        """
        name, _, field = key.partition("#")
        parameter = name.removeprefix("ssm:")
        text = _secret(name) if parameter == name else _parameter(parameter)
        if text is None or not field:
            return text
        try:
            value = json.loads(text)[field]
        except (ValueError, KeyError, TypeError):
            told = f"secret aws/{name} is not a JSON object with a field {field!r}"
            raise StepError(told, hint="check the name behind the #", kind="not_found") from None
        return value if isinstance(value, str) else json.dumps(value)


def _secret(name: str) -> str | None:
    answer = _asked("secretsmanager", "get_secret_value", name, SecretId=name)
    return None if answer is None else str(answer["SecretString"]) if "SecretString" in answer else _binary(name)


def _binary(name: str) -> str:
    raise StepError(f"secret aws/{name} is binary, not text", hint="store it as text", kind="bad_data")


def _parameter(name: str) -> str | None:
    answer = _asked("ssm", "get_parameter", name, Name=name, WithDecryption=True)
    return None if answer is None else str(answer["Parameter"]["Value"])


def _asked(service: str, operation: str, name: str, **arguments: object) -> dict[str, dict[str, str]] | None:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    settings = Config(connect_timeout=CONNECT_SECONDS, retries={"mode": "standard", "total_max_attempts": ATTEMPTS})
    what = f"secret aws/{name}"
    try:
        client = boto3.Session().client(service, config=settings)  # boto3's own session is no use to several threads
        answer: dict[str, dict[str, str]] = getattr(client, operation)(**arguments)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _MISSING:
            return None
        raise fault(error, S3Config(bucket="-"), what) from None  # type: ignore[misc]
    except BotoCoreError as error:
        raise fault(error, S3Config(bucket="-"), what) from None  # type: ignore[misc]
    return answer
