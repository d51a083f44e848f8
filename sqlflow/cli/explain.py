"""`sqlflow explain`."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from .options import Output, OutputOption

EXAMPLE = "Example: sqlflow explain SF201"


def run(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="CODE|[KIND] NAME",
            help="A problem code; a step type, connector or check, its kind before it or not; a key of documents.",
            show_default=False,
        ),
    ],
    output: OutputOption = Output.text,
) -> int:
    """Explain a problem code, the options of a step type, connector or check, or the keys of a document."""
    from sqlflow.codes import all_codes, explain
    from sqlflow.errors import SQLFlowError
    from sqlflow.pipeline import installed
    from sqlflow.problem import did_you_mean

    from .lint import meanings
    from .render import paint, show_json

    name = words[-1]
    found = explain(name.upper()) if len(words) == 1 else None
    if found is None and len(words) == 1 and re.fullmatch(r"[A-Za-z]+\d+", name):
        found = meanings(installed()).get(name.upper())
    if found is None:
        from .parts import known_parts, part_text
        from .reference import described, kinds_of, known_names

        kinds = kinds_of(" ".join(words[:-1]))
        part = part_text(name) if len(words) == 1 else None
        if texts := [text for text in (part, described(name, kinds)) if text is not None]:
            print("\n\n".join(texts))
            return 0
        alone = [*all_codes(), *known_parts()] if len(words) == 1 else []
        hint = did_you_mean(name, [*alone, *known_names(kinds)], noun="name")
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
