"""The verbs and where each lives. A verb's own module is imported only when it is called or listed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer

#: Verb -> module; a module has `run`, or `app` for a group of verbs.
VERBS = {
    "run": "run",
    "validate": "validate",
    "lint": "lint",
    "fmt": "fmt",
    "plan": "plan",
    "test": "spectests",
    "lineage": "lineage",
    "vars": "vars",
    "query": "query",
    "explain": "explain",
    "runs": "runs",
    "state": "state",
    "schema": "schema",
    "quarantine": "quarantine",
    "connector": "connector",
    "plugin": "plugin",
    "pipeline": "pipeline",
    "jsonschema": "jsonschema",
    "lsp": "lsp",
}
HELP = "Data pipelines as YAML documents, checked completely and run on embedded DuckDB."


def build(arguments: Sequence[str]) -> Any:
    """Return the command for these arguments: one verb when it is a known one, else all of them and the plugins'."""
    app = typer.Typer(help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    verb = next((a for a in arguments if not a.startswith("-")), None)
    wanted = [verb] if verb in VERBS else list(VERBS)
    for name in wanted:
        add_verb(app, name)
    if verb not in VERBS:
        _add_plugin_verbs(app)

    @app.callback()
    def root(
        version: bool = typer.Option(False, "--version", "-V", help="Show the version and exit."),
    ) -> None:
        if version:
            from sqlflow.version import __version__

            typer.echo(f"sqlflow {__version__}")
            raise typer.Exit

    return typer.main.get_command(app)


def add_verb(app: typer.Typer, name: str, verb: str | None = None) -> None:
    """Add one verb, or a group of verbs, under its own name."""
    module = import_module(f"sqlflow.cli.{VERBS[name]}")
    if hasattr(module, "app"):
        app.add_typer(module.app, name=name)
    else:
        app.command(verb or name, epilog=module.EXAMPLE)(module.run)


def _add_plugin_verbs(app: typer.Typer) -> None:
    from sqlflow.pipeline import installed

    for owned in installed().all("command"):
        if owned.name not in VERBS:
            app.add_typer(owned.item, name=owned.name)
