"""`sqlflow pipeline run | validate | plan | list`: the same verbs under their noun."""

from __future__ import annotations

from pathlib import Path

import typer

from . import plan, run, validate
from .options import Output, OutputOption

app = typer.Typer(help="Run, validate, plan and list pipelines.", no_args_is_help=True)
for _module in (run, validate, plan):
    app.command(_module.__name__.rpartition(".")[2], epilog=_module.EXAMPLE)(_module.run)


@app.command("list", epilog="Example: sqlflow pipeline list")
def list_pipelines(output: OutputOption = Output.text) -> int:
    """List the pipelines of the project."""
    from sqlflow.project import display, open_workspace
    from sqlflow.spec import read_document

    from .render import show_json, table

    rows = []
    for path in open_workspace(Path.cwd()).specs():
        read = read_document(path, display(path))
        if not isinstance(read, list) and read.kind == "test":
            continue
        model = None if isinstance(read, list) else read.model
        steps = len(model.steps) if model else None
        rows.append(
            {
                "file": display(path),
                "name": model.name if model else None,
                "steps": steps,
                "description": model.description if model else "cannot be read; see sqlflow validate",
            }
        )
    if output is Output.json:
        show_json(rows)
    elif rows:
        print(
            table(
                [tuple(r.values()) for r in rows],
                ("file", "pipeline", "steps", "description"),
                align_right=[2],
            )
        )
    else:
        print("no pipelines here; specs: in sqlflow.yaml says where they are")
    return 0
