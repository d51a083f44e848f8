"""`sqlflow lsp`."""

from __future__ import annotations

from .options import ProfileOption, VarOption, variables

EXAMPLE = "Example: sqlflow lsp --profile dev"


def run(profile: ProfileOption = None, var: VarOption = None) -> int:
    """Serve an editor on standard input and output: problems while typing, completion, hover, definitions."""
    from sqlflow.lsp import serve

    return serve(profile, variables(var))
