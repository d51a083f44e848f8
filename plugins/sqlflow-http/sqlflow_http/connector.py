"""The connector to REST APIs. Pages are spooled to a local file, which the engine then reads by itself."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlflow.sdk import (
    ConnectionReport,
    Connector,
    Objection,
    ReadRequest,
    Select,
    SQLFlowError,
    StepError,
    literal,
    quote,
)

from .objections import objections
from .options import HttpConfig, HttpRead

if TYPE_CHECKING:
    from .paging import Pages
    from .shape import Shape


class HttpConnector(Connector[HttpConfig]):
    """Reads REST APIs."""

    name = "http"
    Config = HttpConfig
    ReadOptions = HttpRead
    guesses_types = True

    def objections(self, config: HttpConfig, options: Any, folder: Path) -> Iterator[Objection]:
        """Tell which options do not go together."""
        return objections(config, options)

    def place(self, config: HttpConfig, options: Any) -> str:
        """Name the address."""
        from .paging import address
        from .transport import shown

        return shown(address(config.base_url, options.path))

    def read(self, request: ReadRequest) -> Select:
        """Fetch every page, then say how the spooled records are read."""
        from .client import Client
        from .paging import Pages
        from .shape import Shape

        if "duckdb" not in request.dialects:
            raise StepError("the connector http reads only into DuckDB engines", kind="internal")
        pages = Pages(Client(request.config, request.stopped), request.options, request.delta.since)
        declared = {name: spec.type for name, spec in request.columns.items()}
        folder = Path(tempfile.mkdtemp(prefix="sqlflow-http-"))
        try:
            shape = Shape()
            file = folder / "records.ndjson"
            longest = spool(pages, file, shape, flatten=request.options.flatten)
            if not shape.kinds:
                sql = _nothing({**request.delta.types, **declared}, pages.what)
            else:
                sql = shape.select(str(file), shape.types(declared, request.delta.types), longest)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return Select("duckdb", sql, cleanup=lambda: shutil.rmtree(folder, ignore_errors=True))

    def test(self, config: HttpConfig, folder: Path) -> ConnectionReport:
        """Ask for the base address; an answer of any kind but a refusal will do."""
        from .client import Client

        try:
            Client(config.model_copy(update={"tries": 1})).send(config.base_url)
        except StepError as error:
            if error.kind in ("not_found", "bad_data") and " answers " in error.message:
                return ConnectionReport(ok=True, message="answers", facts={"said": error.message})
            return ConnectionReport(ok=False, message=error.message)
        except SQLFlowError as error:
            return ConnectionReport(ok=False, message=error.message)
        return ConnectionReport(ok=True, message="answers")


def spool(pages: Pages, file: Path, shape: Shape, *, flatten: bool) -> int:
    """Write every record as a line: its fields, each as the JSON text it came as. Returns the longest line's bytes.

    Raises:
        StepError: a record is no object, or has a field twice.

    """
    longest = 0
    with file.open("w", encoding="ascii") as out:
        for number, records in pages:
            for position, (value, text) in enumerate(records, 1):
                where = f"{pages.what}, page {number}, record {position}"
                if not isinstance(value, dict):
                    raise StepError(f"{where} is no object", hint="check records", code="SF511")
                line: dict[str, str | None] = {}
                for name, inner, raw in _fields(text, flatten=flatten):
                    if name in line:
                        raise StepError(f"{where} has the field {name!r} twice", code="SF511")
                    shape.see(name, inner, raw, where)
                    line[name] = None if inner is None else raw
                written = json.dumps(line)
                longest = max(longest, len(written))
                out.write(written + "\n")
    return longest


def _fields(text: str, *, flatten: bool, prefix: str = "") -> Iterator[tuple[str, Any, str]]:
    from .jsontext import members

    for key, inner, raw, _ in members(text):
        if flatten and isinstance(inner, dict) and inner:
            yield from _fields(raw, flatten=True, prefix=f"{prefix}{key}__")
        else:
            yield prefix + key, inner, raw


def _nothing(types: dict[str, str], what: str) -> str:
    """Write the SELECT of no rows, with the columns that are known.

    Raises:
        StepError: none is known.

    """
    known = {name: kind or "JSON" for name, kind in types.items()}
    if not known:
        raise StepError(
            f"{what} gives no records, so its columns are not known",
            hint="declare them under columns, or run again when there are some",
            code="SF511",
        )
    values = ", ".join(f"CAST({literal(None)} AS {kind}) AS {quote(name)}" for name, kind in known.items())
    return f"SELECT {values} WHERE false"
