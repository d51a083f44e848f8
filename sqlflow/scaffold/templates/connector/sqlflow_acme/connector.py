"""The connector: its options, and how rows come and go.

The system it speaks to is a stand-in that needs no server: a folder of Arrow files, one for each table. Put your
own in its place. What must stay: import nothing of SQLFlow but `sqlflow.sdk`; import drivers inside the methods
that use them; hold no state; let a reader see all the new rows or all the old ones.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pydantic import Field

from sqlflow.sdk import (
    ArrowStream,
    ConfigModel,
    ConnectionReport,
    Connector,
    Objection,
    ReadRequest,
    Rows,
    StepError,
    WriteRequest,
    WriteResult,
)

if TYPE_CHECKING:
    import pyarrow as pa


# The options share no key with the config: `source: {connector: acme, folder: lake, table: orders}` is flat.
# The docstring below a field is the documentation of that option. A password is a field of the type `Secret`.


class AcmeConfig(ConfigModel):
    """How the system is reached; the part that a named connection holds."""

    folder: str = Field(min_length=1)
    """Folder that holds the tables."""


class AcmeRead(ConfigModel):
    """What to read."""

    table: str
    """Table to read."""


class AcmeWrite(ConfigModel):
    """What to write."""

    table: str
    """Table to write; it is made when it is not there."""


class AcmeConnector(Connector[AcmeConfig]):
    """Reads and writes tables kept as Arrow files."""

    name = "acme"
    Config = AcmeConfig
    ReadOptions = AcmeRead  # leave it out, and `read` with it, for a connector that only writes
    WriteOptions = AcmeWrite  # leave it out, and `write` with it, for a connector that only reads
    write_modes = frozenset({"replace"})  # of: replace, append, merge, delete_insert

    def objections(self, config: AcmeConfig, options: Any, folder: Path) -> Iterator[Objection]:
        """Tell what is wrong before anything runs; this must not touch the network."""
        if not re.fullmatch(r"\w+", options.table):
            yield Objection("table", f"{options.table!r} is not a table name", "use letters, digits and _")
        elif isinstance(options, AcmeRead) and not _file(config, options.table, folder).exists():
            hint = "check the folder and the name; the folder starts at the project folder"
            yield Objection("table", f"no table {options.table!r} in {config.folder}", hint, "SF501")

    def place(self, config: AcmeConfig, options: Any) -> str:
        """Name what is read or written, so that a step that reads it waits for the one that writes it."""
        return f"{config.folder}/{options.table}"

    def read(self, request: ReadRequest) -> ArrowStream:
        """Hand out a stream; nothing is opened before somebody takes it."""
        path = _file(request.config, request.options.table, request.folder)
        return ArrowStream(lambda: _open(path))

    def write(self, request: WriteRequest, rows: Rows) -> WriteResult:
        """Write beside the table, and put the whole in its place in one step."""
        import pyarrow as pa

        path = _file(request.config, request.options.table, request.folder)
        beside = path.with_name(f".{path.name}.{uuid4().hex}")
        count = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            batches = rows.batches()
            with batches, pa.OSFile(str(beside), "wb") as out, pa.ipc.new_file(out, batches.schema) as writer:
                for batch in batches:
                    writer.write_batch(batch)
                    count += batch.num_rows
            size = beside.stat().st_size
            beside.replace(path)
        except PermissionError as error:
            # Sort what your driver raises by `kind`. A TransientError is tried again, nothing else is.
            raise StepError(
                f"cannot write {path}: {error.strerror}", hint="check the permissions of the folder", kind="permission"
            ) from error
        finally:
            beside.unlink(missing_ok=True)
        return WriteResult(count, size, (str(path),))

    def test(self, config: AcmeConfig, folder: Path) -> ConnectionReport:
        """Try the connection for `sqlflow connector test`; answers rather than raises."""
        place = folder / config.folder
        if not place.is_dir():
            return ConnectionReport(ok=False, message=f"there is no folder {place}")
        return ConnectionReport(ok=True, message="can be read", facts={"tables": str(len(list(place.glob("*.arrow"))))})


def _file(config: AcmeConfig, table: str, folder: Path) -> Path:
    return folder / config.folder / f"{table}.arrow"


def _open(path: Path) -> "pa.RecordBatchReader":
    """Open a table. Batches are made as they are taken, so memory does not grow with the table."""
    import pyarrow as pa

    try:
        file = pa.ipc.open_file(pa.memory_map(str(path)))
    except FileNotFoundError as error:
        raise StepError(f"there is no table {path}", hint="check the folder and the name", kind="not_found") from error
    except pa.ArrowInvalid as error:
        message = f"{path} is not a whole Arrow file: {error}"
        raise StepError(message, hint="write the table again", kind="bad_data") from error
    batches = (file.get_batch(number) for number in range(file.num_record_batches))
    return pa.RecordBatchReader.from_batches(file.schema, batches)
