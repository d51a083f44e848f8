"""The storage backends in the box: a file, and memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlflow.sdk import ConfigModel, StorageBackend, StorageLocation, hookimpl


class FileConfig(ConfigModel):
    """A warehouse in one file."""

    path: str | None = None
    """The file; by default `<project name>.duckdb` in the project folder."""


class FileStorage(StorageBackend):
    """Keeps the warehouse in one file; one process writes it at a time."""

    name = "file"
    Config = FileConfig
    dialects = frozenset({"duckdb"})

    def locate(self, config: FileConfig, folder: Path, *, default_name: str) -> StorageLocation:  # type: ignore[override]
        """Say which file it is."""
        path = folder / (config.path or f"{default_name}.duckdb")
        return StorageLocation(path, path.exists())


class MemoryConfig(ConfigModel):
    """A warehouse that ends with the run."""


class MemoryStorage(StorageBackend):
    """Keeps the warehouse in memory; nothing is left after the run but what was exported."""

    name = "memory"
    Config = MemoryConfig
    dialects = frozenset({"duckdb"})

    def locate(self, config: MemoryConfig, folder: Path, *, default_name: str) -> StorageLocation:  # type: ignore[override]
        """Say that there is no file."""
        return StorageLocation(None, exists=False)


@hookimpl
def sqlflow_storage_backends() -> Sequence[type[StorageBackend]]:
    """Bring both."""
    return [FileStorage, MemoryStorage]
