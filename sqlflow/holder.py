"""Who writes a warehouse: a record beside its file, so that a second process can say whom it waits for.

The record only tells. What keeps a second writer out is the engine's own lock, which the operating system frees when
a process dies; so a warehouse that opens is free, whatever an old record says. Knows no engine and no plan.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import asdict

from sqlflow.sdk import Session, StorageLocation, WarehouseLocked

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))


class Holder(Struct, frozen=True):
    """A process that has a warehouse open for writing. `work` says what for: a run's id, or the name of a command."""

    work: str
    pipeline: str = ""
    pid: int = field(default_factory=os.getpid)
    host: str = field(default_factory=socket.gethostname)
    started_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def __str__(self) -> str:
        """Tell who, where, doing what, since when."""
        of = f" of {self.pipeline}" if self.pipeline else ""
        return f"PID {self.pid} on {self.host}, {self.work}{of}, since {self.started_at}{self._age()}"

    def _age(self) -> str:
        with suppress(ValueError, TypeError):
            passed = (datetime.now(UTC) - datetime.fromisoformat(self.started_at)).total_seconds()
            amount, unit = next(((passed / size, u) for u, size in _UNITS if passed >= 2 * size), (passed, "s"))
            return f" ({amount:.0f} {unit} ago)"
        return ""


class Claim:
    """The record of one holder; without a file there is nothing to record."""

    def __init__(self, location: StorageLocation, holder: Holder) -> None:
        self._path = _record(location)
        self._holder = holder
        self.left: Holder | None = None
        """The holder whose record was still there: it did not come to its end."""

    def make(self) -> None:
        """Write the record. The warehouse has been opened, so one that is there is stale.

        A folder that takes no record, such as one without space, takes away the name of the holder and no more.
        """
        if self._path is not None:
            self.left = _read(self._path)
            new = self._path.with_name(f"{self._path.name}.{os.getpid()}")
            with suppress(OSError):
                new.write_text(json.dumps(asdict(self._holder)) + "\n", encoding="utf-8")
                new.replace(self._path)
                return
            with suppress(OSError):
                new.unlink(missing_ok=True)

    def release(self) -> None:
        """Take the record away; call it while the warehouse is still open, so that it is still one's own."""
        if self._path is not None and _read(self._path) == self._holder:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)


def is_gone(pid: int, host: str) -> bool:
    """Tell whether a process has ended for certain; of other machines nothing is known."""
    if host != socket.gethostname():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def opened(location: StorageLocation, open_it: Callable[[], Session]) -> Session:
    """Open a warehouse.

    Raises:
        WarehouseLocked: another process writes it; the message says which, since when, and what it does.

    """
    try:
        return open_it()
    except WarehouseLocked as error:
        record = _record(location)
        holder = _read(record) if record is not None else None
        if holder is None or (error.pid is not None and error.pid != holder.pid):
            raise
        told = f"{location.path} is being written by another process: {holder}"
        raise WarehouseLocked(told, pid=holder.pid, hint=error.hint) from error


def _record(location: StorageLocation) -> Path | None:
    path = location.path
    return path.with_name(f"{path.name}.lock") if path is not None and not location.shared else None


def _read(path: Path) -> Holder | None:
    """Read a record; one that is not whole is none."""
    try:
        return Holder(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
