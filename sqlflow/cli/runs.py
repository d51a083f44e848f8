"""`sqlflow runs list | show | prune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import Output, OutputOption

app = typer.Typer(help="Look at the records of past runs.", no_args_is_help=True)


@app.command("list", epilog="Example: sqlflow runs list --limit 5")
def list_runs(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Most runs to show.")] = 20,
    output: OutputOption = Output.text,
) -> int:
    """List past runs, the newest first."""
    from itertools import islice

    from .render import duration, show_json, table

    runs = list(islice(_records(), limit))
    if output is Output.json:
        show_json([{k: v for k, v in run.items() if k != "steps"} for run in runs])
        return 0
    if not runs:
        print("no runs yet")
        return 0
    rows = [
        (
            r["run_id"],
            r["pipeline"],
            r["profile"] or "",
            _status(r),
            len(r["steps"]),
            duration(r["duration_ms"]) if r["duration_ms"] else "",
        )
        for r in runs
    ]
    print(table(rows, ("run", "pipeline", "profile", "status", "steps", "took"), align_right=[4, 5]))
    return 0


@app.command(epilog="Example: sqlflow runs show")
def show(
    run_id: Annotated[
        str | None,
        typer.Argument(help="The run, or the start of its id; by default the last one.", show_default=False),
    ] = None,
    output: OutputOption = Output.text,
) -> int:
    """Show one run, step by step."""
    from .console import told_rows
    from .render import duration, show_json, table

    run = _one(run_id)
    if output is Output.json:
        show_json(run)
        return 0
    from sqlflow.sdk import RowCounts

    print(
        f"{run['pipeline']}: run {run['run_id']}, {_status(run)}"
        + (f" in {duration(run['duration_ms'])}" if run["duration_ms"] else "")
    )
    print(f"started {run['started_at']}, profile {run['profile'] or 'none'}\n")
    rows = [
        (
            s["id"],
            s["type"],
            s["status"],
            s["attempts"],
            told_rows(s["type"], RowCounts(**s["rows"])),
            duration(s["duration_ms"]),
            s["reason"],
        )
        for s in run["steps"]
    ]
    print(table(rows, ("step", "type", "status", "tries", "rows", "took", "reason"), align_right=[3, 5]))
    return 0


@app.command(epilog="Example: sqlflow runs prune --keep 50")
def prune(
    keep: Annotated[int, typer.Option("--keep", min=0, help="How many of the newest to keep.")] = 100,
) -> int:
    """Remove the records of old runs; no data is touched."""
    from sqlflow.project import open_workspace
    from sqlflow.run import prune as remove

    from .render import plural

    gone = remove(open_workspace(Path.cwd()).target, keep)
    print(f"removed {plural(len(gone), 'record')}")
    return 0


def _records() -> Any:
    from sqlflow.project import open_workspace
    from sqlflow.run import recorded_runs

    return recorded_runs(open_workspace(Path.cwd()).target)


def _status(run: dict[str, Any]) -> str:
    """Return the status of a run; one whose process is gone did not live to write how it ended."""
    from sqlflow.holder import is_gone

    return "killed" if run["status"] == "running" and is_gone(run["pid"], run["host"]) else str(run["status"])


def _one(run_id: str | None) -> dict[str, Any]:
    from sqlflow.errors import SQLFlowError

    for run in _records():
        if run_id is None or run["run_id"].startswith(run_id):
            found: dict[str, Any] = run
            return found
    raise SQLFlowError("no runs yet" if run_id is None else f"no run {run_id!r}", hint="see `sqlflow runs list`")
