"""Watching a run: a live view in a terminal, plain lines elsewhere. An observer like any other."""

from __future__ import annotations

import sys
from io import StringIO
from typing import Any, TextIO

from sqlflow.sdk import (
    Event,
    RowCounts,
    RunFinished,
    RunStarted,
    StepFinished,
    StepRetried,
    StepStarted,
    StepWarned,
)

from .render import coloured, duration, paint, plural

_SIGN = {
    "succeeded": ("ok", "green"),
    "failed": ("FAIL", "red"),
    "skipped": ("skip", "dim"),
    "cancelled": ("stop", "yellow"),
}


class Plain:
    """A line for each step that ends."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.width = 0
        self.counts: dict[str, int] = {}

    def observe(self, event: Event) -> None:
        """Print what a reader of a log wants to know."""
        try:
            for line in self.lines(event):
                print(line, file=self.stream, flush=True)
        except BrokenPipeError:  # the reader of a pipe has gone; the run goes on
            self.stream = StringIO()

    def lines(self, event: Event) -> list[str]:
        """Return the lines of an event."""
        if isinstance(event, RunStarted):
            self.width = max((len(step) for step in event.steps), default=0)
            profile = f", profile {event.profile}" if event.profile else ""
            return [f"{event.pipeline}: run {event.run_id}{profile}, {plural(len(event.steps), 'step')}"]
        if isinstance(event, StepRetried):
            why = event.error.split("\n", 1)[0]
            return [f"  retry  {event.step}: attempt {event.attempt} failed, next in {event.delay_s:.1f} s: {why}"]
        if isinstance(event, StepWarned):
            first, *rest = event.message.split("\n")
            return [
                f"  {paint('warn', 'yellow', self.stream)}  {event.step}: {first}",
                *(f"        {line}" for line in rest),
            ]
        if isinstance(event, StepFinished):
            word = "not selected" if event.reason == "not selected" else event.state
            self.counts[word] = self.counts.get(word, 0) + 1
            return [] if word == "not selected" else self.finished(event)
        if isinstance(event, RunFinished):
            sign = "green" if event.status == "succeeded" else "red"
            told = ", ".join(f"{count} {word}" for word, count in sorted(self.counts.items(), key=lambda c: -c[1]))
            shown = f": {told}" if len(self.counts) > 1 or event.status != "succeeded" else ""
            return [f"{paint(event.status, sign, self.stream)} in {duration(event.duration_ms)}{shown}"]
        return []

    def finished(self, event: StepFinished) -> list[str]:
        """Return the line of a step, with its error below it."""
        sign, colour = _SIGN[event.state]
        what = "view" if event.summary.get("view") else told_rows(event.type, event.rows)
        told = [what, *event.summary.get("outputs", ())]
        if checks := event.summary.get("checks"):
            told.append(plural(checks, "check"))
        if because := event.summary.get("because"):
            told.append("ran: " + "; ".join(because))
        if note := event.summary.get("note"):
            told.append(note)
        if tolerated := event.summary.get("tolerated"):
            told.append(f"{plural(tolerated, 'failure')} let through by max_failures")
        if event.state == "succeeded":
            told.append(duration(event.duration_ms))
        error = event.summary.get("error")
        if (event.state in ("skipped", "cancelled") and event.reason) or event.reason == "committed before":
            told = [event.reason]
        elif error:
            told = [f"{error['code']} {error['message'].splitlines()[0]}"]
        shown = ", ".join(part for part in told if part)
        head = f"  {paint(sign.ljust(4), colour, self.stream)}  {event.step.ljust(self.width)}"
        lines = [f"{head}  {event.type.ljust(9)}  {shown}".rstrip()]
        if error:
            lines += [f"        {line}" for line in error["message"].splitlines()[1:]]
            if error["hint"]:
                lines.append(f"        {paint('hint:', 'green', self.stream)} {error['hint']}")
        return lines


class Live(Plain):
    """The plain lines, and below them the steps at work with a clock."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        console = Console(file=stream)
        self.progress = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True
        )
        self.tasks: dict[str, Any] = {}

    def observe(self, event: Event) -> None:
        """Print the lines above the live part, and bring that up to date."""
        from rich.text import Text

        if isinstance(event, RunStarted):
            self.progress.start()
        if isinstance(event, StepStarted) and event.step not in self.tasks:
            self.tasks[event.step] = self.progress.add_task(f"{event.step}  {event.type}", total=None)
        if isinstance(event, StepFinished) and event.step in self.tasks:
            self.progress.remove_task(self.tasks.pop(event.step))
        if isinstance(event, RunFinished):
            self.progress.stop()
        for line in self.lines(event):
            self.progress.console.print(Text.from_ansi(line), soft_wrap=True)


def watcher(stream: TextIO | None = None) -> Plain:
    """Return the view that suits where the output goes."""
    stream = stream or sys.stdout
    return Live(stream) if stream.isatty() and coloured(stream) else Plain(stream)


def told_rows(kind: str, rows: RowCounts) -> str:
    """Say what became of rows, in a few words."""
    if kind == "export":
        return plural(rows.inserted, "row") if rows.inserted is not None else ""
    told = []
    if rows.read and rows.inserted == 0 and not rows.updated and rows.deleted == 0:  # None: all that was there is gone
        told.append(f"{plural(rows.read, 'row')} read, nothing changed")
    elif rows.inserted is not None:
        told.append(
            f"{rows.inserted:,} inserted"
            if rows.updated or rows.deleted or rows.read not in (None, rows.inserted)
            else plural(rows.inserted, "row")
        )
    counts = ((rows.updated, "updated"), (rows.deleted, "deleted"), (rows.quarantined, "quarantined"))
    told += [f"{n:,} {word}" for n, word in counts if n]
    return ", ".join(told)
