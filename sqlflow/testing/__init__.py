"""The kit for plugin authors: exams that built-ins and plugins sit alike, and what is needed to set them.

A test of a plugin subclasses an exam, brings a place and declares quirks. Needs pytest, which is not a dependency at
run time: `pip install sqlflow-pipelines[testing]`. Everything is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .connector_exam import ConnectorExam
    from .engine_exam import EngineExam
    from .fakes import MemoryConnector
    from .laws import Differs, Exam, Law, Quirk, law
    from .places import Fault, Place
    from .small_exams import CheckExam, FunctionExam, SecretProviderExam
    from .step_exam import StepTypeExam
    from .storage_exam import StorageExam

_HOMES = {
    "CheckExam": "small_exams",
    "ConnectorExam": "connector_exam",
    "Differs": "laws",
    "EngineExam": "engine_exam",
    "Exam": "laws",
    "Fault": "places",
    "FunctionExam": "small_exams",
    "Law": "laws",
    "MemoryConnector": "fakes",
    "Place": "places",
    "Quirk": "laws",
    "SecretProviderExam": "small_exams",
    "StepTypeExam": "step_exam",
    "StorageExam": "storage_exam",
    "law": "laws",
}

__all__ = [
    "CheckExam",
    "ConnectorExam",
    "Differs",
    "EngineExam",
    "Exam",
    "Fault",
    "FunctionExam",
    "Law",
    "MemoryConnector",
    "Place",
    "Quirk",
    "SecretProviderExam",
    "StepTypeExam",
    "StorageExam",
    "law",
]


def __getattr__(name: str) -> Any:
    """Import a name from its home on first use (PEP 562)."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the face, and nothing else."""
    return sorted(__all__)
