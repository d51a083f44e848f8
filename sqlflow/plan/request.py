"""What is asked of a pipeline, by the command line or by whoever plans it. Values; must know no document."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, field

from sqlflow.problem import Mark


class Asked(Struct, frozen=True):
    """What the command line asks of all steps. `since` and `until` are half-open."""

    full_refresh: bool = False
    since: str | None = None
    until: str | None = None
    changed: bool = False
    """Whether steps that would do again what they have done are left out."""
    retry: bool = False
    """Whether the rows are those that a step has set aside."""


class Request(Struct, frozen=True):
    """What is asked of a pipeline. `offline` forbids everything but this machine's files and environment."""

    run_id: str
    started_at: datetime
    profile: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    written: Mapping[str, Mark] = field(default_factory=dict)
    """Where values of variables stand that a document gives, and not the command line."""
    environment: Mapping[str, str] = field(default_factory=dict)
    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    fail_fast: bool = False
    offline: bool = False
    sources: bool = True
    """Whether the files that are read have to be there."""
    asked: Asked = field(default_factory=Asked)
    recorded: Mapping[str, Any] = field(default_factory=dict)
    """Values of variables in the run that is resumed; those that are declared no more do not count."""
