"""Finding objects: what a path stands for, as one consistent list of keys with size and etag.

A pattern is answered by one listing below its longest plain prefix. Of a data set that an export wrote, only what
its manifest lists is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlflow.sdk import StepError, TransientError

from .access import url
from .config import S3Config, is_pattern
from .faults import gone, translated
from .manifest import NAME, Manifest, S3Object, is_part, manifest_key, read_manifest

_MISSING = {"404", "NoSuchKey", "NotFound"}
_PLAIN = r"(?![._])"  # names that begin so are no data: temporary files, manifests, markers


def find(client: Any, config: S3Config, path: str) -> list[S3Object]:
    """Return the objects of a key, a data set or a pattern, sorted by key; empty when there is none.

    Raises:
        StepError: the bucket or the permission is missing, or an export under the path was not finished.

    """
    if is_pattern(path):
        return _matching(client, config, path)
    single = look(client, config, path)
    if single is not None:
        return [single]
    manifest = read_manifest(client, config, path.rstrip("/") + "/")
    return sorted(manifest.objects, key=lambda o: o.key) if manifest is not None else []


def found(client: Any, config: S3Config, path: str) -> list[S3Object]:
    """Return the objects of a path.

    Raises:
        StepError: there is none.

    """
    objects = find(client, config, path)
    if objects:
        return objects
    if is_pattern(path):
        told, hint = f"no object matches {url(config, path)}", "check the path; * does not match a slash, ** does"
    else:
        told = f"{url(config, path)} is not there, neither as an object nor as a data set"
        hint = "check the path; a folder of objects is read by a pattern such as in/*.csv"
    raise StepError(told, hint=hint, code="SF501", kind="not_found")


def wanted(client: Any, config: S3Config, path: str, keys: Sequence[str] | None) -> list[S3Object]:
    """Return the objects of a path; where keys are given, those and no others.

    Raises:
        StepError: there is none, or one of the keys is gone.

    """
    objects = found(client, config, path)
    if keys is None:
        return objects
    known = {o.key: o for o in objects}
    missing = [key for key in keys if key not in known]
    if missing:
        raise gone(url(config, missing[0]))
    return [known[key] for key in keys]


def look(client: Any, config: S3Config, key: str) -> S3Object | None:
    """Return one object; None when it is not there."""
    from botocore.exceptions import ClientError

    with translated(config, url(config, key)):
        try:
            head = client.head_object(Bucket=config.bucket, Key=key)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code in ("400", "403", "404"):  # an answer to HEAD has no body that could say why; a listing says it
                listed = client.list_objects_v2(Bucket=config.bucket, Prefix=key, MaxKeys=1).get("Contents", ())
                if code == "404":
                    return next((_object(o) for o in listed if o["Key"] == key), None)
            raise
    if "ContentLength" not in head or "ETag" not in head:  # the connection ended within the head of the answer
        raise TransientError(f"{url(config, key)}: the store hung up within its answer")
    return S3Object(key, int(head["ContentLength"]), str(head["ETag"]))


def below(client: Any, config: S3Config, prefix: str) -> Iterator[S3Object]:
    """List the objects below a prefix in the order of their keys."""
    with translated(config, url(config, prefix)):
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=config.bucket, Prefix=prefix)
        for page in pages:
            yield from (_object(entry) for entry in page.get("Contents", ()))


def _object(entry: Any) -> S3Object:
    return S3Object(entry["Key"], int(entry["Size"]), str(entry["ETag"]))


def plain_prefix(pattern: str) -> str:
    """Return the longest beginning of a pattern that stands for itself."""
    return pattern.split("*", 1)[0]


def matcher(pattern: str) -> re.Pattern[str]:
    """Write a pattern as a regular expression: `*` within a name, `**` any folders, also none."""
    parts = pattern.split("/")
    written = ""
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            written += f"(?:{_PLAIN}[^/]+/)*" + (f"{_PLAIN}[^/]+" if last else "")
            continue
        start = _PLAIN if part.startswith("*") else ""
        written += start + re.sub(r"(?:\\\*)+", "[^/]*", re.escape(part)) + ("" if last else "/")
    return re.compile(written, re.DOTALL)


def _matching(client: Any, config: S3Config, pattern: str) -> list[S3Object]:
    expression = matcher(pattern)
    plain: list[S3Object] = []
    parts: list[S3Object] = []
    for entry in below(client, config, plain_prefix(pattern)):
        if expression.fullmatch(entry.key):
            (parts if is_part(entry.key) else plain).append(entry)
    return sorted([*plain, *_published(client, config, parts, expression)], key=lambda o: o.key)


def _published(
    client: Any, config: S3Config, parts: Iterable[S3Object], expression: re.Pattern[str]
) -> Iterator[S3Object]:
    """Yield, in the place of the parts that were listed, those that the manifests of their data sets list now."""
    seen: dict[str, Manifest | None] = {}
    told: set[str] = set()
    for part in parts:
        for folder in _folders(part.key):
            if folder not in seen:
                seen[folder] = read_manifest(client, config, folder)
            manifest = seen[folder]
            if manifest is None:
                continue
            if folder not in told:
                told.add(folder)
                yield from (o for o in manifest.objects if expression.fullmatch(o.key))
            break
        else:
            raise TransientError(
                f"{url(config, part.key)} belongs to an export that has not been finished: there is no {NAME} above it",
                hint=f"run the export again; an object that was copied here without its {NAME} needs another name",
                code="SF734",
            )


def _folders(key: str) -> Iterator[str]:
    """Yield the folders above a key, the nearest first."""
    folder = key
    while "/" in folder:
        folder = folder.rsplit("/", 1)[0]
        yield folder + "/"


def owned_by_dataset(client: Any, config: S3Config, folder: str) -> tuple[Manifest | None, list[S3Object]]:
    """Return a data set's manifest and every part below its folder, listed or left over.

    Raises:
        StepError: there are objects of others below the folder.

    """
    manifest = read_manifest(client, config, folder)
    parts = []
    for entry in below(client, config, folder):
        if is_part(entry.key):
            parts.append(entry)
        elif entry.key != manifest_key(folder) and entry.key != folder:
            raise StepError(
                f"{url(config, folder)} holds objects that this export did not make, such as {entry.key}",
                hint="give the export a prefix of its own",
                code="SF512",
            )
    return manifest, parts
