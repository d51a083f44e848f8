"""What a step is handed while it executes: its session, its folder, and a way to be heard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from .engine import Session, Token


@dataclass(frozen=True)
class StepContext:
    """One attempt of one step. The session is this attempt's own; relative paths start at `folder`."""

    session: Session
    token: Token
    folder: Path
    started_at: datetime
    warn: Callable[[str], None]
