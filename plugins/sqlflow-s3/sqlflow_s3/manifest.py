"""The manifest of a data set: the one object that says which objects under a prefix belong to it.

An export of several objects gives each a name that was never used before, and then replaces the manifest, which is
a single object and so changes at once. What the manifest does not list is not part of the data set.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from sqlflow.sdk import StepError

from .access import ATTEMPTS, url
from .config import S3Config
from .faults import translated
from .shape import Shape

NAME = "_manifest.json"
VERSION = 1
PART = re.compile(r"(?:.*/)?part-[0-9a-f]{16}-\d{5}\.[a-z.]+")
_MISSING = {"NoSuchKey", "404"}


@dataclass(frozen=True)
class S3Object:
    """An object as it was listed: key, size in bytes, etag."""

    key: str
    size: int
    etag: str


@dataclass(frozen=True)
class Manifest:
    """What a data set consists of. `etag` is that of the manifest itself; `write` names the attempt that wrote it."""

    folder: str
    objects: tuple[S3Object, ...]
    write: str
    shape: Shape
    tokens: tuple[str, ...] = ()
    """The appends whose rows are in the data set."""
    etag: str = ""


def part_name(write: str, number: int, ending: str) -> str:
    """Name an object of a data set."""
    return f"part-{write}-{number:05d}.{ending}"


def is_part(key: str) -> bool:
    """Tell whether a key is one that an export of a data set has made up."""
    return PART.fullmatch(key) is not None


def manifest_key(folder: str) -> str:
    """Return the key of a folder's manifest; a folder ends in a slash, or is empty for the bucket itself."""
    return folder + NAME


def read_manifest(client: Any, config: S3Config, folder: str) -> Manifest | None:
    """Fetch the manifest of a folder; None when there is none.

    Raises:
        StepError: it cannot be read, or is of a later version.

    """
    from botocore.exceptions import ClientError

    key = manifest_key(folder)
    what = url(config, key)
    with translated(config, what):
        try:
            text, etag = _fetched(client, config.bucket, key)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _MISSING:
                return None
            raise
    try:
        data = json.loads(text)
        if data["version"] != VERSION:
            told = f"{what} is of version {data['version']}, and this reads version {VERSION}"
            raise StepError(told, hint="upgrade sqlflow-s3", code="SF511")
        objects = tuple(S3Object(folder + f["path"], int(f["size"]), str(f["etag"])) for f in data["files"])
        return Manifest(folder, objects, str(data["write"]), Shape.read(data), tuple(data["tokens"]), etag)
    except (ValueError, KeyError, TypeError) as error:
        hint = "write the data set again, or remove the manifest"
        raise StepError(f"{what} is not a manifest that sqlflow-s3 wrote", hint=hint, code="SF511") from error


def _fetched(client: Any, bucket: str, key: str) -> tuple[bytes, str]:
    """Fetch a small object; a body that stalls or is cut off is asked for again, which boto3 does not do by itself."""
    from botocore.exceptions import IncompleteReadError, ReadTimeoutError, ResponseStreamingError

    for left in reversed(range(ATTEMPTS)):
        answer = client.get_object(Bucket=bucket, Key=key)
        try:
            return answer["Body"].read(), str(answer["ETag"])
        except (IncompleteReadError, ReadTimeoutError, ResponseStreamingError):
            if not left:
                raise
    raise AssertionError  # the last turn of the loop returns or raises


def manifest_text(manifest: Manifest) -> bytes:
    """Write a manifest."""
    start = len(manifest.folder)
    files = [{"path": o.key[start:], "size": o.size, "etag": o.etag} for o in manifest.objects]
    head = {"version": VERSION, "write": manifest.write, **manifest.shape.data(), "tokens": list(manifest.tokens)}
    return json.dumps({**head, "files": files}, indent=1, ensure_ascii=False).encode()
