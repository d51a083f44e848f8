"""What goes wrong with S3, in SQLFlow's words: sorted by kind, with the remedy, and never with a secret in it.

boto3 and pyarrow tell the same faults in different ways; both are read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlflow.sdk import SQLFlowError, StepError, TransientError

from .config import S3Config

_NO_KEY = {"NoSuchKey", "404", "NoSuchVersion", "NotFound"}
_DENIED = {"AccessDenied", "403", "AllAccessDisabled", "AccountProblem", "InvalidObjectState", "AccessDeniedException"}
_UNKNOWN = {
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired",
    "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException", "InvalidSignatureException",
    "AuthFailure", "InvalidSecurity", "NotSignedUp", "RequestTimeTooSkewed", "RequestExpired", "401",
    "IncompleteSignature", "MissingAuthenticationToken", "AuthorizationHeaderMalformed",
}  # fmt: skip
_BUSY = {
    "SlowDown", "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "TooManyRequests",
    "RequestThrottledException", "TooManyRequestsException", "RequestLimitExceeded", "BandwidthLimitExceeded",
    "PriorRequestNotComplete", "InternalError", "InternalFailure", "ServiceUnavailable", "ServiceUnavailableException",
    "RequestTimeout", "RequestTimeoutException", "OperationAborted", "InternalServerError", "IDPCommunicationError",
}  # fmt: skip
_CHANGED = {"PreconditionFailed", "412", "ConditionalRequestConflict"}
_TOO_BUSY = 429
_SERVER_FAULT = 500
#: What pyarrow calls them, in the words above.
_ARROW = {
    "NO_SUCH_KEY": "NoSuchKey", "RESOURCE_NOT_FOUND": "404", "NO_SUCH_BUCKET": "NoSuchBucket",
    "ACCESS_DENIED": "AccessDenied", "INVALID_ACCESS_KEY_ID": "InvalidAccessKeyId",
    "SIGNATURE_DOES_NOT_MATCH": "SignatureDoesNotMatch", "INVALID_SIGNATURE": "SignatureDoesNotMatch",
    "INVALID_CLIENT_TOKEN_ID": "InvalidToken", "UNRECOGNIZED_CLIENT": "InvalidAccessKeyId",
    "MISSING_AUTHENTICATION_TOKEN": "MissingAuthenticationToken", "REQUEST_EXPIRED": "RequestExpired",
    "REQUEST_TIME_TOO_SKEWED": "RequestTimeTooSkewed", "SLOW_DOWN": "SlowDown", "THROTTLING": "Throttling",
    "SERVICE_UNAVAILABLE": "ServiceUnavailable", "INTERNAL_FAILURE": "InternalError",
    "REQUEST_TIMEOUT": "RequestTimeout", "NETWORK_CONNECTION": "RequestTimeout",
}  # fmt: skip
_ARROW_ERROR = re.compile(r"AWS Error ([A-Z_]+)(?: \([^)]*\))?(?: during (\w+) operation)?")
_STATUS = re.compile(r"HTTP response code:? ?(\d{3})|\b(?:HTTP|HTTP status|status code:?) (\d{3})", re.IGNORECASE)
_CODED = re.compile(r"\b(" + "|".join(sorted(_UNKNOWN - {"401"})) + r")\b")
_CUT = re.compile(r"curlCode|ended prematurely|Unexpected end of stream|Connection reset|timed out|Read \d+ bytes|"
                  r"short read|Couldn't connect|Network", re.IGNORECASE)  # fmt: skip


@contextmanager
def translated(config: S3Config, what: str) -> Iterator[None]:
    """Raise SQLFlow's errors in the place of the drivers'; `what` is what was being touched, as a person says it."""
    try:
        yield
    except SQLFlowError:
        raise
    except Exception as error:
        found = fault(error, config, what)
        if found is None:
            raise
        raise found from None  # the driver's own words may hold what must not be shown


def fault(error: BaseException, config: S3Config, what: str) -> StepError | None:
    """Turn a driver's error into one of SQLFlow's; None when it is none of theirs."""
    import botocore.exceptions as boto
    import urllib3.exceptions
    from boto3.exceptions import RetriesExceededError, S3UploadFailedError
    from s3transfer.exceptions import RetriesExceededError as TransferRetries
    from s3transfer.exceptions import S3DownloadFailedError

    told = scrubbed(str(error).split("\n", maxsplit=1)[0], config)
    if isinstance(error, boto.ClientError):
        return _answered(error, config, what)
    if isinstance(error, S3DownloadFailedError):  # another etag than the one that was listed
        return changed(what)
    if isinstance(error, (RetriesExceededError, TransferRetries, S3UploadFailedError)):
        return TransientError(f"{what} was cut off again and again: {told}", hint="run again")
    if isinstance(error, (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError)):
        return no_credentials(config)
    if isinstance(error, boto.ProfileNotFound):
        message = f"AWS profile {config.profile!r} is not in the configuration files"
        return StepError(message, hint="check profile, or AWS_CONFIG_FILE and AWS_PROFILE", kind="authentication")
    if isinstance(error, boto.SSLError):
        return StepError(f"{where(config)} has no certificate that is trusted: {told}", kind="authentication",
                         hint="check endpoint, or name the authority in AWS_CA_BUNDLE")  # fmt: skip
    if isinstance(
        error, (boto.HTTPClientError, boto.IncompleteReadError, urllib3.exceptions.HTTPError, boto.ConnectionError)
    ):
        return TransientError(f"{where(config)} cannot be reached: {told}", hint="check endpoint and the network")
    if (found := _of_arrow(error, config, what, told)) is not None:  # before ValueError, which some of them are too
        return found
    if isinstance(error, (boto.ParamValidationError, boto.NoRegionError, ValueError)):
        return StepError(f"{what}: {told}", hint="check bucket, path, endpoint and region", kind="bad_data")
    if isinstance(error, boto.BotoCoreError):
        return StepError(f"{what}: {told}", kind="internal")
    return None


def _answered(error: Any, config: S3Config, what: str) -> StepError:
    """Sort what the server has answered."""
    answer = error.response.get("Error", {})
    code = str(answer.get("Code") or "")
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
    operation = str(getattr(error, "operation_name", "") or "")
    return coded(code, status, operation, scrubbed(str(answer.get("Message") or ""), config), config, what)


def coded(code: str, status: int, operation: str, told: str, config: S3Config, what: str) -> StepError:
    """Say what one of S3's error codes means here."""
    if code == "NoSuchBucket":
        message = f"bucket {config.bucket!r} does not exist at {where(config)}"
        return StepError(message, hint="check bucket, endpoint and region", code="SF501", kind="not_found")
    if code in _NO_KEY:
        return StepError(f"{what} is not there", hint="check the path", code="SF501", kind="not_found")
    if code in _DENIED:
        asked = f" ({operation})" if operation else ""
        hint = "the credentials are known, and lack this permission on the bucket or the key"
        if config.anonymous:
            hint = "it is not public; write credentials in the place of anonymous: true"
        return StepError(f"{what}: access denied{asked}", hint=hint, kind="permission")
    if code in _UNKNOWN:
        hint = "check the credentials of the connection, and the clock of this machine"
        if "Expired" in code or "Token" in code:
            hint = "the credentials have run out or are not whole; get new ones"
        if code == "AuthorizationHeaderMalformed":
            hint = "the bucket is in another region; write region"
        return StepError(f"{where(config)} refuses the credentials: {code}", hint=hint, kind="authentication")
    if code in _CHANGED:
        return changed(what)
    if code in _BUSY or status >= _SERVER_FAULT or status == _TOO_BUSY:
        shown = code or str(status)
        return TransientError(f"{where(config)} answered {shown} for {what}: {told}", hint="run again later")
    if code in ("PermanentRedirect", "301", "IllegalLocationConstraintException"):
        hint = "the bucket is in another region; write region"
        return StepError(f"{what}: {code} {told}", hint=hint, code="SF501", kind="not_found")
    return StepError(f"{what}: {code or status} {told}".rstrip(), kind="bad_data")


