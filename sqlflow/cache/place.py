"""Where the cache is, and what of this installation every answer depends on."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, entry_points, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

VARIABLE = "SQLFLOW_CACHE"
GROUP = "sqlflow"
DEEP = ("duckdb", "pydantic", "ruamel.yaml", "sqlglot")
"""Libraries that decide what a document means."""


def folder() -> Path | None:
    """Return the folder of the cache: `SQLFLOW_CACHE`, or the user's own. None: `SQLFLOW_CACHE` is `off`."""
    named = os.environ.get(VARIABLE)
    if named:
        return None if named.lower() in ("off", "no", "0") else Path(named)
    home = os.environ.get("XDG_CACHE_HOME") or (Path.home() / ".cache")
    return Path(home) / "sqlflow"


def key_of(options: Mapping[str, Any]) -> str:
    """Return a hash of the options and of the code that is installed."""
    told = [sorted(options.items()), list(installed()), sys.version]
    return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()


@cache
def installed() -> tuple[str, ...]:
    """Name SQLFlow, its plugins and what they stand on, with their versions; code under work with its files."""
    return tuple(sorted(_told()))


def _told() -> Iterator[str]:
    for library in DEEP:
        with contextlib.suppress(PackageNotFoundError):
            yield f"{library} {version(library)}"
    for entry in entry_points(group=GROUP):
        if entry.dist is None:
            continue
        yield f"{entry.dist.name} {entry.dist.version} {entry.value}"
        if _editable(entry.dist):
            yield f"{entry.module} {_state(entry.module.partition('.')[0])}"


def _editable(distribution: Distribution) -> bool:
    text = distribution.read_text("direct_url.json")
    return text is not None and bool(json.loads(text).get("dir_info", {}).get("editable"))


@cache
def _state(module: str) -> str:
    """Hash names, sizes and times of the files of a package that is being worked on."""
    spec = find_spec(module)
    found = hashlib.sha256()
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        for root, inner, names in os.walk(place):
            inner[:] = [name for name in inner if name != "__pycache__"]
            for name in sorted(names):
                with contextlib.suppress(OSError):  # gone meanwhile, or a link to nowhere: no code
                    stat = (Path(root) / name).stat()
                    found.update(f"{root}/{name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return found.hexdigest()
