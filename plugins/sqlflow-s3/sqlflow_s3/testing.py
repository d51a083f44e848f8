"""Trying a connection: whether the store answers, takes the credentials, and lets them list, read and write."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from sqlflow.sdk import ConnectionReport, StepError

from .access import open_client, url
from .config import S3Config
from .faults import translated, where

PROBE = ".sqlflow-connection-test"
"""Key of the upload that is begun and given up; it never becomes an object."""


def tried(config: S3Config) -> ConnectionReport:
    """Ask the store; nothing is left behind in it.

    Raises:
        StepError: it does not answer, or does not let us list the bucket.

    """
    client = open_client(config)
    with translated(config, url(config)):
        started = time.perf_counter()
        listed = client.list_objects_v2(Bucket=config.bucket, MaxKeys=1)
        took = (time.perf_counter() - started) * 1000
    keys = [entry["Key"] for entry in listed.get("Contents", ())]
    read = _allowed(config, lambda: client.head_object(Bucket=config.bucket, Key=keys[0])) if keys else True
    write = False if config.anonymous else _allowed(config, lambda: _begin_upload(client, config.bucket))
    server = listed.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("server")
    known = None if config.anonymous else True
    facts = {"bucket": config.bucket, "endpoint": where(config)}
    message = "can be listed and read" if read else "can be listed, not read"
    return ConnectionReport(
        bool(read), message, facts, True, known, read, write, server, took, None if read else "permission"
    )


def _begin_upload(client: Any, bucket: str) -> None:
    upload = client.create_multipart_upload(Bucket=bucket, Key=PROBE)["UploadId"]
    with suppress(Exception):  # who may not give it up has shown all the same that writing is allowed
        client.abort_multipart_upload(Bucket=bucket, Key=PROBE, UploadId=upload)


def _allowed(config: S3Config, ask: Any) -> bool | None:
    """Tell whether a request is allowed; None when that cannot be told."""
    try:
        with translated(config, url(config)):
            ask()
    except StepError as error:
        return False if error.kind in ("permission", "authentication") else None
    return True
