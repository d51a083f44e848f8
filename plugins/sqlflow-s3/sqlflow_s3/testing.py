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

    Whether an object may be read is only told of one that is there, and who may not list cannot be told of any.

    Raises:
        StepError: it does not answer, or does not take the credentials.

    """
    client = open_client(config)
    started = time.perf_counter()
    listed, key, server = _listed(client, config)
    took = (time.perf_counter() - started) * 1000
    read = _allowed(config, lambda: client.head_object(Bucket=config.bucket, Key=key)) if key else None
    write = _allowed(config, lambda: _begin_upload(client, config.bucket))
    known = None if config.anonymous else True
    facts = {"bucket": config.bucket, "endpoint": where(config)}
    useful = bool(read or write or (listed and not key))
    message = "can be listed" if listed else "cannot be listed, so that only keys that are known can be read"
    message += {True: " and read", False: ", not read", None: ""}[read]
    return ConnectionReport(
        useful, message, facts, True, known, read, write, server, took, None if useful else "permission"
    )


def _listed(client: Any, config: S3Config) -> tuple[bool, str | None, str | None]:
    """Tell whether the bucket may be listed, a key in it, and what the server calls itself."""
    try:
        with translated(config, url(config)):
            answer = client.list_objects_v2(Bucket=config.bucket, MaxKeys=1)
    except StepError as error:
        if error.kind != "permission":
            raise
        return False, None, None
    key = next((entry["Key"] for entry in answer.get("Contents", ())), None)
    return True, key, answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("server")


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
