"""The step types in the box: load, transform, export, check, sql."""

from __future__ import annotations

from collections.abc import Sequence

from sqlflow.sdk import Late, hookimpl


@hookimpl
def sqlflow_step_types() -> Sequence[Late]:
    """Bring all of them, each imported when a document uses it."""
    return [
        Late("load", f"{__name__}.load:LoadStep"),
        Late("transform", f"{__name__}.transform:TransformStep"),
        Late("export", f"{__name__}.export:ExportStep"),
        Late("check", f"{__name__}.check:CheckStep"),
        Late("sql", f"{__name__}.sql:SqlStep"),
    ]
