"""Who is installed, asked once in a process: examined guests are found by name, through the door that users take."""

from __future__ import annotations

from functools import lru_cache

from sqlflow.pipeline import installed
from sqlflow.registry import Catalog


@lru_cache(maxsize=1)
def guests() -> Catalog:
    """Return the catalog of the plugins installed here."""
    return installed()
