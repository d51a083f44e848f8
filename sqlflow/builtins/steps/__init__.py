"""The step types in the box: load, transform, export, check, sql."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlflow.sdk import hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlflow.sdk import StepType


@hookimpl
def sqlflow_step_types() -> Sequence[type[StepType]]:
    """Bring all of them."""
    from .check import CheckStep
    from .export import ExportStep
    from .load import LoadStep
    from .sql import SqlStep
    from .transform import TransformStep

    return [LoadStep, TransformStep, ExportStep, CheckStep, SqlStep]
