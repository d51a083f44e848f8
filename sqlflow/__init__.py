"""SQLFlow: data pipelines as YAML documents, run on embedded DuckDB.

The user's face. Everything is resolved when it is first used, so importing `sqlflow` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:
    from .errors import DocumentError, SQLFlowError
    from .pipeline import Pipeline
    from .result import RunResult
    from .sdk import udf

_HOMES = {
    "DocumentError": "sqlflow.errors",
    "Pipeline": "sqlflow.pipeline",
    "RunResult": "sqlflow.result",
    "SQLFlowError": "sqlflow.errors",
    "udf": "sqlflow.sdk",
}

__all__ = ["DocumentError", "Pipeline", "RunResult", "SQLFlowError", "__version__", "udf"]


def __getattr__(name: str) -> Any:
    """Import a name from its home on first use (PEP 562)."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'sqlflow' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the face, and nothing else."""
    return sorted(__all__)