def _of_arrow(error: BaseException, config: S3Config, what: str, told: str) -> StepError | None:
    """Sort what pyarrow says, which is text."""
    import pyarrow.lib as pa

    if not isinstance(error, (OSError, pa.ArrowException)):
        return None
    text = str(error)
    if found := _ARROW_ERROR.search(text):
        status = next((int(n) for m in _STATUS.findall(text) for n in m if n), 0)
        named = _CODED.search(text)
        code = named[1] if named else _ARROW.get(found[1], "")
        if code or status:
            return coded(code, status, found[2] or "", told, config, what)
        return TransientError(f"{what} could not be read: {told}", hint="check endpoint and the network")
    if _CUT.search(text):
        return TransientError(f"{what} was cut off while it was read: {told}", hint="run again")
    if isinstance(error, FileNotFoundError):
        return coded("NoSuchKey", 0, "", "", config, what)
    if isinstance(error, pa.ArrowException) or "arquet" in text or "Corrupt" in text or "snappy" in text.lower():
        hint = "it may have been cut off while it was copied, or be of another format"
        return StepError(f"{what} cannot be read as Parquet: {told}", hint=hint, code="SF511")
    if error.errno is not None:
        where_to = scrubbed(str(error.filename or "the temporary folder"), config)
        hint = "give TMPDIR more room, or check its permissions"
        return StepError(f"cannot use {where_to}: {error.strerror}", hint=hint, code="SF713", kind="permission")
    return TransientError(f"{what} could not be read: {told}", hint="run again")


def changed(what: str) -> TransientError:
    """Say that something is not any more what it was when it was listed."""
    return TransientError(f"{what} changed while it was read; nothing was written", hint="run again", code="SF734")


def gone(what: str) -> TransientError:
    """Say that something was deleted between listing and reading."""
    hint = "run again; if it stays away, it was deleted for good"
    return TransientError(f"{what} was deleted while it was to be read", hint=hint, code="SF734")


def no_credentials(config: S3Config) -> StepError:
    """Say that nothing brought credentials."""
    hint = "write access_key_id and secret_access_key, profile, or anonymous: true, or set AWS_ACCESS_KEY_ID"
    return StepError(f"there are no credentials for {where(config)}", hint=hint, kind="authentication")


def where(config: S3Config) -> str:
    """Name the store."""
    return config.endpoint or "AWS"


def scrubbed(text: str, config: S3Config) -> str:
    """Take the connection's secrets out of a text."""
    for secret in (config.secret_access_key, config.session_token, config.access_key_id):
        value = secret.get_secret_value() if secret is not None else ""
        if value:
            text = text.replace(value, "***")
    return text
