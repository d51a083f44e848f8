"""`sqlflow jsonschema`."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example: sqlflow jsonschema --output schemas/pipeline.schema.json"


class Kind(StrEnum):
    """Which document."""

    pipeline = "pipeline"
    test = "test"
    project = "project"
    run = "run"


def run(
    kind: Annotated[Kind, typer.Argument(help="The kind of document.")] = Kind.pipeline,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write.", show_default=False)] = None,
) -> int:
    """Print the JSON Schema of documents, composed from the plugins installed here."""
    from sqlflow.pipeline import installed
    from sqlflow.schema import schema_of

    text = json.dumps(schema_of(kind.value, installed()), indent=2) + "\n"
    if output is None:
        print(text, end="")
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
        print(f"wrote {output}")
    return 0
