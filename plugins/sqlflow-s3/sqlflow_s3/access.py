"""Getting at the bucket: credentials by the standard chain, a boto3 client, and pyarrow's file system beside it."""

from __future__ import annotations

from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from .config import AssumeRole, S3Config
from .faults import no_credentials, translated

CONNECT_SECONDS = 10
READ_SECONDS = 60
ATTEMPTS = 4


def url(config: S3Config, key: str = "") -> str:
    """Name an object the way that people do."""
    return f"s3://{config.bucket}/{key}"


def open_client(config: S3Config) -> Any:
    """Make a boto3 client for S3. Sends nothing.

    Raises:
        StepError: there are no credentials, or the settings are not usable.

    """
    from botocore import UNSIGNED
    from botocore.config import Config

    style = None if config.path_style is None else "path" if config.path_style else "virtual"
    settings: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
        "retries": {"mode": "standard", "total_max_attempts": ATTEMPTS},
        "max_pool_connections": config.max_connections,
        "s3": {"addressing_style": style or ("path" if config.endpoint else "auto")},
    }
    if config.anonymous:
        settings["signature_version"] = UNSIGNED
    if config.endpoint:  # many stores that speak S3 do not know the checksums that AWS has added
        settings["request_checksum_calculation"] = "when_required"
    with translated(config, url(config)):
        session = _session(config)
        if not config.anonymous and session.get_credentials() is None:
            raise no_credentials(config)
        return session.client("s3", endpoint_url=config.endpoint, config=Config(**settings))


def _session(config: S3Config) -> Any:
    import boto3

    def shown(secret: Any) -> str | None:
        return secret.get_secret_value() if secret is not None else None

    session = boto3.Session(
        profile_name=config.profile,
        region_name=config.region,
        aws_access_key_id=shown(config.access_key_id),
        aws_secret_access_key=shown(config.secret_access_key),
        aws_session_token=shown(config.session_token),
    )
    return session if config.assume_role is None else _in_role(session, config, config.assume_role)


def _in_role(session: Any, config: S3Config, role: AssumeRole) -> Any:
    """Return a session whose credentials are those of a role, and renew themselves."""
    import boto3
    import botocore.session
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

    source = session.get_credentials()
    if source is None:
        raise no_credentials(config)

    def token_service(service: str, **settings: Any) -> Any:
        return session.client(service, endpoint_url=role.endpoint, **settings)

    arguments = {"RoleSessionName": "sqlflow", **({"ExternalId": role.external_id} if role.external_id else {})}
    fetcher = AssumeRoleCredentialFetcher(token_service, source, role.arn, extra_args=arguments)
    inner = botocore.session.Session()
    inner._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")  # noqa: SLF001
    return boto3.Session(botocore_session=inner, region_name=session.region_name)


class Files:
    """pyarrow's file system with the endpoint, region and credentials of a client, made anew when those are renewed."""

    def __init__(self, config: S3Config, client: Any) -> None:
        self._config = config
        self._client = client
        self._lock = Lock()
        self._keys: Any = None
        self._files: Any = None
        self._number = 0

    def current(self) -> tuple[int, Any]:
        """Return the file system, and which one it is; credentials that are about to run out are renewed here."""
        with self._lock:
            with translated(self._config, url(self._config)):
                signer = self._client._request_signer._credentials  # noqa: SLF001
                keys = None if self._config.anonymous else signer.get_frozen_credentials()
            if self._files is None or keys != self._keys:
                self._files, self._keys = _open_files(self._config, self._client, keys), keys
                self._number += 1
            return self._number, self._files


def _open_files(config: S3Config, client: Any, keys: Any) -> Any:
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

    settings: dict[str, Any] = {
        "region": client.meta.region_name or "us-east-1",
        "connect_timeout": CONNECT_SECONDS,
        "request_timeout": READ_SECONDS,
        "retry_strategy": AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
        "check_directory_existence_before_creation": False,
    }
    if keys is None:
        settings["anonymous"] = True
    else:
        settings |= {"access_key": keys.access_key, "secret_key": keys.secret_key, "session_token": keys.token}
    endpoint = urlsplit(client.meta.endpoint_url)
    host = endpoint.hostname or ""
    ours = host.endswith((".amazonaws.com", ".amazonaws.com.cn"))
    if not ours or config.path_style:
        settings["scheme"] = endpoint.scheme
        settings["endpoint_override"] = endpoint.netloc
        settings["force_virtual_addressing"] = config.path_style is False
    with translated(config, url(config)):
        return S3FileSystem(**settings)
