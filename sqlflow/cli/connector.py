"""`sqlflow connector list | describe | test`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import Output, OutputOption, ProfileOption

app = typer.Typer(help="Look at connectors and try connections.", no_args_is_help=True)


@app.command("list", epilog="Example: sqlflow connector list")
def list_connectors(output: OutputOption = Output.text) -> int:
    """List the connectors installed here."""
    from sqlflow.pipeline import installed

    from .render import show_json, table

    rows: list[dict[str, Any]] = [
        {
            "name": owned.name,
            "reads": owned.item.ReadOptions is not None,
            "writes": sorted(owned.item.write_modes) if owned.item.WriteOptions is not None else [],
            "from": f"{owned.owner.distribution} {owned.owner.version}",
            "description": (owned.item.__doc__ or "").strip().partition("\n")[0],
        }
        for owned in sorted(installed().all("connector"), key=lambda o: o.name)
    ]
    if output is Output.json:
        show_json(rows)
        return 0
    shown = [(r["name"], "yes" if r["reads"] else "no", ", ".join(r["writes"]) or "no", r["from"]) for r in rows]
    print(table(shown, ("connector", "reads", "writes", "from")))
    return 0


@app.command(epilog="Example: sqlflow connector describe csv")
def describe(
    name: Annotated[str, typer.Argument(help="The connector.", show_default=False)], output: OutputOption = Output.text
) -> int:
    """Show every option of a connector, and a document that uses it."""
    from sqlflow.errors import SQLFlowError
    from sqlflow.pipeline import installed
    from sqlflow.registry import Unknown

    from .reference import connector_data, connector_text
    from .render import show_json

    try:
        if output is Output.json:
            show_json(connector_data(installed(), name))
        else:
            print(connector_text(installed(), name))
    except Unknown as error:
        raise SQLFlowError(str(error), hint=error.hint) from None
    return 0


@app.command(epilog="Example: sqlflow connector test shop --profile prod")
def test(
    connection: Annotated[
        str,
        typer.Argument(help="A connection of the project, the profile or the pipeline.", show_default=False),
    ],
    spec: Annotated[
        Path | None, typer.Option("--spec", help="Pipeline that names the connection.", show_default=False)
    ] = None,
    profile: ProfileOption = None,
    output: OutputOption = Output.text,
) -> int:
    """Try a connection; the exit code is 0 when it works."""
    import time

    from sqlflow.errors import DocumentError
    from sqlflow.problem import Problem, did_you_mean
    from sqlflow.warehouse import connections, try_connection

    from .render import duration, show_json

    known, workspace, redactor = connections(Path.cwd(), spec, profile)
    if connection not in known.declared:
        hint = did_you_mean(connection, known.declared, noun="connection")
        raise DocumentError([Problem("SF312", f"unknown connection {connection!r}", None, hint)])
    bound = known.get(connection)
    if bound is None:
        raise DocumentError(known.declared[connection].diagnosis.problems)
    started = time.perf_counter()
    report = try_connection(known, connection, workspace.folder)
    took = (time.perf_counter() - started) * 1000
    data = {
        "connection": connection,
        "connector": bound[0].name,
        "ok": report.ok,
        "message": report.message,
        "kind": report.kind,
        "reachable": report.reachable,
        "authenticated": report.authenticated,
        "can_read": report.can_read,
        "can_write": report.can_write,
        "version": report.version,
        "latency_ms": None if report.latency_ms is None else round(report.latency_ms, 3),
        "facts": dict(report.facts),
        "duration_ms": round(took, 1),
    }
    if output is Output.json:
        show_json(redactor.value(data))
        return 0 if report.ok else 1
    state = "ok" if report.ok else "FAIL"
    lines = [f"{connection} ({bound[0].name}): {state}, {report.message}, {duration(took)}"]
    words = {
        "reachable": "reachable",
        "authenticated": "authenticated",
        "can_read": "may read",
        "can_write": "may write",
    }
    answers: dict[Any, str] = {True: "yes", False: "no"}
    lines += [f"  {word}: {answers[found]}" for key, word in words.items() if (found := data[key]) is not None]
    if report.version is not None:
        lines.append(f"  version: {report.version}")
    if report.latency_ms is not None:
        lines.append(f"  latency: {duration(report.latency_ms)}")
    lines += [f"  {name}: {fact}" for name, fact in report.facts.items()]
    print(redactor.text("\n".join(lines)))
    return 0 if report.ok else 1
