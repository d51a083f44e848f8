"""`sqlflow explain`."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import Output, OutputOption

EXAMPLE = "Example: sqlflow explain SF201"


def run(
    name: Annotated[
        str,
        typer.Argument(
            metavar="CODE|NAME",
            help="A problem code, or a step type, connector or check.",
            show_default=False,
        ),
    ],
    output: OutputOption = Output.text,
) -> int:
    """Explain a problem code, or the options of a step type, connector or check."""
    from sqlflow.codes import all_codes, explain
    from sqlflow.errors import SQLFlowError
    from sqlflow.problem import did_you_mean

    from .render import paint, show_json

    found = explain(name.upper())
    if found is None:
        from .reference import described, known_names

        if (text := described(name)) is not None:
            print(text)
            return 0
        hint = did_you_mean(name, [*all_codes(), *known_names()], noun="name")
        raise SQLFlowError(f"nothing is called {name!r}", hint=hint)
    if output is Output.json:
        show_json(
            {
                "code": found.code,
                "title": found.title,
                "cause": found.cause,
                "example": found.example,
                "remedy": found.remedy,
            }
        )
        return 0
    print(f"{paint(found.code, 'bold')}  {found.title}\n\n{found.cause.strip()}\n")
    print("Example:\n" + "\n".join(f"    {line}".rstrip() for line in found.example.strip().splitlines()))
    print(f"\n{paint('Remedy:', 'green')} {found.remedy.strip()}")
    return 0
