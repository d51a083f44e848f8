"""`sqlflow plugin list`."""

from __future__ import annotations

import typer

from .options import Output, OutputOption

app = typer.Typer(help="Look at the plugins installed here.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Look at the plugins installed here."""


@app.command("list", epilog="Example: sqlflow plugin list --output json")
def list_plugins(output: OutputOption = Output.text) -> int:
    """List plugins, what each brings, and what is wrong with those that are broken."""
    from sqlflow.pipeline import installed
    from sqlflow.registry import HOOKS

    from .render import paint, show_json, table

    catalog = installed()
    records = catalog.plugins()
    rows = [
        {
            "name": record.name,
            "distribution": record.distribution,
            "version": record.version,
            "module": record.module,
            "brings": {
                kind: names
                for kind in HOOKS
                if (names := sorted(o.name for o in catalog.all(kind) if o.owner.name == record.name))
            },
            "error": record.error,
        }
        for record in records
    ]
    if output is Output.json:
        show_json({"plugins": rows, "conflicts": catalog.conflicts()})
    else:
        shown = [
            (
                r["name"],
                f"{r['distribution']} {r['version']}",
                _brings(r["brings"]),
                "broken" if r["error"] else "ok",
            )
            for r in rows
        ]
        print(table(shown, ("plugin", "from", "brings", "state")))
        for row in rows:
            if row["error"]:
                print(f"\n{paint('broken', 'red')}  {row['distribution']} ({row['name']}): {row['error']}")
        for conflict in catalog.conflicts():
            print(f"\n{paint('conflict', 'red')}  {conflict}")
    return 3 if any(r["error"] for r in rows) or catalog.conflicts() else 0


def _brings(kinds: object) -> str:
    found = kinds if isinstance(kinds, dict) else {}
    return "; ".join(f"{kind}s {', '.join(names)}" for kind, names in found.items())
