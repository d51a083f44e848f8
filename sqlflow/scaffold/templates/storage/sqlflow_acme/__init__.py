"""acme for SQLFlow: it brings `storage: {type: acme}`, a warehouse of its own for each branch.

A storage backend only says where the tables are. It creates nothing and opens nothing: the engine does.
"""

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from sqlflow.sdk import ConfigModel, StorageBackend, StorageLocation, hookimpl


class AcmeConfig(ConfigModel):
    """A folder of warehouses, one for each branch."""

    folder: str = Field(default="warehouses", min_length=1)
    """Folder that holds them; it starts at the project folder."""

    branch: str = Field(default="main", pattern=r"^\w[\w.-]*(/\w[\w.-]*)*$")
    """Branch whose warehouse it is, such as `${env:BRANCH:-main}`."""


class AcmeStorage(StorageBackend):
    """Keeps a warehouse file for each branch."""

    name = "acme"
    Config = AcmeConfig
    dialects = frozenset({"duckdb"})  # the engines that can open it

    def locate(self, config: AcmeConfig, folder: Path, *, default_name: str) -> StorageLocation:  # type: ignore[override]
        """Say which file it is, and whether it is there."""
        path = folder / config.folder / config.branch / f"{default_name}.duckdb"
        return StorageLocation(path, path.exists())


@hookimpl
def sqlflow_storage_backends() -> Sequence[type[StorageBackend]]:
    """Bring `storage: {type: acme}`."""
    return [AcmeStorage]
