"""`sqlflow query`."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from threading import Event, Thread
from typing import Annotated, Any

import typer

from sqlflow.sdk import Session

from .options import ProfileOption

EXAMPLE = 'Example: sqlflow query "select * from marts.daily order by 1 desc" --limit 20'


class Form(StrEnum):
    """How rows are shown."""

    table = "table"
    json = "json"
    csv = "csv"


def run(
    sql: Annotated[str, typer.Argument(help="A SELECT over the tables of the warehouse.", show_default=False)],
    spec: Annotated[
        Path | None,
        typer.Option("--spec", help="Pipeline whose warehouse is meant, outside a project.", show_default=False),
    ] = None,
    profile: ProfileOption = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="How rows are shown.")] = Form.table,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="Most rows to show; 0 for all.")] = 100,
) -> int:
    """Run a query on the warehouse, which is opened read-only."""
    from sqlflow.warehouse import open_warehouse

    from .render import plural, show_json

    session = open_warehouse(Path.cwd(), spec, profile)
    try:
        bounded = f"SELECT * FROM ({sql.strip().rstrip(';')}\n)" + (f" LIMIT {limit + 1}" if limit else "")
        found = _fetched(session, bounded)
    finally:
        session.close()
    more = bool(limit) and found.num_rows > limit
    rows: list[dict[str, Any]] = found.slice(0, limit).to_pylist() if limit else found.to_pylist()
    if output is Form.json:
        show_json(rows)
    elif output is Form.csv:
        _csv(found.column_names, rows)
    else:
        print(_shown(found.column_names, rows))
        print(f"({'first ' if more else ''}{plural(len(rows), 'row')}{'; --limit 0 shows all' if more else ''})")
    return 0


def _fetched(session: Session, sql: str) -> Any:
    """Fetch in another thread, so that Ctrl-C is heard here and interrupts the query."""
    answers: list[Any] = []
    errors: list[Exception] = []
    ended = Event()  # join and is_alive believe that a thread has ended when Ctrl-C comes while they wait

    def fetch() -> None:
        try:
            answers.append(session.arrow(sql))
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits
            errors.append(error)
        finally:
            ended.set()

    Thread(target=fetch, daemon=True).start()
    try:
        while not ended.wait(0.1):
            pass
    except KeyboardInterrupt:
        while not ended.wait(0.1):  # an interrupt between two statements is lost, so it is repeated
            session.interrupt()
        raise
    if errors:
        raise errors[0]
    return answers[0]


def _csv(names: list[str], rows: list[dict[str, Any]]) -> None:
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([["" if row[n] is None else row[n] for n in names] for row in rows])


def _shown(names: list[str], rows: list[dict[str, Any]]) -> str:
    from decimal import Decimal

    from .render import table

    numbers = [
        i
        for i, n in enumerate(names)
        if rows
        and all(
            isinstance(r[n], (int, float, Decimal)) and not isinstance(r[n], bool) for r in rows if r[n] is not None
        )
    ]
    return table([["NULL" if row[n] is None else row[n] for n in names] for row in rows], names, align_right=numbers)
