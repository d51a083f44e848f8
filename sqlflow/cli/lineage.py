"""`sqlflow lineage`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import ProfileOption, VarOption, variables

if TYPE_CHECKING:
    from sqlflow.lineage import Field, Lineage

EXAMPLE = "Example: sqlflow lineage marts.daily.revenue --output json"


class Form(StrEnum):
    """How lineage is told."""

    text = "text"
    json = "json"
    mermaid = "mermaid"


def run(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[TABLE|TABLE.COLUMN]", help="What it is about; by default every table.", show_default=False
        ),
    ] = None,
    spec: Annotated[
        list[str] | None,
        typer.Option(
            "--spec", metavar="FILE", help="Documents to look at; by default those of the project.", show_default=False
        ),
    ] = None,
    profile: ProfileOption = None,
    var: VarOption = None,
    output: Annotated[
        Form, typer.Option("--output", "-o", help="Answer for people, for programs, or as a drawing in Markdown.")
    ] = Form.text,
) -> int:
    """Show from which columns a column comes, and what is made of it; nothing is run."""
    from sqlflow.errors import DocumentError
    from sqlflow.lineage import trace
    from sqlflow.pipeline import installed
    from sqlflow.sdk import Redactor
    from sqlflow.validation import hold_all

    from .render import show_json
    from .validate import collect

    files, problems = collect(spec or [])
    held = hold_all(files, installed(), profile=profile, vars=variables(var), tests=False)
    wrong = [p for one in held for p in one.compiled.problems if p.severity == "error"]
    if problems or wrong:
        raise DocumentError([*problems, *wrong])
    plans = [(one.plan, one.compiled) for one in held if one.plan is not None]
    redactor = Redactor.joined(plan.redactor for plan, _ in plans)
    lineage = trace(plans)
    fields = _asked(lineage, name) if name is not None else sorted(lineage.columns)
    if name is not None and (table := _unknown(fields, name)):
        print(f"the columns of {redactor.text(table)} are not known here: each may come from any", file=sys.stderr)
    if output is Form.json:
        show_json(redactor.value(_data(lineage, fields)))
        return 0
    if output is Form.mermaid:
        lines = _drawing(lineage, {table for table, _ in fields} if name is not None else None)
    elif name is None:
        lines = _tables(lineage)
    else:
        lines = (line for field in fields for line in _told(lineage, field))
    print(redactor.text("\n".join(lines)))
    return 0


def _asked(lineage: Lineage, name: str) -> list[Field]:
    """Return the columns that a name stands for.

    Raises:
        DocumentError: it is neither a table nor a column of these documents.

    """
    from sqlflow.errors import DocumentError
    from sqlflow.problem import Problem, did_you_mean
    from sqlflow.sdk import fold

    known = {*lineage.columns, *(origin for origins in lineage.columns.values() for origin in origins)}
    wanted = fold(name)
    found = sorted(field for field in known if wanted in (field[0], f"{field[0]}.{field[1]}"))
    found = found or [(table, column) for table, column in known if (f"{table}.", "*") == (_table(wanted), column)]
    if not found:
        names = [*{table for table, _ in known}, *(f"{table}.{column}" for table, column in known)]
        hint = did_you_mean(wanted, names, noun="table or column")
        raise DocumentError([Problem("SF432", f"no table or column {name!r} in these documents", None, hint)])
    return found


def _table(name: str) -> str:
    """Return what stands in front of a column, the dot included."""
    return name[: name.rfind(".") + 1]


def _unknown(fields: list[Field], name: str) -> str | None:
    """Return the table whose columns are not known, where one of them was asked for."""
    from sqlflow.sdk import fold

    (table, column) = fields[0]
    return table if len(fields) == 1 and column == "*" and fold(name) not in (table, f"{table}.*") else None


def _told(lineage: Lineage, field: Field) -> Iterator[str]:
    yield ".".join(field)
    if field in lineage.columns and not lineage.columns[field]:
        yield "  <- no column: its step makes it"
    yield from _tree(lineage.columns, field, "  <- ", {field})
    yield from _tree(lineage.readers(), field, "  -> ", {field})


def _tree(next_ones: Any, field: Field, arrow: str, seen: set[Field]) -> Iterator[str]:
    """Yield the columns on one side of a column, each below the one that it is next to; a loop ends at itself."""
    for other in sorted(next_ones.get(field, ())):
        yield f"{arrow}{'.'.join(other)}"
        if other not in seen:
            yield from _tree(next_ones, other, f"  {arrow}", {*seen, other})


def _tables(lineage: Lineage) -> Iterator[str]:
    for table in sorted(lineage.feeds):
        yield f"{table} <- {', '.join(sorted(lineage.feeds[table])) or 'nothing'}"


def _data(lineage: Lineage, fields: list[Field]) -> list[dict[str, Any]]:
    readers = lineage.readers()
    return [
        {
            "table": table,
            "column": column,
            "from": [{"table": t, "column": c} for t, c in sorted(lineage.columns.get((table, column), ()))],
            "into": [{"table": t, "column": c} for t, c in sorted(readers.get((table, column), ()))],
        }
        for table, column in fields
    ]


def _drawing(lineage: Lineage, only: set[str] | None) -> Iterator[str]:
    """Yield a flowchart of the tables; with `only` of those and what is next to them."""
    edges = sorted((source, table) for table, sources in lineage.feeds.items() for source in sources)
    edges = [edge for edge in edges if only is None or only & set(edge)]
    names = {name: f"t{number}" for number, name in enumerate(dict.fromkeys(n for edge in edges for n in edge))}
    yield "flowchart LR"
    yield from (f'  {short}["{name.replace(chr(34), chr(39))}"]' for name, short in names.items())
    yield from (f"  {names[source]} --> {names[table]}" for source, table in edges)
