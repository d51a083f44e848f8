"""`sqlflow vars`."""

from __future__ import annotations

from .options import Output, OutputOption, ProfileOption, Spec, VarOption, variables

EXAMPLE = "Example: sqlflow vars specs/orders.yaml --profile prod"


def run(spec: Spec, profile: ProfileOption = None, var: VarOption = None, output: OutputOption = Output.text) -> int:
    """Show each variable, its value, and where the value came from."""
    from sqlflow.pipeline import Pipeline

    from .render import show_json, table

    plan = Pipeline.from_file(spec).plan(profile=profile, vars=variables(var), offline=True)
    rows = [
        (name, value.type, ("***" if value.secret else value.value) if value.known else None, value.origin)
        for name, value in sorted(plan.variables.items())
    ]
    if output is Output.json:
        show_json([dict(zip(("name", "type", "value", "origin"), row, strict=True)) for row in rows])
    elif rows:
        shown = [(n, t, "(not set here)" if v is None else _written(v), o) for n, t, v, o in rows]
        print(plan.redactor.text(table(shown, ("variable", "type", "value", "from"))))
    else:
        print("this pipeline has no variables")
    return 0


def _written(value: object) -> str:
    """Write a value as it would stand in YAML."""
    if isinstance(value, list):
        return "[" + ", ".join(_written(item) for item in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)
