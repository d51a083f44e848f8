"""Options that several verbs take, stated once."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sqlflow.errors import DocumentError
from sqlflow.problem import Problem

LAST = "last"
"""Stands for the run id where `--resume` is given without one."""


def with_last_run(arguments: list[str]) -> list[str]:
    """Name the last run after a `--resume` that names none; the parser knows no option whose value may be left out."""
    found: list[str] = []
    for position, argument in enumerate(arguments):
        found.append(argument)
        following = arguments[position + 1] if position + 1 < len(arguments) else ""
        if argument == "--resume" and not re.fullmatch(r"\d{8}T\d+Z-\w+|last", following):
            found.append(LAST)
    return found


class Output(StrEnum):
    """How a verb answers."""

    text = "text"
    json = "json"


class Format(StrEnum):
    """How a verb reports: to a person, to a program, or to what reads the results of CI."""

    text = "text"
    json = "json"
    github = "github"
    sarif = "sarif"
    junit = "junit"
    markdown = "markdown"


Spec = Annotated[Path, typer.Argument(metavar="SPEC", help="The pipeline document.", show_default=False)]
ProfileOption = Annotated[
    str | None, typer.Option("--profile", "-p", help="Environment of the project to use.", show_default=False)
]
VarOption = Annotated[
    list[str] | None,
    typer.Option("--var", "-v", metavar="NAME=VALUE", help="Value of a variable; may be repeated.", show_default=False),
]
SelectOption = Annotated[
    list[str] | None,
    typer.Option("--select", "-s", help="Steps to run: orders, +daily, orders+, tag:finance.", show_default=False),
]
ExcludeOption = Annotated[
    list[str] | None, typer.Option("--exclude", help="Steps to leave out, written alike.", show_default=False)
]
RefreshOption = Annotated[
    bool, typer.Option("--full-refresh", help="Forget watermarks and make incremental targets anew.")
]
FromOption = Annotated[
    str | None,
    typer.Option("--from", metavar="VALUE", help="Read again from this cursor value, inclusive.", show_default=False),
]
ToOption = Annotated[
    str | None,
    typer.Option("--to", metavar="VALUE", help="Read up to this cursor value, exclusive.", show_default=False),
]
ChangedOption = Annotated[
    bool, typer.Option("--changed", help="Leave out steps that would do again what they have done.")
]
ResumeOption = Annotated[
    str | None,
    typer.Option(
        "--resume", metavar="[RUN_ID]", help="Go on with a run; the last one if none is named.", show_default=False
    ),
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="Answer for people or for machines.")]
FormatOption = Annotated[
    Format, typer.Option("--output", "-o", help="Answer for people, for programs, or in a format that CI reads.")
]


def variables(given: list[str] | None) -> dict[str, str]:
    """Read `--var NAME=VALUE`.

    Raises:
        DocumentError: one of them is not of that form.

    """
    found: dict[str, str] = {}
    for text in given or []:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise DocumentError(
                [
                    Problem(
                        "SF309",
                        f"--var {text}: a name and a value are needed",
                        None,
                        "write --var NAME=VALUE",
                    )
                ]
            )
        found[name.strip()] = value
    return found


def selectors(given: list[str] | None, more: list[str] | None = None) -> tuple[str, ...]:
    """Read selectors; several may stand in one argument."""
    return tuple(part for text in [*(given or []), *(more or [])] for part in text.split())
