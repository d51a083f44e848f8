"""Opening a DuckDB warehouse: the file under a fixed name, settings applied, one process at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from sqlflow.sdk import ConfigModel, Engine, Opening, SQLFlowError, StepError, WarehouseLocked, literal, quote

from .faults import fault
from .session import DuckDbSession
from .warehouse import ALIAS, Warehouse


class DuckDbConfig(ConfigModel):
    """Settings of the DuckDB engine."""

    memory_limit: str | None = Field(default=None, pattern=r"^\d+(\.\d+)?\s*([KMGT]i?B|%)$")
    """Most memory that DuckDB uses, such as `4GB`; by default 80 percent of the machine's."""

    threads: int | None = Field(default=None, ge=1, le=1024)
    """Most threads that DuckDB uses; by default one for each core."""

    temp_directory: str | None = None
    """Folder for what does not fit into memory; by default beside the warehouse file."""

    preserve_insertion_order: bool = True
    """Whether rows keep their order; without it large loads need half the memory."""

    timezone: str = "UTC"
    """Time zone of the session."""


class DuckDbEngine(Engine):
    """Executes SQL in an embedded DuckDB."""

    name = "duckdb"
    dialect = "duckdb"
    Config = DuckDbConfig

    def open(self, config: DuckDbConfig, opening: Opening) -> DuckDbSession:
        """Open the warehouse; the file is made when it is not there, unless opened read-only."""
        import duckdb

        path = opening.location.path
        if path is not None and not opening.read_only:
            _make_folder(path.parent)
        root = _connected()
        try:
            for name, value in _settings(config, opening):
                root.execute(f"SET GLOBAL {name} = {literal(value)}")
            where = ":memory:" if path is None else str(path)
            mode = " (READ_ONLY)" if opening.read_only else ""
            root.execute(f"ATTACH {literal(where)} AS {quote(ALIAS)}{mode}")
            root.execute(f"USE {quote(ALIAS)}")
            for setting in _SEALED if opening.sealed else ():
                root.execute(f"SET GLOBAL {setting} = false")
            if opening.sealed:  # of an empty table it would say that no row can pass, and forget what is asked of rows
                root.execute("SET GLOBAL disabled_optimizers = 'statistics_propagation'")
        except duckdb.Error as error:
            root.close()
            raise _cannot_open(error, path) from error
        return DuckDbSession(root, Warehouse(root), sealed=opening.sealed)


def _connected() -> Any:
    import duckdb

    try:
        # A COPY whose query fails in a late row never ends when DuckDB 2.0.0 writes the file in threads of its own.
        return duckdb.connect(":memory:", config={"async_threads": "0"})
    except duckdb.InvalidInputException:  # DuckDB 1 knows no such threads
        return duckdb.connect(":memory:")


_SEALED = (
    "autoinstall_known_extensions",
    "autoload_known_extensions",
    "python_enable_replacements",
    "enable_external_access",
)


def _settings(config: DuckDbConfig, opening: Opening) -> list[tuple[str, Any]]:
    settings: list[tuple[str, Any]] = [
        ("timezone", config.timezone),
        ("preserve_insertion_order", config.preserve_insertion_order),
    ]
    if config.memory_limit:
        settings.append(("memory_limit", config.memory_limit))
    if config.threads:
        settings.append(("threads", config.threads))
    path = opening.location.path
    if config.temp_directory:
        settings.append(("temp_directory", str(opening.folder / config.temp_directory)))
    elif path is not None:
        settings.append(("temp_directory", f"{path}.tmp"))
    return settings


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StepError(
            f"cannot make the folder of the warehouse {folder}: {error.strerror}",
            hint="check its permissions, or name another path under the profile's storage",
            code="SF713",
            kind="permission",
        ) from error


def _cannot_open(error: Exception, path: Path | None) -> SQLFlowError:
    found = fault(error)
    if isinstance(found, WarehouseLocked):
        message = f"{path} is open in another process (PID {found.pid})"
        return WarehouseLocked(message, pid=found.pid, hint=found.hint)
    if "not a valid DuckDB database file" in str(error):
        return StepError(
            f"{path} is not a DuckDB database",
            hint="name another path under the profile's storage",
            code="SF716",
            kind="bad_data",
        )
    if "already attached" in str(error) or "different configuration" in str(error):
        return WarehouseLocked(f"{path} is already open in this process", hint="close the result that holds it open")
    return StepError(
        f"cannot open the warehouse {path}: {found.message if hasattr(found, 'message') else found}",
        hint=found.hint or "check the profile's storage and engine",
        code="SF716",
        kind="internal",
    )
