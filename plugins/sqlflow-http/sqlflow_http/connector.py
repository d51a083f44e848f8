"""The connector to REST APIs. Pages are spooled to a local file, which the engine then reads by itself."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlflow.sdk import (
    ConnectionReport,
    Connector,
    Example,
    Objection,
    ReadRequest,
    Select,
    SQLFlowError,
    StepError,
    literal,
    quote,
    replace,
)

from .objections import objections
from .options import HttpConfig, HttpRead

if TYPE_CHECKING:
    from .paging import Pages


class HttpConnector(Connector[HttpConfig]):
    """Reads REST APIs."""

    name = "http"
    Config = HttpConfig
    ReadOptions = HttpRead
    example = Example(
        config={"base_url": "https://shop.example.com/api", "auth": {"type": "bearer", "token": "${env:SHOP_TOKEN}"}},
        source={
            "path": "/orders",
            "records": "data",
            "pagination": {"type": "page", "size_param": "size", "size": 100},
        },
    )
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
        from .spool import Spool

        if "duckdb" not in request.dialects:
            raise StepError("the connector http reads only into DuckDB engines", kind="internal")
        if request.options.since_param is not None and request.delta.since is None:
            told = f"since_param {request.options.since_param!r} has no effect: the step has no cursor"
            raise StepError(told, hint="write cursor: COLUMN at the step, or remove since_param", code="SF511")
        pages = Pages(Client(request.config, request.stopped, request.pace), request.options, request.delta.since)
        declared = {name: spec.type for name, spec in request.columns.items()}
        folder = Path(tempfile.mkdtemp(prefix="sqlflow-http-"))
        try:
            shape, spool = Shape(), Spool(folder / "records.ndjson", pages.what)
            spool.fill(pages, shape, flatten=request.options.flatten)
            if not shape.kinds:
                sql = _nothing({**request.delta.types, **declared}, pages)
                return Select("duckdb", sql, cleanup=lambda: shutil.rmtree(folder, ignore_errors=True))
            types = shape.types(declared, request.delta.types)
            sql = shape.select(str(spool.file), types, spool.longest)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return Select(
            "duckdb",
            sql,
            explain=lambda text: spool.complaint(text, types),
            cleanup=lambda: shutil.rmtree(folder, ignore_errors=True),
        )

    def test(self, config: HttpConfig, folder: Path) -> ConnectionReport:
        """Ask for the base address; an answer of any kind but a refusal will do."""
        from .client import Client

        started = time.perf_counter()
        signed = True if config.auth.type != "none" or config.secret_headers or config.secret_params else None

        def answered(message: str = "answers", **more: Any) -> ConnectionReport:
            took = (time.perf_counter() - started) * 1000
            return ConnectionReport(True, message, reachable=True, latency_ms=took, **more)

        try:
            answer = Client(config.model_copy(update={"tries": 1})).send(config.base_url)
        except StepError as error:
            if error.kind in ("not_found", "bad_data") and " answers " in error.message:
                return answered(facts={"said": error.message})
            heard = " answers " in error.message or None
            report = ConnectionReport.failure(error)
            return replace(report, reachable=heard or report.reachable)
        except SQLFlowError as error:
            return ConnectionReport.failure(error)
        server = answer.headers.get("Server") if answer is not None else None
        return answered(authenticated=signed, can_read=True, version=server)


def _nothing(types: dict[str, str], pages: Pages) -> str:
    """Write the SELECT of no rows, with the columns that are known.

    Raises:
        StepError: none is known.

    """
    known = {name: kind or "JSON" for name, kind in types.items()}
    if not known:
        raise StepError(
            f"{pages.what} gives {'no fields' if pages.count else 'no records'}, so its columns are not known",
            hint="declare them under columns, or run again when there are some",
            code="SF511",
        )
    values = ", ".join(f"CAST({literal(None)} AS {kind}) AS {quote(name)}" for name, kind in known.items())
    return f"SELECT {values} WHERE false"
