"""Local files into the bucket, so that a reader sees the old rows or the new ones.

A single object changes at once by itself. The objects of a data set are uploaded in parts that nobody sees, under
names that were never used; when all have arrived they are completed, then the manifest is replaced, and only then
the objects that it does not list any more are deleted. Whatever fails before the manifest is taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlflow.sdk import StepError, TransientError

from .access import url
from .config import S3Config
from .faults import translated
from .listing import look, owned_by_dataset
from .manifest import Manifest, S3Object, manifest_key, manifest_text, part_name, read_manifest
from .outflow import LocalFile
from .shape import Shape

PART_BYTES = 8 * 1024 * 1024
MOST_PARTS = 10_000
_TAKEN = {"PreconditionFailed", "412", "ConditionalRequestConflict", "409"}
_UNABLE = {"NotImplemented", "501", "InvalidArgument", "XNotImplemented"}
T = TypeVar("T")


def put_object(client: Any, config: S3Config, key: str, file: LocalFile) -> None:
    """Upload one object; large ones in parts, which are taken back when it fails."""
    from boto3.s3.transfer import TransferConfig

    settings = TransferConfig(
        multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=config.max_connections
    )
    with translated(config, url(config, key)), file.path.open("rb") as stream:
        client.upload_fileobj(stream, config.bucket, key, Config=settings)


def refuse_dataset(client: Any, config: S3Config, key: str) -> None:
    """Refuse to put a single object where a data set stands; who may only write cannot have made one."""
    try:
        manifest = read_manifest(client, config, key.rstrip("/") + "/")
    except StepError as error:
        if error.kind != "permission":
            raise
        return
    if manifest is not None:
        told = f"{url(config, key)} is a data set of several objects, and a single one was to be written there"
        raise StepError(told, hint="write another path, or partition_by or max_rows_per_file", code="SF512")


@dataclass
class Dataset:
    """One change of one data set. `write` is a name that was never used before."""

    client: Any
    config: S3Config
    folder: str
    write: str
    before: Manifest | None = None
    """What the data set was when it was looked at."""
    _there: Sequence[S3Object] = ()
    _uploads: dict[str, str] = field(default_factory=dict)
    """Keys of uploads under way, with the id that S3 gave them."""
    _made: list[str] = field(default_factory=list)
    """Keys of objects that are there and that no manifest lists yet."""

    @property
    def place(self) -> str:
        """How messages call it."""
        return url(self.config, self.folder.rstrip("/"))

    def look(self) -> None:
        """See what is there.

        Raises:
            StepError: there are objects of others, or one that bears the name of the data set.

        """
        if look(self.client, self.config, self.folder.rstrip("/")) is not None:
            told = f"{self.place} is an object, and a data set was to be written there"
            raise StepError(told, hint="write another path", code="SF512")
        self.before, self._there = owned_by_dataset(self.client, self.config, self.folder)

    def publish(
        self,
        files: Sequence[LocalFile],
        ending: str,
        shape: Shape,
        *,
        kept: Sequence[S3Object] = (),
        tokens: Sequence[str] = (),
        tidy: bool = True,
    ) -> None:
        """Upload the files and let them be the data set, together with the objects that are kept.

        `tidy` deletes what is there besides. An append leaves it: it may be of another one that is not yet published.

        Raises:
            TransientError: another export has changed the data set meanwhile, or S3 could not be reached.
            StepError: a permission is missing.

        """
        keys = [self.folder + f.above + part_name(self.write, n, ending) for n, f in enumerate(files)]
        with ThreadPoolExecutor(self.config.max_connections, thread_name_prefix="sqlflow-s3") as pool:
            try:
                etags = self._stage(pool, dict(zip(keys, files, strict=True)))
                made = _all(pool, lambda item: self._complete(*item), list(zip(keys, files, etags, strict=True)))
                self._publish(Manifest(self.folder, (*kept, *made), self.write, shape, tuple(tokens)))
            except BaseException:
                self._take_back(pool)
                raise
            if tidy:
                listed = {o.key for o in kept}
                self._delete(pool, [o.key for o in self._there if o.key not in listed])

    def _stage(self, pool: ThreadPoolExecutor, files: dict[str, LocalFile]) -> list[list[str]]:
        """Upload every part of every file; returns the etags of the parts. Nobody sees them yet."""
        _all(pool, self._begin, [key for key, file in files.items() if file.size])
        parts = [(key, file, n, step) for key, file in files.items() for step in [_step(file)] for n in _count(file)]
        etags = _all(pool, lambda part: self._send(*part), parts)
        return [[etag for part, etag in zip(parts, etags, strict=True) if part[0] == key] for key in files]

    def _begin(self, key: str) -> None:
        with translated(self.config, url(self.config, key)):
            answer = self.client.create_multipart_upload(Bucket=self.config.bucket, Key=key)
        self._uploads[key] = str(answer["UploadId"])

    def _send(self, key: str, file: LocalFile, number: int, step: int) -> str:
        with file.path.open("rb") as stream:
            stream.seek(number * step)
            body = stream.read(step)
        with translated(self.config, url(self.config, key)):
            answer = self.client.upload_part(
                Bucket=self.config.bucket, Key=key, UploadId=self._uploads[key], PartNumber=number + 1, Body=body
            )
        return str(answer["ETag"])

    def _complete(self, key: str, file: LocalFile, etags: Sequence[str]) -> S3Object:
        """Let an object appear."""
        from botocore.exceptions import ClientError

        with translated(self.config, url(self.config, key)):
            if key not in self._uploads:  # an upload in parts cannot be empty
                self._made.append(key)
                put = self.client.put_object(Bucket=self.config.bucket, Key=key, Body=b"")
                return S3Object(key, 0, str(put["ETag"]))
            parts = [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(etags, 1)]
            self._made.append(key)
            try:
                done = self.client.complete_multipart_upload(
                    Bucket=self.config.bucket, Key=key, UploadId=self._uploads[key], MultipartUpload={"Parts": parts}
                )
                etag = str(done["ETag"])
            except ClientError as error:  # asked twice when the first answer was lost
                there = look(self.client, self.config, key)
                if error.response.get("Error", {}).get("Code") != "NoSuchUpload" or there is None:
                    raise
                etag = there.etag
            self._uploads.pop(key)
            return S3Object(key, file.size, etag)

    def _publish(self, manifest: Manifest) -> None:
        """Replace the manifest, unless somebody else has done so since."""
        from botocore.exceptions import ClientError

        key = manifest_key(self.folder)
        only = {"IfMatch": self.before.etag} if self.before is not None else {"IfNoneMatch": "*"}
        text = manifest_text(manifest)
        put = {"Bucket": self.config.bucket, "Key": key, "Body": text, "ContentType": "application/json"}
        with translated(self.config, url(self.config, key)):
            try:
                self.client.put_object(**put, **only)
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code")
                if code in _UNABLE:  # a store that cannot compare first
                    self.client.put_object(**put)
                elif code in _TAKEN:
                    self._settle(None)
                else:
                    raise
            except Exception as error:  # noqa: BLE001 - the answer was lost: see what has come of it
                self._settle(error)
        self._made.clear()

    def _settle(self, error: Exception | None) -> None:
        """Find out whether the manifest is ours after all; when that cannot be known, nothing may be taken back."""
        made, self._made = self._made, []
        now = read_manifest(self.client, self.config, self.folder)
        if now is not None and now.write == self.write:
            return
        self._made = made
        if error is not None:
            raise error
        told = f"another export has changed {self.place} meanwhile; nothing was written"
        raise TransientError(told, hint="let one pipeline write it, or run again")

    def _take_back(self, pool: ThreadPoolExecutor) -> None:
        """Remove what nobody is to see, as far as S3 still answers."""

        def abort(item: tuple[str, str]) -> None:
            with suppress(Exception):
                self.client.abort_multipart_upload(Bucket=self.config.bucket, Key=item[0], UploadId=item[1])

        def delete(key: str) -> None:
            with suppress(Exception):
                self.client.delete_object(Bucket=self.config.bucket, Key=key)

        for work, items in ((abort, list(self._uploads.items())), (delete, self._made)):
            for future in [pool.submit(work, item) for item in items]:  # type: ignore[arg-type]
                future.result()

    def _delete(self, pool: ThreadPoolExecutor, keys: Sequence[str]) -> None:
        """Delete the objects that were the data set before."""

        def delete(key: str) -> None:
            with translated(self.config, url(self.config, key)):
                self.client.delete_object(Bucket=self.config.bucket, Key=key)

        try:
            _all(pool, delete, keys)
        except StepError as error:
            error.message += "; the new rows are published, but old objects that the manifest does not list are left"
            error.args = (error.message,)
            raise


def _step(file: LocalFile) -> int:
    """Return the size of the parts of a file; there may only be so many."""
    return max(PART_BYTES, -(-file.size // MOST_PARTS))


def _count(file: LocalFile) -> range:
    return range(-(-file.size // _step(file)))


def _all(pool: ThreadPoolExecutor, work: Callable[[Any], T], items: Iterable[Any]) -> list[T]:
    """Do work for every item at the same time; the first error is raised when nothing is under way any more."""
    futures = [pool.submit(work, item) for item in items]
    try:
        return [future.result() for future in futures]
    except BaseException:
        for future in futures:
            future.cancel()
        for future in futures:
            with suppress(BaseException):
                future.result()
        raise
