"""The kit for plugin authors: exams that built-ins and plugins sit alike, and what is needed to set them.

A test of a plugin subclasses an exam, brings a place and declares quirks. Needs pytest, which is not a dependency at
run time: `pip install sqlflow-pipelines[testing]`. Everything is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .connector_exam import ConnectorExam
    from .fakes import MemoryConnector
    from .laws import Differs, Law, Quirk, law
    from .places import Fault, Place

_HOMES = {
    "ConnectorExam": "connector_exam",
    "Differs": "laws",
    "Fault": "places",
    "Law": "laws",
    "MemoryConnector": "fakes",
    "Place": "places",
    "Quirk": "laws",
    "law": "laws",
}

__all__ = ["ConnectorExam", "Differs", "Fault", "Law", "MemoryConnector", "Place", "Quirk", "law"]


def __getattr__(name: str) -> Any:
    """Import a name from its home on first use (PEP 562)."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the face, and nothing else."""
    return sorted(__all__)
