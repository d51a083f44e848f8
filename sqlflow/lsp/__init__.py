"""The language server: documents explained to an editor while they are typed.

A face like the command line. Only `server` and `wire` know the protocol and its library, which is an extra and is
imported when the server starts; what the rest tells is values. Must not know how an editor shows anything.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlflow.errors import SQLFlowError


def serve(profile: str | None = None, variables: Mapping[str, str] | None = None) -> int:
    """Serve one editor on standard input and output until it says that it is done; returns the exit code.

    Raises:
        SQLFlowError: the library of the protocol is not installed.

    """
    try:
        import pygls  # noqa: F401 - whether it is there
    except ModuleNotFoundError as error:
        hint = 'pip install "sqlflow-pipelines[lsp]"'
        raise SQLFlowError(
            "the language server needs pygls, which is not installed", hint=hint, code="SF640"
        ) from error
    from .server import Server

    return Server(profile, variables).run()


__all__ = ["serve"]
