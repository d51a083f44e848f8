"""The connector `s3`: which objects, in which format, and who reads or writes them."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlflow.sdk import (
    ArrowStream,
    ConnectionReport,
    Connector,
    Example,
    FileVersion,
    Mode,
    Objection,
    ReadRequest,
    Rows,
    Select,
    StepError,
    TransientError,
    WriteRequest,
    WriteResult,
)

from .access import open_client, url
from .changing import change
from .columnar import ParquetObjects
from .config import (
    S3Config,
    S3Read,
    S3Write,
    config_objections,
    format_of,
    is_dataset,
    mode_objections,
    path_objections,
)
from .faults import translated
from .listing import find, wanted
from .outflow import Layout, refuse_other_engines, write_file
from .publishing import Dataset, put_object, refuse_dataset
from .spool import fetch
from .textfiles import read_csv, read_json


class S3Connector(Connector[S3Config]):
    """Reads and writes Parquet, CSV and JSON objects in S3 and in stores that speak its language."""

    name = "s3"
    Config = S3Config
    ReadOptions = S3Read
    WriteOptions = S3Write
    example = Example(
        config={"bucket": "lake", "region": "eu-central-1"},
        source={"path": "orders/*.parquet"},
        target={"path": "orders/today.parquet"},
    )
    lists_files = True
    guesses_types = True
    write_modes = frozenset({"replace", "append", "merge", "delete_insert"})
    keeps_tokens = True

    def objections(self, config: S3Config, options: Any, folder: Path) -> Iterator[Objection]:
        """Tell which options do not go together."""
        yield from config_objections(config)
        yield from path_objections(options)

    def mode_objections(self, options: Any, mode: Mode, key: Sequence[str]) -> Iterator[Objection]:
        """Refuse to write text anew."""
        yield from mode_objections(options, mode, key)

    def place(self, config: S3Config, options: Any) -> str:
        """Name the bucket and the path."""
        return url(config, options.path.rstrip("/"))

    def versions(self, config: S3Config, options: Any, folder: Path) -> Sequence[FileVersion]:
        """List the objects with size and etag."""
        return [FileVersion(o.key, o.size, o.etag) for o in find(open_client(config), config, options.path)]

    def exists(self, config: S3Config, options: Any, folder: Path) -> bool | None:
        """Tell whether the object, or the data set's manifest, is there; None when S3 does not say."""
        try:
            return bool(find(open_client(config), config, options.path))
        except TransientError:
            raise
        except StepError:
            return None

    def read(self, request: ReadRequest) -> Select | ArrowStream:
        """Stream Parquet row group by row group; fetch CSV and JSON and let DuckDB read the files."""
        config: S3Config = request.config
        options: S3Read = request.options
        _refuse(config_objections(config))
        client = open_client(config)
        objects = wanted(client, config, options.path, request.delta.files)
        known = format_of(options)
        if known == "parquet":

            def unchanged() -> bool:
                now = {o.key: o for o in find(client, config, options.path)}
                return all(now.get(o.key) == o for o in objects)

            rows = ParquetObjects(client, config, options, objects, request.delta.since, unchanged)
            return ArrowStream(rows.open)
        if "duckdb" not in request.dialects:
            raise StepError("the connector s3 reads CSV and JSON only into DuckDB engines", kind="internal")
        spool = fetch(client, config, objects, partitions=options.hive_partitioning)
        try:
            return (read_csv if known == "csv" else read_json)(request, spool)
        except BaseException:
            spool.remove()
            raise

    def write(self, request: WriteRequest, rows: Rows) -> WriteResult:
        """Write the rows as one object, or into a data set of several."""
        config: S3Config = request.config
        options: S3Write = request.options
        _refuse(config_objections(config))
        _refuse(mode_objections(options, request.mode, request.key))
        refuse_other_engines(rows)
        client, layout = open_client(config), Layout(options)
        place = self.place(config, options)
        with translated(config, url(config, options.path)):
            folder = Path(tempfile.mkdtemp(prefix="sqlflow-s3-"))
        try:
            if not is_dataset(options, request.mode):
                refuse_dataset(client, config, options.path)
                written, file = write_file(rows, layout, folder)
                put_object(client, config, options.path, file)
                return WriteResult(written, file.size, (place,))
            dataset = Dataset(client, config, options.path.rstrip("/") + "/", uuid.uuid4().hex[:16])
            done = change(dataset, request, rows, layout, folder)
            return WriteResult(*done, (place,)) if done else WriteResult(0, places=(f"{place} (already committed)",))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def test(self, config: S3Config, folder: Path) -> ConnectionReport:
        """List one key, look at it, and begin an upload that is given up again."""
        from .testing import tried

        try:
            _refuse(config_objections(config))
            return tried(config)
        except StepError as error:
            return ConnectionReport.failure(error)


def _refuse(objections: Iterator[Objection]) -> None:
    """Refuse settings that do not go together, for whoever comes without a document."""
    for found in objections:
        raise StepError(found.message, hint=found.hint, code=found.code)
