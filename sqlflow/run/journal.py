"""The files of a run: `events.ndjson` as things happen, `run.json` and `lineage.json` whole or not at all."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlflow.errors import StepError
from sqlflow.plan import Plan
from sqlflow.sdk import Event

from .record import RunRecord


class Journal:
    """Writes the files of one run. An observer; also handed the record at start and end.

    A new run has its record, whole, before it opens anything: wherever it is killed, it can be found and resumed.
    """

    def __init__(self, plan: Plan, record: RunRecord, *, again: bool = False) -> None:
        self.plan = plan
        self.folder = runs_folder(plan.target) / plan.run_id
        self._again = again
        try:
            if not again:
                self._appear(record)
            self.folder.mkdir(parents=True, exist_ok=True)
            self.events = (self.folder / "events.ndjson").open("a", encoding="utf-8")
        except OSError as error:
            raise _cannot_write(self.folder, error) from error

    def _appear(self, record: RunRecord) -> None:
        """Make the folder of the run, its record in it, under another name first: nobody sees one without the other."""
        hidden = self.folder.with_name(f".{self.folder.name}")
        whole = self.folder
        self.folder = hidden
        try:
            self._write(record)
            self._write_lineage()
            hidden.rename(whole)
        finally:
            self.folder = whole
            shutil.rmtree(hidden, ignore_errors=True)

    def abandon(self) -> None:
        """Take the record away again: the run could not begin, and has done nothing."""
        self.close()
        if not self._again:
            shutil.rmtree(self.folder, ignore_errors=True)

    def observe(self, event: Event) -> None:
        """Append one event."""
        self.events.write(json.dumps(event.as_dict(), default=str) + "\n")
        self.events.flush()

    def begin(self, record: RunRecord) -> None:
        """Write what is known before the first step: the record of a run that is going on, and its lineage.

        Raises:
            StepError: the records cannot be written, so the run does not begin.

        """
        try:
            self._write(record)
            self._write_lineage()
        except OSError as error:
            raise _cannot_write(self.folder, error) from error

    def end(self, record: RunRecord) -> list[str]:
        """Write the final record. The data is committed already, so a failure is told and not raised."""
        try:
            self._write(record)
        except OSError as error:
            return [f"the record {self.folder / 'run.json'} could not be written: {error.strerror}"]
        return []

    def _write(self, record: RunRecord) -> None:
        """Write `run.json`; every secret is masked, whatever field it got into."""
        self._put("run.json", self.plan.redactor.value(record.as_dict()))

    def _write_lineage(self) -> None:
        """Write which step reads and writes which table."""
        steps = [
            {
                "step": s.id,
                "reads": sorted(s.reads),
                "writes": sorted(s.plan.writes),
                "inputs": sorted(s.plan.inputs),
                "outputs": sorted(s.plan.outputs),
            }
            for s in self.plan.steps
        ]
        self._put("lineage.json", self.plan.redactor.value({"pipeline": self.plan.pipeline, "steps": steps}))

    def close(self) -> None:
        """Close the event file."""
        with contextlib.suppress(OSError):  # what could not be flushed was told when it was written
            self.events.close()

    def _put(self, name: str, data: Any) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)  # somebody may have removed target/ meanwhile
        staging = self.folder / f".{name}"
        staging.write_text(json.dumps(data, indent=2, default=str) + "\n", encoding="utf-8")
        staging.replace(self.folder / name)


def _cannot_write(folder: Path, error: OSError) -> StepError:
    hint = "check the permissions of the project folder and the free space"
    message = f"cannot write the records of the run to {folder}: {error.strerror}"
    return StepError(message, hint=hint, code="SF713", kind="permission")


def runs_folder(target: Path) -> Path:
    """Return the folder that holds one folder for each run."""
    return target / "runs"


def recorded_runs(target: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of all runs, the newest first; what cannot be read is named so."""
    folder = runs_folder(target)
    for entry in sorted(folder.iterdir(), reverse=True) if folder.is_dir() else ():
        if not entry.is_dir() or entry.name.startswith("."):
            continue
        try:
            yield json.loads((entry / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            yield {
                "run_id": entry.name,
                "pipeline": None,
                "profile": None,
                "status": "unreadable",
                "started_at": None,
                "finished_at": None,
                "duration_ms": None,
                "steps": [],
            }


def prune(target: Path, keep: int) -> list[str]:
    """Remove all records but the newest; returns the ids of the removed runs. No data is touched."""
    folder = runs_folder(target)
    entries = sorted((e for e in folder.iterdir() if e.is_dir()), reverse=True) if folder.is_dir() else []
    for entry in entries[keep:]:
        shutil.rmtree(entry)
    return [entry.name for entry in entries[keep:]]
