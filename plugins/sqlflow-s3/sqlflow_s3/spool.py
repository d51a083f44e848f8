"""Objects as local files: fetched in parallel, each exactly as it was listed, and removed again when read.

DuckDB reads a local file several times faster than anything reads the object; and a transfer that stalls or is cut
off is taken up again here, before a row has been read.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlflow.sdk import StepError

from .access import url
from .config import S3Config
from .faults import changed, fault, gone, translated
from .manifest import S3Object

PART_BYTES = 8 * 1024 * 1024
_LONGEST = 200


@dataclass(frozen=True)
class Spool:
    """A temporary folder with a file for every object, in the same order."""

    folder: Path
    files: tuple[Path, ...]
    objects: tuple[S3Object, ...]

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def named(self, text: str, config: S3Config) -> str:
        """Write a message about the files as one about the objects."""
        for file, source in zip(self.files, self.objects, strict=True):
            text = text.replace(str(file), url(config, source.key)).replace(file.name, source.key.rsplit("/", 1)[-1])
        return text


class _AsListed:
    """Tells a transfer size and etag of an object, so that it asks for exactly that one and for nothing else before."""

    def __init__(self, source: S3Object) -> None:
        self._source = source

    def on_queued(self, future: Any, **_: Any) -> None:
        future.meta.provide_transfer_size(self._source.size)
        future.meta.provide_object_etag(self._source.etag)

    def on_progress(self, **_: Any) -> None:
        """Take no notice."""

    def on_done(self, **_: Any) -> None:
        """Take no notice."""


def fetch(client: Any, config: S3Config, objects: Sequence[S3Object], *, partitions: bool = False) -> Spool:
    """Fetch objects into a new temporary folder; with `partitions` their folders `key=value` stand above the files.

    Raises:
        TransientError: an object is not any more what was listed, or the transfer was cut off again and again.
        StepError: it may not be read, or there is no room for it.

    """
    from boto3.s3.transfer import TransferConfig, create_transfer_manager

    # One part of a ranged transfer is asked for with the etag, a plain one is not; hence the threshold.
    settings = TransferConfig(
        multipart_threshold=1, multipart_chunksize=PART_BYTES, max_concurrency=config.max_connections
    )
    with translated(config, url(config)):
        folder = Path(tempfile.mkdtemp(prefix="sqlflow-s3-"))
    files = tuple(
        local_name(folder, number, source.key, partitions=partitions) for number, source in enumerate(objects)
    )
    spool = Spool(folder, files, tuple(objects))
    try:
        with create_transfer_manager(client, settings) as transfers:
            pending = []
            for source, file in zip(objects, files, strict=True):
                with translated(config, url(config, source.key)):
                    file.parent.mkdir(parents=True, exist_ok=True)
                seen = [_AsListed(source)]
                pending.append(transfers.download(config.bucket, source.key, str(file), subscribers=seen))
            try:
                for source, file, transfer in zip(objects, files, pending, strict=True):
                    _finish(transfer, config, source, file)
            except BaseException:
                for transfer in pending:
                    transfer.cancel()
                raise
    except BaseException:
        spool.remove()
        raise
    return spool


def _finish(transfer: Any, config: S3Config, source: S3Object, file: Path) -> None:
    what = url(config, source.key)
    try:
        transfer.result()
    except Exception as error:
        found = fault(error, config, what)
        if found is None:
            raise
        raise (gone(what) if found.kind == "not_found" and found.code == "SF501" else found) from None
    if file.stat().st_size != source.size:
        raise changed(what)


def local_name(folder: Path, number: int, key: str, *, partitions: bool) -> Path:
    """Return where an object is put; its ending stays, for it tells the compression."""
    *above, name = key.split("/")
    kept = [part for part in above if partitions and "=" in part]
    plain = name if len(os.fsencode(name)) <= _LONGEST else name[-40:]
    return folder.joinpath(f"{number:06d}", *kept, plain.replace("\0", "_") or "object")


def check_size(source: S3Object, config: S3Config, hint: str) -> None:
    """Refuse an object without a byte, which no format allows."""
    if source.size == 0:
        raise StepError(f"{url(config, source.key)} is empty", hint=hint, code="SF511")
